"""A broker in memory, for one process: the same semantics as Kafka as far as Lookout relies on them.

Partitions, keys, offsets, groups whose members share partitions and hand them over, commits, DeleteRecords, retention
and compaction (which leave gaps) are here. Replication, transactions and persistence are not: what is in memory is gone
with the process, and so are the committed offsets.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from lookout.stream.memory_group import Group, Member
from lookout.stream.memory_log import Log
from lookout.stream.ports import (
    Clock,
    Consumer,
    DeliveryError,
    InvalidMessageError,
    Message,
    Outgoing,
    Partition,
    Position,
    Producer,
    Reader,
    Rebalance,
    StreamError,
    TopicSpec,
)

MESSAGE_MAX_BYTES = 4 * 1024 * 1024


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryBroker:
    """Topics and groups of one process. Thread-safe; a `Broker`.

    ``handover_s`` is how long a member that is busy keeps a partition that the group has given to another.
    """

    def __init__(self, *, clock: Clock = _now, handover_s: float = 5.0) -> None:
        self._clock = clock
        self._handover_s = handover_s
        self._changed = threading.Condition()
        self._logs: dict[str, tuple[Log, ...]] = {}
        self._groups: dict[str, Group] = {}

    def consumer(
        self, *, group: str, topics: Sequence[str], rebalance: Rebalance | None = None
    ) -> Consumer:
        """See `Broker.consumer`."""
        return self.member(group=group, topics=topics, rebalance=rebalance)

    def member(
        self, *, group: str, topics: Sequence[str], rebalance: Rebalance | None = None
    ) -> "MemoryConsumer":
        """As `consumer`, in the type that can also be abandoned, as a crash would."""
        with self._changed:
            partitions = {topic: self._partitions(topic) for topic in topics}
            joined = self._groups.setdefault(group, Group(self._handover_s))
            member = joined.join(partitions)
            self._changed.notify_all()
        return MemoryConsumer(broker=self, group=joined, member=member, rebalance=rebalance)

    def producer(self) -> Producer:
        """See `Broker.producer`."""
        return MemoryProducer(self)

    def reader(self, topics: Sequence[str], *, from_end: bool = False) -> Reader:
        """See `Broker.reader`."""
        with self._changed:
            partitions = [p for topic in topics for p in self._partitions(topic)]
            return MemoryReader(broker=self, partitions=partitions, from_end=from_end)

    def create_topics(self, specs: Sequence[TopicSpec]) -> Sequence[str]:
        """See `Broker.create_topics`."""
        created: list[str] = []
        with self._changed:
            for spec in specs:
                there = self._logs.get(spec.name)
                if there is None:
                    self._logs[spec.name] = tuple(
                        Log(Partition(spec.name, index), spec.config)
                        for index in range(spec.partitions)
                    )
                    created.append(spec.name)
                elif len(there) != spec.partitions:
                    raise StreamError(
                        f"topic {spec.name} has {len(there)} partitions, wanted {spec.partitions}: delete it,"
                        " or change its catalogue entry (keys would move to other partitions)"
                    )
        return created

    def delete_records(self, before: Mapping[Partition, int]) -> None:
        """See `Broker.delete_records`."""
        with self._changed:
            for partition, offset in before.items():
                log = self.log(partition)
                if not 0 <= offset <= log.high:
                    raise StreamError(f"{partition} has no offset {offset} (high {log.high})")
                log.delete_before(offset)

    def watermarks(self, topic: str) -> Mapping[Partition, tuple[int, int]]:
        """See `Broker.watermarks`."""
        with self._changed:
            return {
                partition: (self.log(partition).low, self.log(partition).high)
                for partition in self._partitions(topic)
            }

    @property
    def changed(self) -> threading.Condition:
        """Guards everything here; notified whenever there is something new to read or to hand over."""
        return self._changed

    def log(self, partition: Partition) -> Log:
        """A partition's log; call with ``changed`` held."""
        logs = self._logs.get(partition.topic, ())
        if not 0 <= partition.index < len(logs):
            raise StreamError(f"no partition {partition.index} of topic {partition.topic}")
        return logs[partition.index]

    def append(self, message: Outgoing) -> None:
        """Append to the partition of the key; `StreamError` for an unknown topic."""
        with self._changed:
            logs = self._logs.get(message.topic)
            if logs is None:
                raise StreamError(f"no topic {message.topic}: create it first")
            partition = partition_of(message.key, len(logs))
            logs[partition].append(message, self._clock())
            self._changed.notify_all()

    def _partitions(self, topic: str) -> Sequence[Partition]:
        if topic not in self._logs:
            raise StreamError(f"no topic {topic}: create it first")
        return [log.partition for log in self._logs[topic]]


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key: murmur2, as every Java client (and our Kafka producer) has it."""
    mask = 0xFFFFFFFF
    m = 0x5BD1E995
    h = (0x9747B28C ^ len(key)) & mask
    whole = len(key) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at : at + 4], "little") * m & mask
        k = (k ^ (k >> 24)) * m & mask
        h = (h * m & mask) ^ k
    if whole < len(key):
        h = (h ^ int.from_bytes(key[whole:], "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    h ^= h >> 15
    return (h & 0x7FFFFFFF) % partitions


class MemoryConsumer:
    """A member of a group in memory; a `Consumer`."""

    def __init__(
        self, *, broker: MemoryBroker, group: Group, member: Member, rebalance: Rebalance | None
    ) -> None:
        self._broker = broker
        self._group = group
        self._member = member
        self._rebalance = rebalance
        self._closed = False

    def poll(self, max_messages: int, timeout_s: float) -> Sequence[Message]:
        """See `Consumer.poll`."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._hand_over()
            with self._broker.changed:
                self._require_open()
                self._group.settle(time.monotonic())
                taken = self._group.take_assigned(self._member)
                if not taken and not self._group.revoking(self._member):
                    messages = self._read(max_messages)
                    left = deadline - time.monotonic()
                    if messages or left <= 0:
                        return messages
                    self._broker.changed.wait(self._group.patience(left))
            if taken and self._rebalance is not None:
                self._rebalance.assigned(taken)

    def stage(self, positions: Sequence[Position]) -> None:
        """See `Consumer.stage`."""
        with self._broker.changed:
            self._group.stage(self._member, positions)

    def commit(self) -> None:
        """See `Consumer.commit`."""
        with self._broker.changed:
            self._require_open()
            self._group.commit(self._member)

    def lag(self) -> Mapping[Partition, int]:
        """See `Consumer.lag`."""
        with self._broker.changed:
            owned = self._group.owned(self._member)
            return {p: max(0, self._broker.log(p).high - self._position(p)) for p in owned}

    def close(self) -> None:
        """See `Consumer.close`."""
        with self._broker.changed:
            if not self._closed:
                self._group.commit(self._member)
        self.abandon()

    def abandon(self) -> None:
        """Vanish without a commit, as a killed process does once its session is over."""
        with self._broker.changed:
            if not self._closed:
                self._closed = True
                self._group.leave(self._member)
                self._broker.changed.notify_all()

    def _hand_over(self) -> None:
        with self._broker.changed:
            leaving = self._group.take_revoked(self._member)
        if not leaving:
            return
        if self._rebalance is not None:
            self._rebalance.revoked(leaving)
        with self._broker.changed:
            self._group.hand_over(self._member, leaving)
            self._broker.changed.notify_all()

    def _read(self, limit: int) -> list[Message]:
        messages: list[Message] = []
        for partition in self._group.in_turn(self._member):
            log = self._broker.log(partition)
            found = log.read(self._position(partition), limit - len(messages))
            for message in found:
                self._group.delivered(self._member, message.position)
            messages += found
            if len(messages) >= limit:
                break
        return messages

    def _position(self, partition: Partition) -> int:
        position = self._group.position(self._member, partition)
        low = self._broker.log(partition).low
        return low if position is None else max(position, low)

    def _require_open(self) -> None:
        if self._closed:
            raise StreamError("the consumer is closed")


