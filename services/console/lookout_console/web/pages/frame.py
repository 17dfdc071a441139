"""The frame around every page: who is signed in, how the system is, where one can go."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from starlette.responses import Response

from lookout_console.accounts.credentials import csrf_of
from lookout_console.actions.deployments import Known
from lookout_console.domain.errors import WrongStateError
from lookout_console.domain.roles import Permission
from lookout_console.web.callers import Caller, sent
from lookout_console.web.fields import Fields
from lookout_console.web.office import Office, office_of
from lookout_console.web.presenting import message_of, milliseconds
from lookout_console.web.rendering import theme_of
from lookout_console.web.words import ROLE, STATE

Sent = Annotated[Fields, Depends(sent)]

_PLACES: Final = (
    ("/", "Shift", Permission.SEE_SHIFT),
    ("/alerts", "Alerts", Permission.SEE_ALERTS),
    ("/handset", "Handset", Permission.USE_HANDSET),
    ("/deployments", "Deployments", Permission.SEE_DEPLOYMENTS),
    ("/records", "Year", Permission.SEE_RECORD),
    ("/check", "Pre-shift check", Permission.CHECK),
    ("/evidence", "Evidence", Permission.HOLD_EVIDENCE),
    ("/audit", "Audit", Permission.SEE_AUDIT),
    ("/membership", "Membership", Permission.ASK_MEMBERSHIP),
    ("/accounts", "Accounts", Permission.KEEP_ACCOUNTS),
    ("/tokens", "API tokens", Permission.KEEP_TOKENS),
)
_MAY: Final[Mapping[str, Permission]] = {
    "stop": Permission.STOP,
    "queue": Permission.SEE_ALERTS,
    "check": Permission.CHECK,
    "message": Permission.SEND_MESSAGES,
    "wipe": Permission.WIPE_HANDSET,
    "compose": Permission.COMPOSE_WATCHLIST,
    "names": Permission.SEE_NAMES,
    "withdraw": Permission.WITHDRAW_ENTRY,
    "watchlist": Permission.SEE_WATCHLIST,
    "record": Permission.SEE_RECORD,
    "export": Permission.EXPORT_RECORD,
    "draft": Permission.APPLY,
    "membership": Permission.ASK_MEMBERSHIP,
}


def page(
    request: Request, caller: Caller, template: str, facts: Mapping[str, Any] | None = None
) -> Response:
    """A page in the frame."""
    return office_of(request).pages.bare(
        request, template, {**frame(request, caller), **(facts or {})}
    )


def frame(request: Request, caller: Caller) -> dict[str, Any]:
    """What the frame shows."""
    office = office_of(request)
    # Before anything is read: what changes after this is told by the stream.
    here = office.hub.here()
    known = office.deployments.current()
    path = request.url.path
    return {
        "here": here,
        "shift": _shift(office, caller, known),
        "me": {
            "shown": caller.account.shown,
            "role_words": ", ".join(sorted(ROLE[role] for role in caller.roles)),
        },
        "may": {name: caller.may(permission) for name, permission in _MAY.items()},
        "places": [
            {
                "href": href,
                "words": words,
                "here": path == href or (href != "/" and path.startswith(f"{href}/")),
                "counts": permission is Permission.SEE_ALERTS,
            }
            for href, words, permission in _PLACES
            if caller.may(permission)
        ],
        "csrf": csrf_of(caller.cookie),
        "back": f"{path}?{request.url.query}" if request.url.query else path,
        "said": "",
        "theme": theme_of(request),
        "messages": messages_of(office, known, caller),
    }


def messages_of(office: Office, known: Known | None, caller: Caller) -> list[Any]:
    """The words between van and street, for those who are on shift."""
    if known is None or not caller.may(Permission.SEND_MESSAGES):
        return []
    return [message_of(words) for words in office.shift.words(known.deployment_id)]


def _shift(office: Office, caller: Caller, known: Known | None) -> dict[str, Any]:
    banner = office.banner(known)
    waiting = 0
    if known is not None and caller.may(Permission.SEE_ALERTS):
        waiting = office.alerts.waiting(known.deployment_id)
    return {
        "deployment_id": known.deployment_id if known else "",
        "deployment_state": known.stage if known else "",
        "deployment_title": known.plan.title if known else "",
        "state": banner.state,
        "word": STATE[banner.state],
        "reason": banner.reason,
        "since_ms": milliseconds(banner.since),
        "waiting": waiting,
    }


def on_shift(office: Office) -> Known:
    """The deployment that is on. Raises `WrongStateError` where none is."""
    known = office.deployments.current()
    if known is None:
        raise WrongStateError("There is no deployment.")
    return known
