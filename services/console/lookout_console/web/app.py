"""The web application: routes, headers, and what is said when something is not done."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

from lookout_console.accounts.rules import BadNameError, WeakPasswordError
from lookout_console.accounts.values import AccountRefusedError
from lookout_console.domain.errors import (
    BadInputError,
    ConflictError,
    NotAllowedError,
    NotDoneError,
    UnknownError,
    WrongStateError,
)
from lookout_console.notify.webhooks import WebhookRefusedError
from lookout_console.web import api, events, signing_in
from lookout_console.web.headers import StrictHeaders
from lookout_console.web.office import Office
from lookout_console.web.pages import (
    alerts,
    deployments,
    handset,
    keeping,
    passes,
    shift,
    watchlist,
)
from lookout_console.web.refusals import NOT_SIGNED_IN, TITLES, Refusal, bad_input, not_found
from lookout_console.web.rendering import STATIC, go
from lookout_console.web.threshold import Threshold

ROUTERS: Final = (
    signing_in.router,
    shift.router,
    alerts.router,
    deployments.router,
    watchlist.router,
    passes.router,
    handset.router,
    keeping.router,
    events.router,
    *api.ROUTERS,
)
"""Every router there is; each route of each names its permission."""
_NOT_DONE: Final = (
    (NotAllowedError, HTTPStatus.FORBIDDEN, "not_allowed"),
    (ConflictError, HTTPStatus.CONFLICT, "conflict"),
    (WrongStateError, HTTPStatus.CONFLICT, "wrong_state"),
    (UnknownError, HTTPStatus.NOT_FOUND, "not_found"),
    (BadInputError, HTTPStatus.UNPROCESSABLE_ENTITY, "bad_input"),
    (AccountRefusedError, HTTPStatus.UNPROCESSABLE_ENTITY, "bad_input"),
    (BadNameError, HTTPStatus.UNPROCESSABLE_ENTITY, "bad_input"),
    (WeakPasswordError, HTTPStatus.UNPROCESSABLE_ENTITY, "bad_input"),
    (WebhookRefusedError, HTTPStatus.UNPROCESSABLE_ENTITY, "bad_input"),
)
"""What is said of what the actions and accounts refuse."""
_log = structlog.get_logger(__name__)


def create_app(office: Office) -> FastAPI:
    """The console over HTTP. What runs beside the requests is started and stopped with it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        office.start()
        try:
            yield
        finally:
            office.stop()

    app = FastAPI(
        title="Lookout console",
        version="1",
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,  # served under the API's own prefix, to those who are signed in
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.office = office
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in ROUTERS:
        app.include_router(router)
    _answer_failures(app)
    app.add_middleware(Threshold, nothing_here=_nothing_here, fault=_fault)
    app.add_middleware(StrictHeaders, tls=office.door.tls)
    return app


def _answer_failures(app: FastAPI) -> None:
    app.add_exception_handler(Refusal, _refused)
    for kind in (NotDoneError, *(kind for kind, _, _ in _NOT_DONE)):
        app.add_exception_handler(kind, _not_done)
    app.add_exception_handler(HTTPException, _unknown)
    app.add_exception_handler(RequestValidationError, _unusable)
    app.add_exception_handler(SQLAlchemyError, _lost)


def _refused(request: Request, error: Exception) -> Response:
    return say(request, error if isinstance(error, Refusal) else _unavailable())


def _not_done(request: Request, error: Exception) -> Response:
    for kind, status, code in _NOT_DONE:
        if isinstance(error, kind):
            return say(request, Refusal(status, code, str(error)))
    return _lost(request, error)


def _unknown(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    if status == HTTPStatus.NOT_FOUND:
        return say(request, not_found("page"))
    return say(request, Refusal(HTTPStatus(status), "refused", HTTPStatus(status).phrase))


def _unusable(request: Request, error: Exception) -> Response:
    del error  # it repeats what was sent
    return say(request, bad_input("Something in the address or the form cannot be used."))


def _lost(request: Request, error: Exception) -> Response:
    """The store or the audit cannot be reached: the transaction is rolled back, so nothing is half-done."""
    _log.error("not_recorded", error=type(error).__name__)
    return say(request, _unavailable())


def _nothing_here(request: Request) -> Response:
    return say(request, not_found("page"))


def _fault(request: Request) -> Response:
    detail = "Something went wrong in the console, and it is logged. What you did was not recorded."
    return say(request, Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "fault", detail))


def _unavailable() -> Refusal:
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "Nothing was recorded and nothing half-done: the console cannot reach its store or its audit. "
        "Do it again when the banner is green. What must be decided now is decided on the street, and recorded after.",
    )


def say(request: Request, refusal: Refusal) -> Response:
    """A refusal as the caller reads it: JSON for programs and scripts, a page for people."""
    office: Office = request.app.state.office
    wants = request.headers.get("accept", "")
    path = request.url.path
    wants_json = path.startswith("/api/") or path == "/events" or "application/json" in wants
    if wants_json:
        return JSONResponse(
            {"code": refusal.code, "detail": refusal.detail}, status_code=refusal.status
        )
    if refusal.code == NOT_SIGNED_IN and request.method == "GET":
        return go("/sign-in")
    facts = {
        "title": TITLES.get(refusal.code, "Not done"),
        "code": refusal.code,
        "detail": refusal.detail,
        "advice": "",
        "back": "/sign-in" if refusal.code == NOT_SIGNED_IN else "/",
        "back_words": "Sign in" if refusal.code == NOT_SIGNED_IN else "Back to the shift",
    }
    return office.pages.bare(request, "refused.html", facts, refusal.status)
