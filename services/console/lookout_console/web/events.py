"""The stream that keeps a page live."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from lookout_console.domain.roles import Permission
from lookout_console.web.callers import Caller, Guard
from lookout_console.web.office import office_of
from lookout_console.web.refusals import not_permitted
from lookout_console.web.streaming import stream
from lookout_console.web.telling import (
    ALERT,
    ALERTS,
    CHECK,
    EVERYBODY,
    HANDSET,
    QUEUE,
    WATCH,
    WATCHLIST,
    to_account,
)

router: Final = APIRouter()
_VIEWS: Final = {
    QUEUE: Permission.ADJUDICATE,
    WATCH: Permission.SEE_ALERTS,
    HANDSET: Permission.USE_HANDSET,
    WATCHLIST: Permission.SEE_WATCHLIST,
    ALERT: Permission.SEE_ALERTS,
    CHECK: Permission.CHECK,
}


@router.get("/events")
def events(
    request: Request,
    # A stream is no use of the session: a page left open does not keep somebody signed in.
    caller: Annotated[Caller, Depends(Guard(Permission.SEE_SHIFT, touch=False))],
    view: str = "",
    deployment: str = "",
    after: str = "",
) -> Response:
    """Server-sent events for one kind of page of one deployment."""
    office = office_of(request)
    wanted = _VIEWS.get(view)
    if wanted is not None and not caller.may(wanted):
        raise not_permitted()
    views = [EVERYBODY, to_account(caller.account.account_id)]
    views += [view] if wanted is not None else []
    views += [ALERTS] if caller.may(Permission.SEE_ALERTS) else []
    known = office.deployments.current()
    scope = deployment if known is not None and known.deployment_id == deployment else ""

    def signed_in() -> bool:
        found = office.door.caller(request, touch=False)
        return found is not None and found.roles == caller.roles

    def heard() -> None:
        office.shift.heard(caller.actor, scope)

    return StreamingResponse(
        stream(
            office.hub,
            after=request.headers.get("last-event-id", after),
            views=views,
            scope=scope,
            now=office.now,
            signed_in=signed_in,
            ticked=heard if view == HANDSET and scope else None,
        ),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )
