"""The right to write: who the group gives the topic's first partition to."""

from collections.abc import Sequence

from lookout.stream.ports import Broker, Partition

_MOST_MESSAGES = 1000
_WRITER_PARTITION = 0


class GroupLock:
    """`lookout_keeper.ports.WriterLock` by membership of a consumer group.

    The group is for membership alone: contents are read by a reader of its own. A keeper that lost the partition while
    it was busy may write once more; its record is a stray then, and it takes nothing out of the keyring.
    """

    def __init__(self, *, broker: Broker, topic: str, group: str) -> None:
        self._held = False
        self._consumer = broker.consumer(group=group, topics=[topic], rebalance=self)

    @property
    def held(self) -> bool:
        """Whether this one may write, as of the last `renew`."""
        return self._held

    def renew(self, timeout_s: float) -> None:
        """Tell the group that this one is there, and hear from it."""
        messages = self._consumer.poll(_MOST_MESSAGES, 0.0 if self._held else timeout_s)
        if messages:
            # What was seen need not come again; only the membership matters here.
            self._consumer.stage([message.position for message in messages])
            self._consumer.commit()

    def release(self) -> None:
        """Leave the group, so that another need not wait for this one's time-out."""
        self._held = False
        self._consumer.close()

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """See `lookout.stream.ports.Rebalance`."""
        self._held = self._held or _is_writers(partitions)

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """See `lookout.stream.ports.Rebalance`."""
        self._held = self._held and not _is_writers(partitions)


def _is_writers(partitions: Sequence[Partition]) -> bool:
    return any(partition.index == _WRITER_PARTITION for partition in partitions)