class MemoryProducer:
    """Appends at once; a `Producer`."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._failed = threading.local()

    def produce(self, message: Outgoing) -> None:
        """See `Producer.produce`. What cannot be appended is reported by the same thread's next `flush`."""
        if len(message.value or b"") + len(message.key) > MESSAGE_MAX_BYTES:
            raise InvalidMessageError(
                "too_large", f"{len(message.value or b'')} bytes for topic {message.topic}"
            )
        try:
            self._broker.append(message)
        except StreamError as error:
            self._failed.reason = str(error)

    def flush(self, timeout_s: float = 30.0) -> None:
        """See `Producer.flush`."""
        del timeout_s  # nothing is ever in flight
        reason: str | None = getattr(self._failed, "reason", None)
        if reason is not None:
            self._failed.reason = None
            raise DeliveryError(reason)

    def close(self) -> None:
        """See `Producer.close`."""
        self.flush()


class MemoryReader:
    """Reads every partition; a `Reader`. Constructed with the broker's condition held."""

    def __init__(
        self, *, broker: MemoryBroker, partitions: Sequence[Partition], from_end: bool
    ) -> None:
        self._broker = broker
        self._ends = {p: broker.log(p).high for p in partitions}
        self._positions = {p: self._ends[p] if from_end else broker.log(p).low for p in partitions}

    def poll(self, max_messages: int, timeout_s: float) -> Sequence[Message]:
        """See `Reader.poll`."""
        deadline = time.monotonic() + timeout_s
        with self._broker.changed:
            while True:
                messages = self._read(max_messages)
                left = deadline - time.monotonic()
                if messages or left <= 0:
                    return messages
                self._broker.changed.wait(left)

    def caught_up(self) -> bool:
        """See `Reader.caught_up`."""
        with self._broker.changed:
            return all(self._positions[p] >= end for p, end in self._ends.items())

    def close(self) -> None:
        """See `Reader.close`."""

    def _read(self, limit: int) -> list[Message]:
        messages: list[Message] = []
        for partition, position in self._positions.items():
            log = self._broker.log(partition)
            wanted = limit - len(messages)
            found = log.read(position, wanted)
            messages += found
            if found:
                self._positions[partition] = found[-1].position.offset + 1
            if len(found) < wanted:
                self._positions[partition] = log.high  # what is not there any more is skipped
        return messages
