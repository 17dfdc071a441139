"""Notices a message that Faust passed over, before anything behind it is acknowledged.

Faust 0.15.3 can lose what it fetched while a table recovers (see ADR 0007). `KeptTopic` in ``faust_app`` prevents the case
we know; this is the net beneath it. A gap is only right where the broker itself has deleted the records.
"""

from collections.abc import Mapping
from typing import Protocol

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient
from lookout.stream.kafka import KafkaBroker, KafkaSettings
from lookout.stream.ports import Partition, Position, StreamError


class Offsets(Protocol):
    """What the broker knows of a partition. Blocks."""

    def committed(self, partition: Partition) -> int:
        """The group's committed offset; 0 when there is none."""

    def low(self, partition: Partition) -> int:
        """The offset of the oldest record that still exists."""


class GroupOffsets:
    """`Offsets` of one group on a Kafka cluster. Nothing is connected before the first use."""

    def __init__(self, *, kafka: KafkaSettings, group: str) -> None:
        self._kafka, self._group = kafka, group
        self._admin: AdminClient | None = None

    def committed(self, partition: Partition) -> int:
        """See `Offsets.committed`."""
        if self._admin is None:
            self._admin = AdminClient(dict(self._kafka.client()))
        place = TopicPartition(partition.topic, partition.index)
        asked = [ConsumerGroupTopicPartitions(self._group, [place])]
        (future,) = self._admin.list_consumer_group_offsets(asked).values()
        (found,) = future.result(self._kafka.request_timeout_s).topic_partitions
        return max(0, int(found.offset))

    def low(self, partition: Partition) -> int:
        """See `Offsets.low`."""
        marks: Mapping[Partition, tuple[int, int]]
        marks = KafkaBroker(self._kafka).watermarks(partition.topic)
        return marks[partition][0]


class Progress:
    """The next offset expected of each partition, for each time it was assigned (a generation of the group)."""

    def __init__(self, offsets: Offsets) -> None:
        self._offsets = offsets
        self._next: dict[Partition, tuple[int, int]] = {}

    def expects(self, position: Position, generation: int) -> bool:
        """Whether the message follows what came before in its generation. Does not block."""
        known, following = self._next.get(position.partition, (-1, 0))
        return known == generation and position.offset <= following

    def begin(self, position: Position, generation: int) -> None:
        """Take up a message that was not expected: the first of a generation, or one behind a gap. Blocks.

        Raises:
            StreamError: records that still exist lie between it and what came before.
        """
        known, following = self._next.get(position.partition, (-1, 0))
        if known != generation:
            following = self._offsets.committed(position.partition)
        start = max(following, self._offsets.low(position.partition))
        if position.offset > start:
            raise StreamError(
                f"offsets {start} to {position.offset - 1} of {position.partition.topic}"
                f"[{position.partition.index}] were passed over: starting again from the commit"
            )

    def following(self, partition: Partition) -> int:
        """The offset after the last message finished with; 0 when there was none."""
        return self._next.get(partition, (-1, 0))[1]

    def took(self, position: Position, generation: int) -> None:
        """The message is finished with."""
        known, following = self._next.get(position.partition, (-1, 0))
        after = position.offset + 1
        if known == generation:
            after = max(after, following)
        self._next[position.partition] = (generation, after)
