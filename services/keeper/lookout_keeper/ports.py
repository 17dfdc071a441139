"""What the keeper needs from outside: the erasures topic, and the right to write it."""

from collections.abc import Sequence
from typing import Protocol

from lookout.events import Erasure


class ErasureLog(Protocol):
    """The erasures topic, read from its beginning in order, and written. `StreamError` when it is lost."""

    def read(self, timeout_s: float) -> Sequence[Erasure]:
        """Records not read yet, our own included; empty when there are none within ``timeout_s``."""

    def at_end(self) -> bool:
        """Whether everything that is on the topic at this moment was read."""

    def append(self, records: Sequence[Erasure]) -> None:
        """Produce records in order; returns once all are acknowledged."""


class WriterLock(Protocol):
    """Which of several keepers may write."""

    @property
    def held(self) -> bool:
        """Whether this one may, as of the last `renew`."""

    def renew(self, timeout_s: float) -> None:
        """Keep, get or lose the lock; waits up to ``timeout_s`` while it is not held."""

    def release(self) -> None:
        """Let another have it at once."""
