"""The audit onto its topic: in order, at least once; and a halt to everything while that is not possible."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog
from lookout.events import AuditEntry, Event
from lookout.stream.ports import StreamError
from sqlalchemy.exc import SQLAlchemyError

_log = structlog.get_logger(__name__)
_MOST: Final = 500
_TURN_S: Final = 0.2
BEHIND_S: Final = 5.0


class Chain(Protocol):
    """The entries in the store."""

    def unpublished(self, most: int) -> Sequence[AuditEntry]:
        """The oldest entries that are not known to be on the topic."""

    def published(self, through: int) -> None:
        """Everything up to ``through`` is acknowledged."""


class AuditFeed:
    """Publishes what is not published. `why_not` answers from memory, from any thread.

    An entry is on the topic within a turn; when the oldest has waited longer than ``behind_s``, nothing that would write
    another is done until it is. Several consoles may publish the same entry: readers take it once, by its sequence.
    """

    def __init__(
        self,
        *,
        chain: Chain,
        emit_all: Callable[[Sequence[Event]], None],
        behind_s: float = BEHIND_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._chain, self._emit_all = chain, emit_all
        self._behind_s, self._monotonic = behind_s, monotonic
        self._well_at = monotonic()

    def turn(self) -> int:
        """Publish what waits; how many entries. Raises what the broker and the store raise."""
        count = 0
        while waiting := self._chain.unpublished(_MOST):
            self._emit_all(waiting)
            self._chain.published(waiting[-1].sequence)
            count += len(waiting)
        self._well_at = self._monotonic()
        return count

    def why_not(self) -> str:
        """Why nothing may be done; empty when it may."""
        behind = self._monotonic() - self._well_at
        if behind <= self._behind_s:
            return ""
        # The same words while the trouble is the same: no counting seconds.
        return f"the audit has not reached its topic for more than {self._behind_s:g} s"

    def run(self, stop: threading.Event) -> None:
        """Publish until ``stop`` is set, and once more then."""
        told = ""
        while True:
            last = stop.wait(_TURN_S)
            try:
                self.turn()
                told = ""
            except (StreamError, SQLAlchemyError) as error:
                if not told:
                    told = type(error).__name__
                    _log.warning("the audit waits to be published", error=told)
            if last:
                return
