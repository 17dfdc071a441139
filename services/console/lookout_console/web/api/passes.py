"""Passes of volunteers by the API."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from lookout_console.actions.passes import Passes
from lookout_console.domain.roles import Permission
from lookout_console.web.api.shape import PREFIX, said, takes
from lookout_console.web.callers import Caller, Guard
from lookout_console.web.office import office_of
from lookout_console.web.pages.deployments import moment
from lookout_console.web.pages.frame import Sent

router: Final = APIRouter(prefix=PREFIX)


@router.post(
    "/deployments/{deployment_id}/passes",
    status_code=201,
    openapi_extra=takes(entry_id="A volunteer's", camera="Its id", at="ISO 8601"),
)
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
    return said({}, 201)


@router.get("/deployments/{deployment_id}/passes")
def measured(
    request: Request,
    deployment_id: str,
    caller: Annotated[Caller, Depends(Guard(Permission.SEE_RECORD))],
) -> Response:
    """How many passes of volunteers raised their alert, with intervals; by camera."""
    return said({"passes": Passes(office_of(request).desk).measured(caller.actor, deployment_id)})
