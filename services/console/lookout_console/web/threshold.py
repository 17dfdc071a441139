"""What no request gets past: an address that no store takes, and a fault that would show itself."""

from collections.abc import Callable

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = structlog.get_logger(__name__)


class Threshold:
    """Answers for the routes where they cannot: ``nothing_here`` to an address with a NUL in it, ``fault`` to an error of ours."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        nothing_here: Callable[[Request], Response],
        fault: Callable[[Request], Response],
    ) -> None:
        self._app, self._nothing_here, self._fault = app, nothing_here, fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # PostgreSQL has no NUL in texts: it would be an error of the store, and is nobody's id.
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            await self._nothing_here(Request(scope))(scope, receive, send)
            return
        begun = False

        async def watching(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watching)
        except Exception as error:
            # Its text may hold what was sent: only its kind and place are told.
            _log.exception("fault", error=type(error).__name__, exc_info=False)
            if begun:
                raise
            await self._fault(Request(scope))(scope, receive, send)
