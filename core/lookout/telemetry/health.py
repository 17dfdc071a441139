"""Health and metrics over HTTP: ``/livez``, ``/startedz``, ``/readyz``, ``/metrics``.

Live means that the loop turned lately, not that the process is there. Ready means that the service does its work now;
why it does not is in the body. Started means ready, or kept from work by nothing but that no deployment is in force: what
replaces a service waits for this, because between deployments nothing is ready.
"""

import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app

_TEXT = (("Content-Type", "text/plain; charset=utf-8"),)


class PortInUseError(Exception):
    """Something else listens on the port. Says what to do."""


class Health:
    """What a service tells of its loop. Safe to use from several threads."""

    def __init__(
        self, *, stalled_after_s: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """A loop that has not turned for ``stalled_after_s`` seconds is not live."""
        self._clock = clock
        self._stalled_after_s = stalled_after_s
        self._turned_at = clock()
        self._not_ready = self._not_started = "starting"

    def turned(self) -> None:
        """The loop turned."""
        self._turned_at = self._clock()

    def set_ready(self, reason_not: str, *, idle: bool = False) -> None:
        """Empty: ready. Else why not; ``idle`` when the reason is that no deployment is in force."""
        self._not_ready = reason_not
        self._not_started = "" if idle else reason_not

    def why_not_live(self) -> str:
        """Why the process should be restarted; empty when it should not."""
        silent = self._clock() - self._turned_at
        return (
            f"the loop has not turned for {silent:.0f} s" if silent > self._stalled_after_s else ""
        )

    def why_not_ready(self) -> str:
        """Why the service does not do its work now; empty when it does."""
        return self.why_not_live() or self._not_ready

    def why_not_started(self) -> str:
        """Why it could not take over from a predecessor; empty when it could."""
        return self.why_not_live() or self._not_started


class HealthServer:
    """Serves health and metrics on a thread of its own, from entering to leaving the context."""

    def __init__(
        self, *, health: Health, registry: CollectorRegistry, host: str, port: int
    ) -> None:
        """``port`` 0 takes a free one; `PortInUseError` when the wanted one is taken."""
        try:
            self._server = make_server(
                host, port, _application(health, registry), _ThreadingServer, _QuietHandler
            )
        except OSError as error:
            raise PortInUseError(
                f"cannot listen on {host}:{port} ({error.strerror}): set LOOKOUT_METRICS_PORT to a free port, or 0 for any"
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="health", daemon=True
        )

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _application(health: Health, registry: CollectorRegistry) -> WSGIApplication:
    metrics = cast(WSGIApplication, make_wsgi_app(registry))
    probes = {
        "/livez": health.why_not_live,
        "/startedz": health.why_not_started,
        "/readyz": health.why_not_ready,
    }

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        if path == "/metrics":
            return metrics(environ, start_response)
        probe = probes.get(path)
        if probe is None:
            start_response("404 Not Found", [*_TEXT])
            return [b"/livez, /startedz, /readyz, /metrics\n"]
        reason = probe()
        start_response("503 Service Unavailable" if reason else "200 OK", [*_TEXT])
        return [(reason or "ok").encode() + b"\n"]

    return answer


class _ThreadingServer(WSGIServer):
    # One slow scraper must not make the next probe fail.
    def process_request(self, request: object, client_address: object) -> None:
        def work() -> None:
            self.finish_request(request, client_address)  # type: ignore[arg-type]  # passed on untouched
            self.shutdown_request(request)  # type: ignore[arg-type]  # passed on untouched

        threading.Thread(target=work, daemon=True).start()


class _QuietHandler(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Probes every few seconds are not worth a line each."""
