"""What the administrator and the auditor keep an eye on: accounts, tokens, webhooks, the audit, membership."""

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from lookout_console.accounts.values import Account, Token
from lookout_console.domain.roles import Permission, Role
from lookout_console.web.callers import Caller, Guard
from lookout_console.web.fields import Fields
from lookout_console.web.office import Office, office_of
from lookout_console.web.pages.frame import Sent, page
from lookout_console.web.rendering import go
from lookout_console.web.words import CATEGORY, ROLE

router: Final = APIRouter()
KeepsAccounts = Annotated[Caller, Depends(Guard(Permission.KEEP_ACCOUNTS))]
KeepsTokens = Annotated[Caller, Depends(Guard(Permission.KEEP_TOKENS))]
HoldsEvidence = Annotated[Caller, Depends(Guard(Permission.HOLD_EVIDENCE))]
Before = Annotated[int | None, Query(ge=0, le=2**53)]
"""A sequence of the audit, as large as databases and JSON take it."""
SeesAudit = Annotated[Caller, Depends(Guard(Permission.SEE_AUDIT))]


@router.get("/accounts")
def accounts_page(request: Request, caller: KeepsAccounts) -> Response:
    """Everybody who may sign in."""
    return _accounts(request, caller, secret=None)


def _accounts(request: Request, caller: Caller, *, secret: dict[str, str] | None) -> Response:
    office = office_of(request)
    facts = {
        "accounts": [_account(one, caller) for one in office.register.all()],
        "roles": [(str(role), ROLE[role]) for role in Role],
        "webhooks": office.webhooks.all(),
        "secret": secret,
    }
    return page(request, caller, "accounts.html", facts)


def _account(account: Account, caller: Caller) -> dict[str, Any]:
    known = [ROLE[role] for role in Role if role in account.roles]
    standing = "Disabled" if account.disabled else "May sign in"
    return {
        "account_id": account.account_id,
        "name": account.name,
        "shown": account.shown,
        "role_words": ", ".join(known),
        "standing": standing if account.local else f"{standing}, by the identity provider",
        "disabled": account.disabled,
        "local": account.local,
        "other": account.account_id != caller.account.account_id,
    }


@router.post("/accounts")
def add_account(request: Request, caller: KeepsAccounts, fields: Sent) -> Response:
    """A new account."""
    make_account(office_of(request), caller, fields)
    return go("/accounts")


def make_account(office: Office, caller: Caller, fields: Fields) -> Account:
    """A new account out of a form or JSON."""
    return office.register.add(
        name=fields.text("name", most=120),
        shown=fields.text("shown", most=120),
        roles=fields.several_of("roles", Role),
        password=fields.maybe("password", most=256) or None,
        by=caller.account.account_id,
        reason=fields.text("reason", most=400),
    )


@router.post("/accounts/{account_id}/disable")
def disable(request: Request, account_id: str, caller: KeepsAccounts, fields: Sent) -> Response:
    """Let nobody sign in to it any more."""
    reason = fields.text("reason", most=400)
    office_of(request).register.disable(account_id, by=caller.account.account_id, reason=reason)
    return go("/accounts")


@router.post("/accounts/{account_id}/enable")
def enable(request: Request, account_id: str, caller: KeepsAccounts, fields: Sent) -> Response:
    """Let it be signed in to again."""
    reason = fields.text("reason", most=400)
    office_of(request).register.enable(account_id, by=caller.account.account_id, reason=reason)
    return go("/accounts")


@router.post("/accounts/{account_id}/roles")
def change_roles(
    request: Request, account_id: str, caller: KeepsAccounts, fields: Sent
) -> Response:
    """Other roles, from now on."""
    office_of(request).register.change_roles(
        account_id,
        fields.several_of("roles", Role),
        by=caller.account.account_id,
        reason=fields.text("reason", most=400),
    )
    return go("/accounts")


@router.post("/accounts/{account_id}/link")
def make_link(request: Request, account_id: str, caller: KeepsAccounts, fields: Sent) -> Response:
    """A one-time link, shown once to hand over."""
    del fields
    office = office_of(request)
    link = office.credentials.make_link(
        account_id, by=caller.account.account_id, reason="asked for by an administrator"
    )
    value = f"{request.base_url}sign-in/link/{link}"
    return _accounts(
        request, caller, secret={"words": "It signs in once, within 15 minutes.", "value": value}
    )


@router.post("/webhooks")
def add_webhook(request: Request, caller: KeepsAccounts, fields: Sent) -> Response:
    """A new webhook; its secret is shown once."""
    _, secret = office_of(request).webhooks.add(
        url=fields.text("url", most=2000),
        label=fields.text("label", most=120),
        by=caller.account.account_id,
        reason=fields.text("hook_reason", most=400),
    )
    words = "The receiver checks signatures with this secret."
    return _accounts(request, caller, secret={"words": words, "value": secret})


@router.post("/webhooks/{webhook_id}/end")
def end_webhook(request: Request, webhook_id: str, caller: KeepsAccounts, fields: Sent) -> Response:
    """Send nothing more there."""
    reason = fields.text("reason", most=400)
    office_of(request).webhooks.end(webhook_id, by=caller.account.account_id, reason=reason)
    return go("/accounts")


@router.get("/tokens")
def tokens_page(request: Request, caller: KeepsTokens) -> Response:
    """One's own tokens."""
    return _tokens(request, caller, secret=None)


