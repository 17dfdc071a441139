"""Notices that Faust hands on nothing though something waits: the third net, for what the other two do not see (ADR 0007).

`progress` sees that a message was passed over when the next one comes. When none comes, only this does.
"""

from collections.abc import Hashable, Iterable, Iterator

from lookout.stream.ports import Partition, Position

from lookout_alerting.adapters.faust_consumer import SeekingConsumer
from lookout_alerting.adapters.progress import Progress


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


def lags_of(
    consumer: SeekingConsumer, progress: Progress, *, topic: str
) -> Iterator[tuple[Position, int]]:
    """For each partition of ``topic`` that this consumer reads: the next message wanted, and how many there are from it on."""
    for place in consumer.assignment():
        end = consumer.highwater(place)
        if place.topic == topic and place in consumer.begins and end is not None:
            partition = Partition(place.topic, place.partition)
            following = max(progress.following(partition), consumer.begins[place])
            yield Position(partition, following), max(0, end - following)
