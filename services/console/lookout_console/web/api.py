"""The REST API: what the pages do, for other systems and scripts, under the same permissions."""

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.openapi.utils import get_openapi
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from lookout_console.domain.deployments import WAYS, Step, UseCase
from lookout_console.domain.roles import Permission, Role
from lookout_console.web.callers import Caller, Guard, streamed
from lookout_console.web.office import office_of
from lookout_console.web.pages.alerts import engage_with, outcome_with, verify_with
from lookout_console.web.pages.deployments import moment, plan_of
from lookout_console.web.pages.frame import Sent, on_shift
from lookout_console.web.pages.keeping import make_account
from lookout_console.web.pages.watchlist import body_of, run_beside
from lookout_console.web.words import VERDICT

PREFIX: Final = "/api/v1"
router: Final = APIRouter(prefix=PREFIX)

_OF_A_PERSON: Final = ("name", "reason", "contact", "image_source", "image_date")

Sees = Annotated[Caller, Depends(Guard(Permission.SEE_DEPLOYMENTS))]
SeesAlerts = Annotated[Caller, Depends(Guard(Permission.SEE_ALERTS))]
Adjudicates = Annotated[Caller, Depends(Guard(Permission.ADJUDICATE))]
Engages = Annotated[Caller, Depends(Guard(Permission.ENGAGE))]


def takes(**fields: str | type[StrEnum]) -> dict[str, Any]:
    """The description of a JSON body: texts with what they mean, or closed lists. A name ending in ``_`` may be left out."""
    properties: dict[str, Any] = {}
    for name, what in fields.items():
        kind: dict[str, Any] = {"type": "string"}
        if isinstance(what, str):
            kind["description"] = what
        else:
            kind["enum"] = [member.value for member in what]
        properties[name.rstrip("_")] = kind
    required = [name for name in fields if not name.endswith("_")]
    schema = {"type": "object", "properties": properties, "required": required}
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


