"""Every service's word on itself: said once a second on ``status``, and read from there by whoever depends on it."""

import threading
from collections.abc import Callable, Mapping

import structlog

from lookout.events import ServiceState, ServiceStatus
from lookout.stream.ports import Clock, StreamError

_EVERY_S = 1.0

State = tuple[ServiceState, str]
_log = structlog.get_logger()


class StatusReporter:
    """Emits a `ServiceStatus` every second until stopped. A stream that fails is tried again a second later."""

    def __init__(
        self,
        *,
        service: str,
        instance: str,
        state: Callable[[], State],
        emit: Callable[[ServiceStatus], None],
        clock: Clock,
    ) -> None:
        """``emit`` produces and returns soon; ``state`` is asked on the reporter's thread."""
        self._service, self._instance = service, instance
        self._state, self._emit, self._clock = state, emit, clock
        self._stop = threading.Event()
        self._said: State | None = None
        self._since = clock()
        self._thread = threading.Thread(target=self._run, name="status", daemon=True)

    def start(self) -> None:
        """Begin to report."""
        self._thread.start()

    def stop(self) -> None:
        """Say once more how it is, as not running, with the reason where the service has one of its own, and stop."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        state, reason = self._state()
        over = state is ServiceState.NOT_RUNNING and reason
        self.report((ServiceState.NOT_RUNNING, reason if over else "stopped"))

    def report(self, state: State) -> None:
        """Say one state now."""
        now = self._clock()
        if state != self._said:
            _log.info("state changed", state=state[0], reason=state[1])
            self._said, self._since = state, now
        status = ServiceStatus(
            deployment_id="",
            service=self._service,
            instance=self._instance,
            state=state[0],
            reason=state[1],
            since=self._since,
            reported_at=now,
        )
        try:
            self._emit(status)
        except StreamError as error:
            _log.warning("status not sent", error=str(error))

    def _run(self) -> None:
        while not self._stop.is_set():
            self.report(self._state())
            self._stop.wait(_EVERY_S)


class StatusBoard:
    """The last word of every instance, fed by a follower of ``status``."""

    def __init__(self) -> None:
        self._latest: dict[str, ServiceStatus] = {}

    def heard(self, status: ServiceStatus) -> None:
        """Take a record of the topic."""
        self._latest[status.instance] = status

    def latest(self) -> Mapping[str, ServiceStatus]:
        """The last word of every instance, by instance. Old words are for the reader to tell from fresh ones."""
        return dict(self._latest)
