"""Notices that the machine's clock was set back: what then waits inside the Kafka client may wait for as long again (ADR 25)."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

from lookout.stream.ports import Clock


class ClockWatch:
    """Compares the clock with one that nobody sets, twice a second.

    A clock that is set forward, or slewed, or a machine that slept, is nothing to it: those end waits sooner, or not at all.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        limit: timedelta,
        on_set_back: Callable[[timedelta], None],
        monotonic: Callable[[], float] = time.monotonic,
        every_s: float = 0.5,
    ) -> None:
        """``on_set_back`` is told, on the watch's thread, by how much, if it is more than ``limit`` from one look to the next."""
        self._clock, self._monotonic = clock, monotonic
        self._limit, self._on_set_back = limit, on_set_back
        self._every_s = every_s
        self._began_at, self._began = clock(), monotonic()
        self._ahead = timedelta()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clock watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def look(self) -> None:
        """Compare once."""
        gone = timedelta(seconds=self._monotonic() - self._began)
        ahead = self._clock() - self._began_at - gone
        back, self._ahead = self._ahead - ahead, ahead
        if back > self._limit:
            self._on_set_back(back)

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self.look()
