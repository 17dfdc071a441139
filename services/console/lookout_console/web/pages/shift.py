"""The shift: overview, the pre-shift check, words, handsets that are lost."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from lookout_console.actions.deployments import Known
from lookout_console.actions.raised import Raised
from lookout_console.domain.roles import Permission
from lookout_console.web.callers import Caller, Guard
from lookout_console.web.office import Office, office_of
from lookout_console.web.pages.frame import Sent, on_shift, page
from lookout_console.web.presenting import milliseconds
from lookout_console.web.rendering import go
from lookout_console.web.words import KIND, STATE

router: Final = APIRouter()
Checks = Annotated[Caller, Depends(Guard(Permission.CHECK))]
_FIGURES: Final = ("Faces seen", "Alerts", "False alerts per face seen")


@router.get("/")
def overview(
    request: Request, caller: Annotated[Caller, Depends(Guard(Permission.SEE_SHIFT))]
) -> Response:
    """How the system is, and the deployment so far."""
    office = office_of(request)
    known = office.deployments.current()
    facts = {
        "figures": _figures(office, known) if caller.may(Permission.SEE_RECORD) else [],
        "services": [
            {
                "name": line.name,
                "kind": KIND[line.state],
                "word": STATE[line.state].capitalize(),
                "reason": line.reason,
            }
            for line in office.statuses.lines(office.now())
        ],
        "handsets": _handsets(office, known) if caller.may(Permission.WIPE_HANDSET) else [],
        "shows_handsets": caller.may(Permission.WIPE_HANDSET),
    }
    return page(request, caller, "overview.html", facts)


def _figures(office: Office, known: Known | None) -> list[dict[str, str]]:
    if known is None:
        return []
    record = office.records.record(known.deployment_id)
    rows = {row.words: row for section in record.sections for row in section.rows}
    return [
        {"words": name, "value": rows[name].value, "more": rows[name].note} for name in _FIGURES
    ]


def _handsets(office: Office, known: Known | None) -> list[dict[str, Any]]:
    if known is None:
        return []
    return [
        {
            "who": one.shown,
            "account_id": one.account_id,
            "online": one.online,
            "wiped": one.wiped,
            "proven_ms": milliseconds(one.proven_at) if one.proven_at else 0,
        }
        for one in office.shift.handsets(known.deployment_id)
    ]


@router.get("/check")
def check_page(request: Request, caller: Checks) -> Response:
    """How far the last test alert has come."""
    office = office_of(request)
    known = office.deployments.current()
    tests = [one for one in office.alerts.all(known.deployment_id) if one.test] if known else []
    last = tests[-1] if tests else None
    facts = {
        "steps": [
            _camera(office),
            _console(office, last),
            _to_handsets(office, known, last),
        ],
        "walked": last is not None,
        "possible": known is not None,
    }
    return page(request, caller, "check.html", facts)


def _camera(office: Office) -> dict[str, Any]:
    lines = {line.name: line for line in office.statuses.lines(office.now())}
    capture = lines["capture"]
    # Before a deployment is live capture is shut, and says so: that it is heard is what is asked.
    return {
        "title": "Camera",
        "passed": capture.heard,
        "word": STATE[capture.state].capitalize() if capture.heard else "Not heard",
        "detail": f"capture: {capture.reason}",
    }


def _console(office: Office, last: Raised | None) -> dict[str, Any]:
    shown = last is not None and office.last_check == last.alert_id
    word = "Shown" if shown else "Not yet" if last else "Not started"
    return {
        "title": "Console",
        "passed": shown,
        "word": word,
        "detail": "The test alert has come to this page by the stream that brings alerts."
        if shown
        else "The test alert has not come to a page of the console.",
    }


def _to_handsets(office: Office, known: Known | None, last: Raised | None) -> dict[str, Any]:
    sets = (
        [one for one in office.shift.handsets(known.deployment_id) if not one.wiped]
        if known
        else []
    )
    answered = {one.account_id for one in last.deliveries if one.answer} if last else set()
    said = [
        f"{one.shown}: {'answered' if one.account_id in answered else 'has not answered'}"
        for one in sets
    ]
    return {
        "title": "Handsets",
        "passed": bool(sets) and all(one.account_id in answered for one in sets),
        "word": f"{sum(one.account_id in answered for one in sets)} of {len(sets)}",
        "detail": "; ".join(said) or "No handset has opened its page.",
    }


@router.post("/check")
def start_check(request: Request, caller: Checks, fields: Sent) -> Response:
    """Raise the test alert."""
    del fields
    office = office_of(request)
    known = on_shift(office)
    office.pre_shift.start(caller.actor, known.deployment_id, known.plan.cameras[0])
    return go("/check")


@router.post("/check/seen")
def check_seen(request: Request, caller: Checks, fields: Sent) -> Response:
    """The test alert has come to a page of the console."""
    del caller
    office_of(request).last_check = fields.text("check_id", most=64)
    return JSONResponse({})


@router.post("/messages")
def say(
    request: Request,
    caller: Annotated[Caller, Depends(Guard(Permission.SEND_MESSAGES))],
    fields: Sent,
) -> Response:
    """Send words to everybody on shift."""
    office = office_of(request)
    known = on_shift(office)
    number = office.shift.say(caller.actor, known.deployment_id, fields.text("words", most=300))
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"number": number})
    return go("/handset" if caller.may(Permission.USE_HANDSET) else "/alerts")


@router.post("/handsets/{account_id}/wipe")
def wipe(
    request: Request,
    account_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.WIPE_HANDSET))],
    fields: Sent,
) -> Response:
    """A handset is lost: it forgets what it shows, and its officer's sessions end."""
    office = office_of(request)
    known = on_shift(office)
    reason = fields.text("reason", most=400)
    office.shift.wipe(caller.actor, known.deployment_id, account_id, reason)
    office.credentials.end_sessions_of(account_id)
    return go("/")


@router.post("/handsets/{account_id}/return")
def return_to_use(
    request: Request,
    account_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.WIPE_HANDSET))],
    fields: Sent,
) -> Response:
    """The officer of a wiped handset has another device."""
    del fields
    office = office_of(request)
    office.shift.return_to_use(caller.actor, on_shift(office).deployment_id, account_id)
    return go("/")
