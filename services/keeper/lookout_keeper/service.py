"""The keeper's loop: wait for the right to write, then drain and sweep until told to stop."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from lookout.events import ServiceState
from lookout.sealing.ports import KeyringUnavailableError
from lookout.stream.ports import DeliveryError, RetryableError
from lookout.telemetry.status import State

from lookout_keeper.metrics import Metrics
from lookout_keeper.ports import WriterLock
from lookout_keeper.processor import ChainBrokenError, Keeper

_WAIT_S = 0.2
_BUSY_S = 0.9

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """Seconds between turns, and between sweeps."""

    turn_s: float = 0.5
    sweep_s: float = 5.0


class KeeperService:
    """Runs a `Keeper` on one thread. `state` may be asked from another."""

    def __init__(
        self,
        *,
        keeper: Keeper,
        lock: WriterLock,
        metrics: Metrics,
        rhythm: Rhythm,
        turned: Callable[[], None],
        after_turn: Callable[[], None] = lambda: None,
        at_end: Callable[[], None] = lambda: None,
        also: Callable[[], State] = lambda: (ServiceState.LIVE, ""),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``turned`` is called once per round: the loop is alive. ``after_turn`` is further work of the one that writes.

        ``at_end`` is called once, after its last receipts; ``also`` says how that further work is.
        """
        self._keeper = keeper
        self._lock = lock
        self._metrics = metrics
        self._rhythm = rhythm
        self._turned = turned
        self._after_turn, self._at_end, self._also = after_turn, at_end, also
        self._busy_since: float | None = None
        self._monotonic = monotonic
        self._writing = self._failed = False
        self._next_turn = self._next_sweep = monotonic()
        self._state = (ServiceState.NOT_RUNNING, "starting")

    def state(self) -> tuple[ServiceState, str]:
        """How it is, and why. Only the keeper that writes is live: one that waits keeps no account."""
        busy_since, state = self._busy_since, self._state
        if state[0] is not ServiceState.LIVE:
            return state
        if busy_since is not None and self._monotonic() - busy_since > _BUSY_S:
            return (
                ServiceState.NOT_RUNNING,
                "receipts wait for the broker or the keyring: see that both answer",
            )
        return self._also()

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; then write what is in the outbox, and let go. `StreamError` ends it."""
        try:
            while not stop.is_set():
                self.step()
                self._turned()
                stop.wait(self._pause())
            if self._writing:
                self._guarded(self._keeper.drain)
                self._at_end()
        finally:
            self._state = (ServiceState.NOT_RUNNING, "stopped")
            self._metrics.active.set(0)
            self._lock.release()

    def step(self) -> None:
        """One round: keep the lock, and do what is due."""
        self._lock.renew(_WAIT_S)
        if not self._lock.held:
            self._stand_by()
        elif self._guarded(self._due if self._writing else self._begin):
            self._state = (
                (ServiceState.LIVE, "")
                if self._writing
                else (ServiceState.NOT_RUNNING, "reading the erasures topic")
            )

    def _stand_by(self) -> None:
        self._writing = False
        self._metrics.active.set(0)
        self._state = (ServiceState.NOT_RUNNING, "standing by: another keeper writes")
        self._guarded(self._keeper.follow)

    def _begin(self) -> None:
        self._keeper.check_keyring()
        if not self._keeper.catch_up():
            return
        self._writing = True
        self._metrics.active.set(1)
        self._next_turn = self._next_sweep = self._monotonic()
        _log.info("this keeper writes now")
        self._due()

    def _due(self) -> None:
        now = self._monotonic()
        if now >= self._next_sweep:
            self._keeper.check_keyring()
            self._take(self._keeper.sweep)
            self._next_sweep = now + self._rhythm.sweep_s
            self._next_turn = now + self._rhythm.turn_s
        elif now >= self._next_turn:
            self._take(self._keeper.drain)
            self._next_turn = now + self._rhythm.turn_s
        else:
            return
        self._after_turn()

    def _take(self, work: Callable[[], object]) -> None:
        """Take receipts to the topic, so that `state` can tell when that takes too long."""
        self._busy_since = self._monotonic()
        try:
            work()
        finally:
            self._busy_since = None

    def _guarded(self, work: Callable[[], None]) -> bool:
        """Do it; where a part does not answer or the chain does not hold, say so and try again next round."""
        try:
            work()
        # A record that was not acknowledged may be there all the same: the next round begins with reading.
        except (
            KeyringUnavailableError,
            RetryableError,
            DeliveryError,
            ChainBrokenError,
        ) as error:
            if self._state != (ServiceState.NOT_RUNNING, str(error)):
                _log.warning("not keeping account", reason=str(error))
            self._state = (ServiceState.NOT_RUNNING, str(error))
            self._failed = True
        else:
            self._failed = False
        return not self._failed

    def _pause(self) -> float:
        if self._failed:
            return _WAIT_S
        if not self._writing:
            # The lock, or the topic's reader, does the waiting.
            return 0.0
        return max(0.0, min(self._rhythm.turn_s, self._next_turn - self._monotonic()))
