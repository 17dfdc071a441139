"""The alert queue and one alert: look, claim, decide, record whom one met and what came of it."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from lookout_console.actions.raised import Raised
from lookout_console.domain.alerts import (
    Adjudication,
    Disposal,
    EnvironmentFactor,
    IdentityBy,
    SubjectFactor,
    SystemFactor,
    Truth,
    Verdict,
)
from lookout_console.domain.roles import Permission
from lookout_console.web.callers import Caller, Guard
from lookout_console.web.fields import Fields
from lookout_console.web.office import Office, office_of
from lookout_console.web.pages.frame import Sent, page
from lookout_console.web.presenting import card_of, technical_of
from lookout_console.web.refusals import bad_input
from lookout_console.web.rendering import go
from lookout_console.web.telling import QUEUE, WATCH
from lookout_console.web.words import (
    AGE_BANDS,
    ETHNICITIES,
    SEXES,
    VERDICT,
    choices,
    options,
    plain,
)

router: Final = APIRouter()

SeesAlerts = Annotated[Caller, Depends(Guard(Permission.SEE_ALERTS))]
Adjudicates = Annotated[Caller, Depends(Guard(Permission.ADJUDICATE))]
Engages = Annotated[Caller, Depends(Guard(Permission.ENGAGE))]


@router.get("/alerts")
def queue_page(request: Request, caller: SeesAlerts) -> Response:
    """Every alert that waits."""
    office = office_of(request)
    known = office.deployments.current()
    adjudicates = caller.may(Permission.ADJUDICATE)
    waiting = office.alerts.queue(caller.actor, known.deployment_id) if known else ()
    facts = {
        "alerts": [card_of(one, adjudicates=adjudicates) for one in waiting],
        "stream": QUEUE if adjudicates else WATCH,
    }
    return page(request, caller, "queue.html", facts)


@router.get("/alerts/{alert_id}")
def alert_page(request: Request, alert_id: str, caller: SeesAlerts, verdict: str = "") -> Response:
    """One alert. What others decided is shown only to who has decided, or once all have."""
    office = office_of(request)
    raised = office.alerts.view(caller.actor, alert_id)
    me = caller.account.account_id
    looked = any(one.by == me for one in raised.verifications)
    waits = raised.adjudication is Adjudication.WAITING
    adjudicates = caller.may(Permission.ADJUDICATE)
    blind = adjudicates and waits and not looked
    facts = {
        "alert": card_of(raised, adjudicates=adjudicates, named=caller.may(Permission.SEE_NAMES)),
        "technical": technical_of(raised) if caller.may(Permission.SEE_SCORE) else "",
        "verify": _verify(verdict) if blind else None,
        "engage": _engage()
        if caller.may(Permission.ENGAGE)
        and raised.adjudication is Adjudication.VIABLE
        and raised.engagement is None
        else None,
        "outcome": _outcome()
        if caller.may(Permission.ENGAGE) and raised.engagement is not None
        else None,
        "history": [] if blind else _history(office, raised),
        "nothing": "You have decided. The other verifier decides without knowing what you saw."
        if looked and waits
        else "Others act on this alert, or it is over.",
    }
    return page(request, caller, "alert.html", facts)


def _verify(verdict: str) -> dict[str, Any]:
    return {
        "chosen": verdict if verdict in set(Verdict) else "",
        "verdicts": [(str(one), *words) for one, words in VERDICT.items()],
        "subject": options(SubjectFactor),
        "system": options(SystemFactor),
        "environment": options(EnvironmentFactor),
    }


def _engage() -> dict[str, Any]:
    return {"truths": choices(Truth), "identity_by": options(IdentityBy)}


def _outcome() -> dict[str, Any]:
    return {
        "disposals": choices(Disposal),
        "sexes": options(SEXES),
        "ethnicities": options(ETHNICITIES),
        "age_bands": options(AGE_BANDS),
    }


def _history(office: Office, raised: Raised) -> list[dict[str, str]]:
    steps = [
        (one.at, one.by, f"{VERDICT[one.verdict][0]}: {one.reason}") for one in raised.verifications
    ]
    if raised.engagement is not None:
        met = raised.engagement
        steps.append((met.at, met.by, f"{plain(met.truth)}: {met.reason}"))
    steps += [(one.at, one.by, f"{plain(one.disposal)}: {one.reason}") for one in raised.outcomes]
    return [
        {"at": f"{at:%H:%M:%S}", "who": office.shown(by), "words": words}
        for at, by, words in sorted(steps, key=lambda step: step[0])
    ]


@router.get("/alerts/{alert_id}/picture/{which}")
def picture(request: Request, alert_id: str, which: str, caller: SeesAlerts) -> Response:
    """A JPEG: what was seen, or what is enrolled. Not kept by the browser."""
    found = office_of(request).alerts.picture(caller.actor, alert_id, which)
    return Response(found, media_type="image/jpeg")


@router.post("/alerts/{alert_id}/claim")
def claim(request: Request, alert_id: str, caller: Adjudicates, fields: Sent) -> Response:
    """I have this one."""
    del fields
    office_of(request).alerts.claim(caller.actor, alert_id)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"claimed": True})
    return go(f"/alerts/{alert_id}")


@router.post("/alerts/{alert_id}/verify")
def verify(request: Request, alert_id: str, caller: Adjudicates, fields: Sent) -> Response:
    """One person's decision."""
    verify_with(office_of(request), caller, alert_id, fields)
    return go(f"/alerts/{alert_id}")


