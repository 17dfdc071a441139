"""The shift: overview, the pre-shift check, words, handsets that are lost."""

import uuid
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from lookout.events import ServiceState
from starlette.responses import JSONResponse, Response

from lookout_console.actions.deployments import Known
from lookout_console.domain.roles import Permission
from lookout_console.web.callers import Caller, Guard
from lookout_console.web.office import Office, office_of
from lookout_console.web.pages.frame import Sent, on_shift, page
from lookout_console.web.presenting import milliseconds
from lookout_console.web.rendering import go
from lookout_console.web.telling import HANDSET
from lookout_console.web.words import KIND, STATE

router: Final = APIRouter()
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
def check_page(
    request: Request, caller: Annotated[Caller, Depends(Guard(Permission.CHECK))]
) -> Response:
    """How far the test alert has come."""
    office = office_of(request)
    known = office.deployments.current()
    lines = {line.name: line for line in office.statuses.lines(office.now())}
    capture = lines["capture"]
    sets = office.shift.handsets(known.deployment_id) if known else ()
    seen = [one for one in sets if one.checked_at is not None]
    steps = [
        {
            "title": "Camera",
            "passed": capture.state is ServiceState.LIVE,
            "word": STATE[capture.state].capitalize(),
            "detail": f"capture: {capture.reason}",
        },
        {
            "title": "Console",
            "passed": office.hub.listeners() > 0,
            "word": "Pages are live" if office.hub.listeners() else "No page is open",
            "detail": f"{office.hub.listeners()} pages are kept live by this console.",
        },
        {
            "title": "Handsets",
            "passed": bool(sets) and len(seen) == len(sets),
            "word": f"{len(seen)} of {len(sets)}",
            "detail": "; ".join(
                f"{one.shown}: {'saw the test alert' if one.checked_at else 'has not answered'}"
                for one in sets
            )
            or "No handset has opened its page.",
        },
    ]
    return page(request, caller, "check.html", {"steps": steps, "walked": bool(seen)})


@router.post("/check")
def start_check(
    request: Request, caller: Annotated[Caller, Depends(Guard(Permission.CHECK))], fields: Sent
) -> Response:
    """Send the test alert to every handset."""
    del fields
    office = office_of(request)
    known = on_shift(office)
    check_id = str(uuid.uuid4())
    with office.desk.store.transaction() as connection:
        office.desk.record(
            connection,
            caller.actor,
            "check.start",
            check_id,
            deployment_id=known.deployment_id,
        )
    office.hub.publish("check", {HANDSET: {"id": check_id}}, scope=known.deployment_id)
    return go("/check")


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
