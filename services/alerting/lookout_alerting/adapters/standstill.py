"""Notices that Faust hands on nothing though something waits: the third net, for what the other two do not see (ADR 0007).

`progress` sees that a message was passed over when the next one comes. When none comes, only this does.
"""

from collections.abc import Hashable, Iterable


class Standstill:
    """Looks again and again at what waits, and tells what has waited at every look for longer than ``patience_s``."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._since: dict[Hashable, float] = {}

    def of(self, waiting: Iterable[Hashable], now: float) -> Hashable | None:
        """What has waited too long; None where all of it is newer. ``now`` is seconds of a monotonic clock."""
        self._since = {one: self._since.get(one, now) for one in waiting}
        for one, since in self._since.items():
            if now - since > self._patience_s:
                return one
        return None
