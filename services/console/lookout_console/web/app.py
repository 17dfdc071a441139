"""The web application: routes, headers, and what is said when something is not done."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from lookout_console.web import signing_in
from lookout_console.web.headers import StrictHeaders
from lookout_console.web.office import Office
from lookout_console.web.refusals import NOT_SIGNED_IN, TITLES, Refusal, bad_input, not_found
from lookout_console.web.rendering import go
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

_STATIC: Final = Path(__file__).parent / "static"
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
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    for router in (signing_in.router,):
        app.include_router(router)
    _answer_failures(app)
    app.add_middleware(StrictHeaders, tls=office.door.tls)
    return app


def _answer_failures(app: FastAPI) -> None:
    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)  # noqa: S101 - it is registered for nothing else
        return say(request, error)

    def unknown(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        if status == HTTPStatus.NOT_FOUND:
            return say(request, not_found("page"))
        return say(request, Refusal(HTTPStatus(status), "refused", HTTPStatus(status).phrase))

    def unusable(request: Request, error: Exception) -> Response:
        del error  # it repeats what was sent
        return say(request, bad_input("Something in the address or the form cannot be used."))

    def lost(request: Request, error: Exception) -> Response:
        _log.error("store_lost", error=type(error).__name__, path=request.url.path)
        return say(request, _unavailable())

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(RequestValidationError, unusable)
    app.add_exception_handler(SQLAlchemyError, lost)


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
    wants_json = request.url.path.startswith("/api/") or "application/json" in request.headers.get(
        "accept", ""
    )
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