def _tokens(request: Request, caller: Caller, *, secret: dict[str, str] | None) -> Response:
    office = office_of(request)
    mine = [
        one for one in office.credentials.all_tokens() if one.made_by == caller.account.account_id
    ]
    facts = {
        "tokens": [_token(office, one) for one in mine],
        "roles": [(str(role), ROLE[role]) for role in sorted(caller.roles)],
        "secret": secret,
    }
    return page(request, caller, "tokens.html", facts)


def _token(office: Office, token: Token) -> dict[str, Any]:
    return {
        "token_id": token.token_id,
        "label": token.label,
        "role_words": ROLE[Role(token.role)],
        "ends": f"{token.expires_at:%d %b %Y}",
        "used": f"{token.used_at:%d %b %H:%M}" if token.used_at else "never",
        "live": not token.revoked and token.expires_at > office.now(),
    }


@router.post("/tokens")
def make_token(request: Request, caller: KeepsTokens, fields: Sent) -> Response:
    """A new token; its secret is shown once."""
    _, secret = office_of(request).credentials.make_token(
        label=fields.text("label", most=120),
        role=fields.one_of("role", Role),
        lives=timedelta(days=fields.whole("days")),
        by=caller.account,
        reason="made by its owner",
    )
    words = "Send it as “Authorization: Bearer …”."
    return _tokens(request, caller, secret={"words": words, "value": secret})


@router.post("/tokens/{token_id}/revoke")
def revoke_token(request: Request, token_id: str, caller: KeepsTokens, fields: Sent) -> Response:
    """End one of one's own tokens."""
    del fields
    office_of(request).credentials.revoke_own_token(
        token_id, by=caller.account.account_id, reason="revoked by its owner"
    )
    return go("/tokens")


@router.get("/audit")
def audit_page(
    request: Request,
    caller: SeesAudit,
    before: Before = None,
    actor: str = "",
    action: str = "",
) -> Response:
    """The audit, the newest first; reading it is an entry of it."""
    office = office_of(request)
    desk = office.desk
    with desk.store.transaction() as connection:
        desk.record(connection, caller.actor, "audit.view", "audit", f"{actor} {action}".strip())
    by_shown = {one.shown: one.account_id for one in office.register.all()}
    lines = desk.audit.page(before=before, actor=by_shown.get(actor, actor), action=action)
    broken = desk.audit.broken_at()
    facts = {
        "entries": [
            {
                "sequence": line.sequence,
                "at": f"{line.at:%Y-%m-%d %H:%M:%S}",
                "who": office.shown(line.actor),
                "action": line.action,
                "subject": line.subject,
                "reason": line.reason,
            }
            for line in lines
        ],
        "older": lines[-1].sequence if lines and lines[-1].sequence > 1 else None,
        "wanted": {"actor": actor[:100], "action": action[:100]},
        "chain": {"kind": "good", "words": "The chain holds"}
        if broken is None
        else {"kind": "bad", "words": f"The chain is broken at {broken}"},
    }
    return page(request, caller, "audit.html", facts)


@router.get("/evidence")
def evidence_page(request: Request, caller: HoldsEvidence) -> Response:
    """Every alert whose picture is kept, without the picture; and which are held back from their end."""
    office = office_of(request)
    kept = [
        {
            "alert_id": one.alert_id,
            "deployment": known.plan.title,
            "at": f"{one.alerted_at:%d %b %Y %H:%M:%S}",
            "category": CATEGORY[one.category],
            "held": one.held,
        }
        for known in office.deployments.all()
        for one in office.alerts.all(known.deployment_id)
        if one.has_picture and not one.test
    ]
    return page(request, caller, "evidence.html", {"kept": kept})


@router.post("/evidence/{alert_id}/export")
def export(request: Request, alert_id: str, caller: HoldsEvidence, fields: Sent) -> Response:
    """The evidence of one alert as a signed file."""
    reason = fields.text("reason", most=400)
    packed = office_of(request).evidence.export(caller.actor, alert_id, reason)
    name = {"Content-Disposition": f'attachment; filename="evidence-{alert_id}.zip"'}
    return Response(packed, media_type="application/zip", headers=name)


@router.post("/evidence/{alert_id}/hold")
def hold(request: Request, alert_id: str, caller: HoldsEvidence, fields: Sent) -> Response:
    """Hold the evidence of an alert back from its end."""
    office_of(request).retention.hold(caller.actor, alert_id, fields.text("reason", most=400))
    return go("/evidence")


@router.post("/evidence/{alert_id}/release")
def release(request: Request, alert_id: str, caller: HoldsEvidence, fields: Sent) -> Response:
    """End a hold; the evidence goes at once."""
    office_of(request).retention.release(caller.actor, alert_id, fields.text("reason", most=400))
    return go("/evidence")


@router.get("/membership")
def membership_page(
    request: Request, caller: Annotated[Caller, Depends(Guard(Permission.ASK_MEMBERSHIP))]
) -> Response:
    """Was I on it?"""
    return page(request, caller, "membership.html", {"asked": False, "found": []})


@router.post("/membership")
def ask_membership(
    request: Request,
    caller: Annotated[Caller, Depends(Guard(Permission.ASK_MEMBERSHIP))],
    fields: Sent,
) -> Response:
    """The answer, from the ledger; the question is recorded, the reference is not."""
    found = office_of(request).watchlists.asked(
        caller.actor, fields.text("reference", most=120), fields.text("reason", most=400)
    )
    listed = [
        {"deployment": deployment, "category": CATEGORY[_category(category)], "day": str(day)}
        for deployment, category, day in found
    ]
    return page(request, caller, "membership.html", {"asked": True, "found": listed})


def _category(value: str) -> Any:
    return next(category for category in CATEGORY if category == value)
