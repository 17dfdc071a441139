"""Passes of volunteers: written down while they are walked, and what they show of those whom nobody was alerted of."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from lookout_console.actions.passes import Passes
from lookout_console.domain.intervals import Rate
from lookout_console.domain.roles import Permission
from lookout_console.web.callers import Caller, Guard
from lookout_console.web.office import office_of
from lookout_console.web.pages.deployments import moment
from lookout_console.web.pages.frame import Sent, page
from lookout_console.web.rendering import go

router: Final = APIRouter()


@router.get("/deployments/{deployment_id}/passes")
def passes_page(
    request: Request,
    deployment_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.SEE_RECORD))],
) -> Response:
    """What the passes showed, by camera; and the form, for who may write one down."""
    office = office_of(request)
    known, passes = office.deployments.get(deployment_id), Passes(office.desk)
    walked = passes.measured(caller.actor, deployment_id)
    found = [*walked.by_camera.items()]
    if len(found) > 1:
        found.append(("All cameras", walked.rate))
    facts = {
        "base": f"/deployments/{deployment_id}",
        "rows": [_row(camera, one) for camera, one in found if one is not None],
        "volunteers": passes.volunteers(caller.actor, deployment_id)
        if caller.may(Permission.CHECK)
        else (),
        "cameras": [(one, one) for one in known.plan.cameras],
        "now": f"{office.now():%Y-%m-%dT%H:%M}",
    }
    return page(request, caller, "passes.html", facts)


def _row(camera: str, found: Rate) -> dict[str, Any]:
    return {
        "camera": camera,
        "count": found.count,
        "total": found.total,
        "interval": f"{found.low:.1%} to {found.high:.1%}",
    }


@router.post("/deployments/{deployment_id}/passes")
def walk(
    request: Request,
    deployment_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.CHECK))],
    fields: Sent,
) -> Response:
    """A volunteer walked past a camera."""
    Passes(office_of(request).desk).walk(
        caller.actor,
        deployment_id,
        entry_id=fields.text("entry_id", most=64),
        camera=fields.text("camera", most=120),
        at=moment(fields, "at"),
    )
    return go(f"/deployments/{deployment_id}/passes")