def verify_with(office: Office, caller: Caller, alert_id: str, fields: Fields) -> Adjudication:
    """A decision out of a form or JSON."""
    return office.alerts.verify(
        caller.actor,
        alert_id,
        verdict=fields.one_of("verdict", Verdict),
        subject=fields.several_of("subject", SubjectFactor),
        system=fields.several_of("system", SystemFactor),
        environment=fields.several_of("environment", EnvironmentFactor),
        reason=fields.text("reason", most=1000),
    )


@router.post("/alerts/{alert_id}/engage")
def engage(request: Request, alert_id: str, caller: Engages, fields: Sent) -> Response:
    """What is known after the person was met."""
    engage_with(office_of(request), caller, alert_id, fields)
    return go(f"/alerts/{alert_id}")


def engage_with(office: Office, caller: Caller, alert_id: str, fields: Fields) -> None:
    """An engagement out of a form or JSON."""
    office.alerts.engage(
        caller.actor,
        alert_id,
        truth=fields.one_of("truth", Truth),
        identity_by=fields.maybe_one_of("identity_by", IdentityBy),
        minutes=fields.whole("stop_minutes") if fields.maybe("stop_minutes") else None,
        reason=fields.text("reason", most=1000),
    )


@router.post("/alerts/{alert_id}/outcome")
def outcome(request: Request, alert_id: str, caller: Engages, fields: Sent) -> Response:
    """What came of it."""
    outcome_with(office_of(request), caller, alert_id, fields)
    return go(f"/alerts/{alert_id}")


def outcome_with(office: Office, caller: Caller, alert_id: str, fields: Fields) -> None:
    """An outcome out of a form or JSON."""
    office.alerts.record_outcome(
        caller.actor,
        alert_id,
        disposal=fields.one_of("disposal", Disposal),
        reason=fields.text("reason", most=1000),
        sex=_said(fields, "sex", SEXES),
        ethnicity=_said(fields, "ethnicity", ETHNICITIES),
        age_band=_said(fields, "age_band", AGE_BANDS),
    )


def _said(fields: Fields, name: str, known: tuple[str, ...]) -> str:
    found = fields.maybe(name, most=40)
    if found and found not in known:
        raise bad_input(f"“{name.replace('_', ' ')}” is one of: {', '.join(known)}.")
    return found
