"""Alerts, decisions and messages by the API."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from lookout_console.domain.roles import Permission
from lookout_console.web.api.shape import PREFIX, plainly, said, takes
from lookout_console.web.callers import Caller, Guard
from lookout_console.web.office import office_of
from lookout_console.web.pages.alerts import engage_with, outcome_with, verify_with
from lookout_console.web.pages.frame import Sent, on_shift
from lookout_console.web.words import VERDICT

router: Final = APIRouter(prefix=PREFIX)
_OF_A_PERSON: Final = ("reason", "contact", "image_source", "image_date")
SeesAlerts = Annotated[Caller, Depends(Guard(Permission.SEE_ALERTS))]
Adjudicates = Annotated[Caller, Depends(Guard(Permission.ADJUDICATE))]
Engages = Annotated[Caller, Depends(Guard(Permission.ENGAGE))]


@router.get("/alerts")
def queue(request: Request, caller: SeesAlerts) -> Response:
    """The alerts that wait or are being met. Verdicts are not in it: verifiers are blind to each other."""
    office = office_of(request)
    known = on_shift(office)
    waiting = office.alerts.queue(caller.actor, known.deployment_id)
    return said({"alerts": [_alert(one, caller) for one in waiting]})


@router.get("/alerts/{alert_id}")
def alert(request: Request, alert_id: str, caller: SeesAlerts) -> Response:
    """One alert."""
    return said(_alert(office_of(request).alerts.view(caller.actor, alert_id), caller))


def _alert(raised: Any, caller: Caller) -> dict[str, Any]:
    hidden = {"verifications"}
    if not caller.may(Permission.SEE_SCORE):
        hidden |= {"score", "threshold"}
    facts: dict[str, Any] = plainly(raised)
    said = facts["said"]
    if said is not None:
        # What a card shows, and no more: who asked for the entry and on what basis is the list's matter.
        shown = {name: said[name] for name in _OF_A_PERSON}
        facts["said"] = shown | ({"name": said["name"]} if caller.may(Permission.SEE_NAMES) else {})
    return {name: value for name, value in facts.items() if name not in hidden}


@router.post("/alerts/{alert_id}/claim")
def claim(request: Request, alert_id: str, caller: Adjudicates, fields: Sent) -> Response:
    """I have this one."""
    del fields
    office_of(request).alerts.claim(caller.actor, alert_id)
    return said({})


@router.post(
    "/alerts/{alert_id}/verify",
    openapi_extra=takes(
        verdict=f"One of {', '.join(VERDICT)}",
        subject="A list of factors",
        system="A list of factors",
        environment="A list of factors",
        reason="Not the score",
    ),
)
def verify(request: Request, alert_id: str, caller: Adjudicates, fields: Sent) -> Response:
    """One person's decision, of the person who owns the token."""
    return said({"adjudication": verify_with(office_of(request), caller, alert_id, fields)})


@router.post(
    "/alerts/{alert_id}/engage",
    openapi_extra=takes(
        truth="Whom one met", identity_by_="How", stop_minutes_="0 to 1440", reason="What happened"
    ),
)
def engage(request: Request, alert_id: str, caller: Engages, fields: Sent) -> Response:
    """What is known after the person was met."""
    engage_with(office_of(request), caller, alert_id, fields)
    return said({})


@router.post(
    "/alerts/{alert_id}/outcome",
    openapi_extra=takes(
        disposal="What came of it", reason="Why", sex_="", ethnicity_="", age_band_=""
    ),
)
def outcome(request: Request, alert_id: str, caller: Engages, fields: Sent) -> Response:
    """What came of it."""
    outcome_with(office_of(request), caller, alert_id, fields)
    return said({})


@router.post("/messages", openapi_extra=takes(words="At most 300 characters"))
def say(
    request: Request,
    caller: Annotated[Caller, Depends(Guard(Permission.SEND_MESSAGES))],
    fields: Sent,
) -> Response:
    """Send words to everybody on shift."""
    office = office_of(request)
    known = on_shift(office)
    return said(
        {
            "number": office.shift.say(
                caller.actor, known.deployment_id, fields.text("words", most=300)
            )
        }
    )