def plainly(value: Any) -> Any:
    """Frozen values as JSON: times in ISO 8601, bytes never."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plainly(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(name): plainly(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plainly(one) for one in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        raise TypeError("bytes have no place in an answer of the API")
    return value


def _said(value: Any, status: int = 200) -> Response:
    return JSONResponse(plainly(value), status_code=status)


@router.get("/openapi.json")
def description(
    caller: Annotated[Caller, Depends(Guard(Permission.KEEP_TOKENS))],
) -> Response:
    """This description, in OpenAPI 3.1."""
    del caller
    found = get_openapi(
        title="Lookout console",
        version="1",
        routes=router.routes,
        description="Everything that the pages do. Send “Authorization: Bearer TOKEN”; make tokens on the page /tokens.",
    )
    found.setdefault("components", {})["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"}
    }
    found["security"] = [{"token": []}]
    return JSONResponse(found)


@router.get("/status")
def status(
    request: Request, caller: Annotated[Caller, Depends(Guard(Permission.SEE_SHIFT))]
) -> Response:
    """The banner and every service."""
    del caller
    office = office_of(request)
    banner = office.banner(office.deployments.current())
    return _said({"banner": banner, "services": office.statuses.lines(office.now())})


@router.get("/deployments")
def deployments(request: Request, caller: Sees) -> Response:
    """Every deployment, the newest first."""
    del caller
    return _said({"deployments": office_of(request).deployments.all()})


@router.post(
    "/deployments",
    status_code=201,
    openapi_extra=takes(
        title="For the public record",
        use_case=UseCase,
        location="Where",
        rationale="Reasonable grounds that tie the list to the place",
        opens_at="ISO 8601",
        closes_at="ISO 8601",
        cameras="Ids, as a list or separated by commas",
        verifiers_="1 or 2",
        faces_per_false_alert_="At least 1000",
    ),
)
def draft(
    request: Request, caller: Annotated[Caller, Depends(Guard(Permission.APPLY))], fields: Sent
) -> Response:
    """A new draft."""
    made = office_of(request).deployments.draft(caller.actor, plan_of(fields))
    return _said({"deployment_id": made}, 201)


@router.get("/deployments/{deployment_id}")
def deployment(request: Request, deployment_id: str, caller: Sees) -> Response:
    """One deployment, its steps, and its list as it would be signed."""
    del caller
    office = office_of(request)
    return _said(
        {
            "deployment": office.deployments.get(deployment_id),
            "steps": office.deployments.taken(deployment_id),
            "watchlist": office.watchlists.overview(deployment_id),
        }
    )


def _step_route(step: Step) -> None:
    guard = Guard(WAYS[step].permission)

    def take(
        request: Request,
        deployment_id: str,
        caller: Annotated[Caller, Depends(guard)],
        fields: Sent,
    ) -> Response:
        reason = fields.text("reason", most=2000)
        stage = office_of(request).deployments.step(caller.actor, deployment_id, step, reason)
        return _said({"stage": stage})

    take.__name__ = f"api_step_{step}"
    take.__doc__ = f"{step.replace('_', ' ').capitalize()}."
    router.add_api_route(
        f"/deployments/{{deployment_id}}/{step.replace('_', '-')}",
        take,
        methods=["POST"],
        openapi_extra=takes(reason="Recorded with the caller's name"),
    )


for _step in Step:
    if _step is not Step.EXTEND:
        _step_route(_step)


@router.post(
    "/deployments/{deployment_id}/extend",
    openapi_extra=takes(closes_at="ISO 8601", reason="Recorded with the caller's name"),
)
def extend(
    request: Request,
    deployment_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.APPLY))],
    fields: Sent,
) -> Response:
    """Apply for a longer window."""
    until = moment(fields, "closes_at")
    office_of(request).deployments.extend(
        caller.actor, deployment_id, until, fields.text("reason", most=2000)
    )
    return _said({})


@router.get("/deployments/{deployment_id}/record")
def record(
    request: Request,
    deployment_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.EXPORT_RECORD))],
) -> Response:
    """The deployment record; recorded as a disclosure."""
    return _said(office_of(request).records.export(caller.actor, deployment_id, "json"))


@router.get("/records/{year}")
def year(
    request: Request,
    year: int,
    caller: Annotated[Caller, Depends(Guard(Permission.EXPORT_RECORD))],
) -> Response:
    """The roll-up of a year; recorded as a disclosure."""
    return _said(office_of(request).records.export_year(caller.actor, year, "json"))


@router.post(
    "/alerts/{alert_id}/evidence",
    openapi_extra=takes(reason="For which proceedings"),
)
def evidence(
    request: Request,
    alert_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.HOLD_EVIDENCE))],
    fields: Sent,
) -> Response:
    """The evidence of one alert as a signed zip; recorded as a disclosure."""
    reason = fields.text("reason", most=400)
    packed = office_of(request).evidence.export(caller.actor, alert_id, reason)
    return Response(packed, media_type="application/zip")


@router.get("/deployments/{deployment_id}/watchlist")
def watchlist(
    request: Request,
    deployment_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.SEE_WATCHLIST))],
) -> Response:
    """Who is on the list; names only for roles that may see them."""
    office = office_of(request)
    return _said({"entries": office.watchlists.entries(caller.actor, deployment_id)})


@router.post(
    "/deployments/{deployment_id}/watchlist/import",
    status_code=202,
    openapi_extra={"requestBody": {"content": {"application/zip": {"schema": {"type": "string"}}}}},
)
async def import_file(
    request: Request,
    deployment_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.COMPOSE_WATCHLIST))],
    _: Annotated[None, Depends(streamed)],
) -> Response:
    """A zip with one CSV and its pictures; its rows are judged beside the request."""
    office = office_of(request)
    archive = await body_of(request)
    import_id = await run_in_threadpool(
        office.watchlists.begin_import, caller.actor, deployment_id, "by the API", archive
    )
    run_beside(office, import_id, archive)
    return _said({"import_id": import_id}, 202)


@router.get("/imports/{import_id}")
def import_job(
    request: Request,
    import_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.COMPOSE_WATCHLIST))],
) -> Response:
    """How far an import is, and its last verdicts."""
    del caller
    return _said(office_of(request).watchlists.job(import_id))


@router.post("/deployments/{deployment_id}/watchlist/freeze")
def freeze(
    request: Request,
    deployment_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.COMPOSE_WATCHLIST))],
    fields: Sent,
) -> Response:
    """Fix the composition; the hash to be signed."""
    del fields
    return _said({"hash": office_of(request).watchlists.freeze(caller.actor, deployment_id)})


@router.post(
    "/deployments/{deployment_id}/watchlist/{entry_id}/withdraw",
    openapi_extra=takes(reason="Recorded with the caller's name"),
)
def withdraw(
    request: Request,
    deployment_id: str,
    entry_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.WITHDRAW_ENTRY))],
    fields: Sent,
) -> Response:
    """Take a person off the list."""
    office_of(request).watchlists.withdraw(
        caller.actor, deployment_id, entry_id, fields.text("reason", most=400)
    )
    return _said({})


@router.get("/alerts")
def queue(request: Request, caller: SeesAlerts) -> Response:
    """The alerts that wait or are being met. Verdicts are not in it: verifiers are blind to each other."""
    office = office_of(request)
    known = on_shift(office)
    waiting = office.alerts.queue(caller.actor, known.deployment_id)
    return _said({"alerts": [_alert(one, caller) for one in waiting]})


@router.get("/alerts/{alert_id}")
def alert(request: Request, alert_id: str, caller: SeesAlerts) -> Response:
    """One alert."""
    return _said(_alert(office_of(request).alerts.view(caller.actor, alert_id), caller))


def _alert(raised: Any, caller: Caller) -> dict[str, Any]:
    hidden = {"verifications"}
    if not caller.may(Permission.SEE_SCORE):
        hidden |= {"score", "threshold"}
    facts: dict[str, Any] = plainly(raised)
    said = facts["said"]
    if said is not None:
        # What a card shows, and no more: who asked for the entry and on what basis is the list's matter.
        facts["said"] = {name: said[name] for name in _OF_A_PERSON}
    return {name: value for name, value in facts.items() if name not in hidden}


@router.post("/alerts/{alert_id}/claim")
def claim(request: Request, alert_id: str, caller: Adjudicates, fields: Sent) -> Response:
    """I have this one."""
    del fields
    office_of(request).alerts.claim(caller.actor, alert_id)
    return _said({})


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
    return _said({"adjudication": verify_with(office_of(request), caller, alert_id, fields)})


@router.post(
    "/alerts/{alert_id}/engage",
    openapi_extra=takes(
        truth="Whom one met", identity_by_="How", stop_minutes_="0 to 1440", reason="What happened"
    ),
)
def engage(request: Request, alert_id: str, caller: Engages, fields: Sent) -> Response:
    """What is known after the person was met."""
    engage_with(office_of(request), caller, alert_id, fields)
    return _said({})


@router.post(
    "/alerts/{alert_id}/outcome",
    openapi_extra=takes(
        disposal="What came of it", reason="Why", sex_="", ethnicity_="", age_band_=""
    ),
)
def outcome(request: Request, alert_id: str, caller: Engages, fields: Sent) -> Response:
    """What came of it."""
    outcome_with(office_of(request), caller, alert_id, fields)
    return _said({})


@router.post("/messages", openapi_extra=takes(words="At most 300 characters"))
def say(
    request: Request,
    caller: Annotated[Caller, Depends(Guard(Permission.SEND_MESSAGES))],
    fields: Sent,
) -> Response:
    """Send words to everybody on shift."""
    office = office_of(request)
    known = on_shift(office)
    return _said(
        {
            "number": office.shift.say(
                caller.actor, known.deployment_id, fields.text("words", most=300)
            )
        }
    )


@router.get("/audit")
def audit(
    request: Request,
    caller: Annotated[Caller, Depends(Guard(Permission.SEE_AUDIT))],
    before: int | None = None,
) -> Response:
    """A hundred entries, the newest first."""
    desk = office_of(request).desk
    with desk.store.transaction() as connection:
        desk.record(connection, caller.actor, "audit.view", "audit")
    return _said({"entries": desk.audit.page(before=before)})


@router.get("/accounts")
def accounts(
    request: Request, caller: Annotated[Caller, Depends(Guard(Permission.KEEP_ACCOUNTS))]
) -> Response:
    """Everybody who may sign in."""
    del caller
    return _said({"accounts": office_of(request).register.all()})


@router.post(
    "/accounts",
    status_code=201,
    openapi_extra=takes(
        name="Sign-in name", shown="Read by others", roles=Role, password_="", reason="Why"
    ),
)
def add_account(
    request: Request,
    caller: Annotated[Caller, Depends(Guard(Permission.KEEP_ACCOUNTS))],
    fields: Sent,
) -> Response:
    """A new account."""
    return _said(make_account(office_of(request), caller, fields), 201)
