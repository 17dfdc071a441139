"""One partition's log in memory: offsets, retention, compaction."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from lookout.stream.ports import Message, Outgoing, Partition, Position

_COMPACT_FROM = 1_000


class Log:
    """Records in the order of their offsets. Retention and compaction run at every append, never in between.

    Obeys the topic settings ``retention.ms``, ``retention.bytes`` and ``cleanup.policy``. Not thread-safe: the broker's
    lock is.
    """

    def __init__(self, partition: Partition, config: Mapping[str, str]) -> None:
        self.partition = partition
        self._records: list[Message] = []
        self._bytes = 0
        self._low = 0
        self._high = 0
        policy = config.get("cleanup.policy", "delete")
        self._compacts = "compact" in policy
        deletes = "delete" in policy
        self._keep_ms = int(config.get("retention.ms", "-1")) if deletes else -1
        self._keep_bytes = int(config.get("retention.bytes", "-1")) if deletes else -1
        self._compact_at = _COMPACT_FROM

    @property
    def low(self) -> int:
        """The first offset that can be read."""
        return self._low

    @property
    def high(self) -> int:
        """The offset that the next record will have."""
        return self._high

    def append(self, message: Outgoing, now: datetime) -> None:
        """Add a record with the next offset."""
        record = Message(
            position=Position(self.partition, self._high),
            key=message.key,
            value=message.value,
            headers=message.headers,
            timestamp=now,
        )
        self._records.append(record)
        self._bytes += _size(record)
        self._high += 1
        self._retain(now)
        if self._compacts and len(self._records) >= self._compact_at:
            self._compact()

    def read(self, offset: int, limit: int) -> Sequence[Message]:
        """Up to ``limit`` records from ``offset`` on."""
        first = self._index(offset)
        return self._records[first : first + max(0, limit)]

    def delete_before(self, offset: int) -> None:
        """Let go of every record below ``offset``."""
        count = self._index(offset)
        self._bytes -= sum(_size(record) for record in self._records[:count])
        del self._records[:count]
        self._low = max(self._low, offset)

    def _index(self, offset: int) -> int:
        return bisect_left(self._records, offset, key=lambda record: record.position.offset)

    def _retain(self, now: datetime) -> None:
        too_many = self._bytes - self._keep_bytes if self._keep_bytes >= 0 else 0
        oldest = now - timedelta(milliseconds=self._keep_ms) if self._keep_ms >= 0 else None
        keep_from: int | None = None
        for record in self._records[:-1]:  # as in Kafka, the newest is never retention's to take
            if too_many <= 0 and (oldest is None or record.timestamp >= oldest):
                break
            too_many -= _size(record)
            keep_from = record.position.offset + 1
        if keep_from is not None:
            self.delete_before(keep_from)

    def _compact(self) -> None:
        latest = {record.key: record.position.offset for record in self._records}
        self._records = [r for r in self._records if latest[r.key] == r.position.offset]
        self._bytes = sum(_size(record) for record in self._records)
        # Twice what is live: compacting costs each append a constant, however many keys there are.
        self._compact_at = max(_COMPACT_FROM, 2 * len(self._records))


def _size(record: Message) -> int:
    return len(record.key or b"") + len(record.value or b"")
