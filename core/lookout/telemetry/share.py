"""How large a share of what comes in is still worked on, over the last seconds: what an operator is told under too much load."""

import threading
import time
from collections import deque
from collections.abc import Callable

# At 20 images a second, one in ten is superseded by the next on two cores with nothing amiss. Whoever is told that each time
# is told nothing; and what changes ten times a second is no news either.
_TOLD_BELOW = 80
_STEP = 5


class WorkedShare:
    """Counts what was worked on and what was shed; safe from several threads, bounded by ``over_s`` buckets of a second."""

    def __init__(
        self,
        what: str,
        *,
        over_s: int = 10,
        least: int = 20,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``what`` is in the words for people, as "frames"; fewer than ``least`` of it say nothing yet."""
        self._what, self._over_s, self._least = what, over_s, least
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._buckets: deque[tuple[int, int, int]] = deque()

    def count(self, *, worked: int = 0, shed: int = 0) -> None:
        """Count some of either."""
        if not worked and not shed:
            return
        second = int(self._monotonic())
        with self._lock:
            self._forget(second)
            if self._buckets and self._buckets[-1][0] == second:
                _, before, lost = self._buckets.pop()
                worked, shed = worked + before, shed + lost
            self._buckets.append((second, worked, shed))

    def share(self) -> float:
        """The share worked on, 0 to 1; 1 where little or nothing came in."""
        with self._lock:
            self._forget(int(self._monotonic()))
            worked = sum(bucket[1] for bucket in self._buckets)
            shed = sum(bucket[2] for bucket in self._buckets)
        return worked / (worked + shed) if worked + shed >= self._least else 1.0

    def why_degraded(self) -> str:
        """What to tell the operator: "running degraded: 60 % of frames"; empty where four fifths or more are worked on."""
        percent = 100 * self.share()
        if percent >= _TOLD_BELOW:
            return ""
        # Rounded down: 79.9 % must not be told as 80.
        return f"running degraded: {int(percent) // _STEP * _STEP} % of {self._what}"

    def _forget(self, second: int) -> None:
        while self._buckets and self._buckets[0][0] <= second - self._over_s:
            self._buckets.popleft()
