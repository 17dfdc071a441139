"""Waits for the broker beside the sealing loop, so that the loop knows what is on its way and never waits itself."""

import threading
from collections.abc import Callable

from lookout.stream.ports import StreamError


class Acknowledgements:
    """Counts frames sent on and not yet acknowledged, by flushing the producer from a thread of its own."""

    def __init__(
        self, *, flush: Callable[[], None], changed: Callable[[int], None] = lambda _: None
    ) -> None:
        self._flush = flush
        self._changed = changed
        self._condition = threading.Condition()
        self._outstanding = 0
        self._closing = False
        self._error: StreamError | None = None
        self._thread = threading.Thread(target=self._run, name="acknowledgements", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def sent(self, count: int) -> None:
        """Tell of frames that were produced: call it after producing them, never before."""
        with self._condition:
            self._outstanding += count
            self._changed(self._outstanding)
            self._condition.notify()

    @property
    def outstanding(self) -> int:
        """How many frames are on their way."""
        with self._condition:
            return self._outstanding

    def check(self) -> None:
        """Raise what flushing failed with."""
        if self._error is not None:
            raise self._error
        if self._thread.ident is not None and not self._thread.is_alive() and not self._closing:
            raise StreamError("waiting for acknowledgements ended by an error of its own")

    def close(self, timeout_s: float = 35.0) -> None:
        """Return once everything is acknowledged or the flush has failed; `check` tells which."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._outstanding and not self._closing:
                    self._condition.wait()
                flushing = self._outstanding
            if not flushing:
                return
            try:
                self._flush()
            except StreamError as error:
                self._error = error
                return
            with self._condition:
                self._outstanding -= flushing
                self._changed(self._outstanding)
