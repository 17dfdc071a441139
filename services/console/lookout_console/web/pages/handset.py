"""The handset: cards, answers, the canary, the wipe, and the shell that says so when there is no connection."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import FileResponse, JSONResponse, Response

from lookout_console.domain.alerts import HandsetAnswer
from lookout_console.domain.roles import Permission
from lookout_console.notify.push import PushRefusedError
from lookout_console.web.callers import Caller, Guard, Open
from lookout_console.web.office import office_of
from lookout_console.web.pages.frame import Sent, frame, on_shift
from lookout_console.web.presenting import card_of
from lookout_console.web.refusals import bad_input
from lookout_console.web.rendering import STATIC, go

router: Final = APIRouter()
UsesHandset = Annotated[Caller, Depends(Guard(Permission.USE_HANDSET))]
_SHELL: Final = [Depends(Open("the shell of a handset holds nothing of anybody"))]


@router.get("/handset")
def handset_page(request: Request, caller: UsesHandset) -> Response:
    """The alerts that an engagement officer can act on."""
    office = office_of(request)
    known = office.deployments.current()
    facts = frame(request, caller)
    cards = []
    if known is not None:
        if not office.shift.heard(caller.actor, known.deployment_id):
            return go("/handset/wiped")
        # Planted alerts are for the van: nobody is sent after somebody who is not there.
        real = {one.alert_id for one in office.alerts.all(known.deployment_id)}
        cards = [
            card_of(one, adjudicates=True)
            for one in office.alerts.queue(caller.actor, known.deployment_id)
            if one.alert_id in real
        ]
    push_key = office.push.public_key() if office.push is not None else ""
    return office.pages.bare(
        request, "handset.html", {**facts, "alerts": cards, "push_key": push_key}
    )


@router.post("/handset/delivered")
def delivered(request: Request, caller: UsesHandset, fields: Sent) -> Response:
    """The handset shows an alert."""
    office_of(request).alerts.delivered(caller.actor, fields.text("alert_id", most=64))
    return JSONResponse({})


@router.post("/handset/answer")
def answer(request: Request, caller: UsesHandset, fields: Sent) -> Response:
    """The officer has seen it, is engaging, or cannot find the person."""
    given = fields.one_of("answer", HandsetAnswer)
    office_of(request).alerts.delivered(caller.actor, fields.text("alert_id", most=64), given)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({})
    return go("/handset")


@router.post("/handset/canary")
def canary(request: Request, caller: UsesHandset, fields: Sent) -> Response:
    """A canary came back."""
    fields.text("canary_id", most=64)
    office = office_of(request)
    office.shift.proven(caller.actor, on_shift(office).deployment_id)
    return JSONResponse({})


@router.post("/handset/push")
def subscribe(request: Request, caller: UsesHandset, fields: Sent) -> Response:
    """Wake this browser by push from now on."""
    office = office_of(request)
    if office.push is not None:
        try:
            office.push.subscribe(caller.account.account_id, fields.text("endpoint", most=2000))
        except PushRefusedError as refused:
            raise bad_input(str(refused)) from None
    return JSONResponse({})


@router.get("/handset/worker.js", dependencies=_SHELL)
def worker() -> Response:
    """The service worker, of the handset's pages and no others: ``/handset`` itself is above where the script lies."""
    return FileResponse(
        STATIC / "worker.js",
        media_type="text/javascript",
        headers={"Service-Worker-Allowed": "/handset"},
    )


@router.get("/handset/offline", dependencies=_SHELL)
def offline(request: Request) -> Response:
    """What is shown without a connection."""
    return office_of(request).pages.bare(request, "handset_offline.html", {})


@router.get("/handset/wiped", dependencies=_SHELL)
def wiped(request: Request) -> Response:
    """What is shown after the wipe; the browser drops whatever it holds of the console."""
    response = office_of(request).pages.bare(request, "handset_wiped.html", {})
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response
