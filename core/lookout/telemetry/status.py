"""Every service's word on itself: said several times a second on ``status``, and read from there by whoever depends on it."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from lookout.events import ServiceState, ServiceStatus
from lookout.stream.ports import Clock, RetryableError, StreamError

_LOOK_S = 0.1
_EVERY_S = 0.3
_UNHEARD_S = 0.8
_LAST_WORD_S = 5.0

State = tuple[ServiceState, str]
_log = structlog.get_logger()


class StatusReporter:
    """Looks at the service ten times a second, and emits a `ServiceStatus` at every change and each 0.3 seconds.

    Looking never waits for the stream, which has a thread of its own: so a service that the broker does not hear still
    knows, logs and shows how it is. A word that could not be sent is dropped for a newer one.
    """

    def __init__(
        self,
        *,
        service: str,
        instance: str,
        state: Callable[[], State],
        emit: Callable[[ServiceStatus], None],
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``emit`` produces and returns once it is acknowledged; ``state`` is asked on the reporter's thread."""
        self._service, self._instance = service, instance
        self._state, self._emit, self._clock = state, emit, clock
        self._monotonic = monotonic
        self._stop = threading.Event()
        self._said: State | None = None
        self._since = clock()
        self._told_at = 0.0
        self._heard_at: float | None = None
        self._next: ServiceStatus | None = None
        self._changed = threading.Condition()
        self._closing = False
        self._looking = threading.Thread(target=self._look, name="status", daemon=True)
        self._sending = threading.Thread(target=self._send, name="status to broker", daemon=True)

    def start(self) -> None:
        """Begin to report."""
        self._looking.start()
        self._sending.start()

    def stop(self) -> None:
        """Say once more how it is, as not running, and stop. A broker that does not answer is not waited for long."""
        self._stop.set()
        if self._looking.ident is not None:
            self._looking.join()
        self._tell((ServiceState.NOT_RUNNING, "stopped"))
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._sending.ident is not None:
            self._sending.join(_LAST_WORD_S)

    def why_unheard(self) -> str:
        """Why nobody can know of this service; empty while the broker acknowledges its words."""
        heard_at = self._heard_at
        if heard_at is None:
            return "the broker has not acknowledged anything yet"
        if self._monotonic() - heard_at > _UNHEARD_S:
            return f"the broker has acknowledged nothing for more than {_UNHEARD_S:g} s: see that it runs"
        return ""

    def _look(self) -> None:
        while not self._stop.is_set():
            state = self._state()
            if state != self._said or self._monotonic() - self._told_at >= _EVERY_S:
                self._tell(state)
            self._stop.wait(_LOOK_S)

    def _tell(self, state: State) -> None:
        now = self._clock()
        if state != self._said:
            _log.info("state changed", state=state[0], reason=state[1])
            self._said, self._since = state, now
        self._told_at = self._monotonic()
        with self._changed:
            self._next = ServiceStatus(
                deployment_id="",
                service=self._service,
                instance=self._instance,
                state=state[0],
                reason=state[1],
                since=self._since,
                reported_at=now,
            )
            self._changed.notify()

    def _send(self) -> None:
        while True:
            with self._changed:
                while self._next is None and not self._closing:
                    self._changed.wait()
                status, self._next = self._next, None
            if status is None:
                return
            try:
                self._emit(status)
            except (StreamError, RetryableError) as error:
                _log.warning("status not sent", error=str(error))
            else:
                self._heard_at = self._monotonic()


class StatusBoard:
    """The last word of every instance, fed by a follower of ``status``."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._latest: dict[str, tuple[ServiceStatus, float]] = {}

    def heard(self, status: ServiceStatus) -> None:
        """Take a record of the topic."""
        self._latest[status.instance] = status, self._monotonic()

    def latest(self) -> Mapping[str, ServiceStatus]:
        """The last word of every instance, by instance. Old words are for the reader to tell from fresh ones."""
        return {instance: status for instance, (status, _) in dict(self._latest).items()}

    def words(self) -> Sequence[tuple[ServiceStatus, timedelta]]:
        """The last word of every instance, and how long ago it was heard here, whatever any clock says."""
        now = self._monotonic()
        return [
            (status, timedelta(seconds=now - heard_at))
            for status, heard_at in list(self._latest.values())
        ]
