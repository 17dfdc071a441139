"""Deployments, watchlists and records by the API."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from lookout_console.domain.deployments import WAYS, Step, UseCase
from lookout_console.domain.roles import Permission
from lookout_console.web.api.shape import PREFIX, said, takes
from lookout_console.web.callers import Caller, Guard, streamed
from lookout_console.web.office import office_of
from lookout_console.web.pages.deployments import moment, plan_of
from lookout_console.web.pages.frame import Sent
from lookout_console.web.pages.watchlist import body_of, run_beside

router: Final = APIRouter(prefix=PREFIX)
Sees = Annotated[Caller, Depends(Guard(Permission.SEE_DEPLOYMENTS))]


@router.get("/status")
def status(
    request: Request, caller: Annotated[Caller, Depends(Guard(Permission.SEE_SHIFT))]
) -> Response:
    """The banner and every service."""
    del caller
    office = office_of(request)
    banner = office.banner(office.deployments.current())
    return said({"banner": banner, "services": office.statuses.lines(office.now())})


@router.get("/deployments")
def deployments(request: Request, caller: Sees) -> Response:
    """Every deployment, the newest first."""
    del caller
    return said({"deployments": office_of(request).deployments.all()})


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
    return said({"deployment_id": made}, 201)


@router.get("/deployments/{deployment_id}")
def deployment(request: Request, deployment_id: str, caller: Sees) -> Response:
    """One deployment, its steps, and its list as it would be signed."""
    del caller
    office = office_of(request)
    return said(
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
        return said({"stage": stage})

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
    return said({})


@router.get("/deployments/{deployment_id}/record")
def record(
    request: Request,
    deployment_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.EXPORT_RECORD))],
) -> Response:
    """The deployment record; recorded as a disclosure."""
    return said(office_of(request).records.export(caller.actor, deployment_id, "json"))


@router.get("/records/{year}")
def year(
    request: Request,
    year: int,
    caller: Annotated[Caller, Depends(Guard(Permission.EXPORT_RECORD))],
) -> Response:
    """The roll-up of a year; recorded as a disclosure."""
    return said(office_of(request).records.export_year(caller.actor, year, "json"))


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
    return said({"entries": office.watchlists.entries(caller.actor, deployment_id)})


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
    return said({"import_id": import_id}, 202)


@router.get("/imports/{import_id}")
def import_job(
    request: Request,
    import_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.COMPOSE_WATCHLIST))],
) -> Response:
    """How far an import is, and its last verdicts."""
    del caller
    return said(office_of(request).watchlists.job(import_id))


@router.post("/deployments/{deployment_id}/watchlist/freeze")
def freeze(
    request: Request,
    deployment_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.COMPOSE_WATCHLIST))],
    fields: Sent,
) -> Response:
    """Fix the composition; the hash to be signed."""
    del fields
    return said({"hash": office_of(request).watchlists.freeze(caller.actor, deployment_id)})


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
    return said({})
