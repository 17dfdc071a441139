"""What a stream is to Lookout, in its own words: no client library's types appear here.

Three offsets matter and are never confused. *Position*: the next message a consumer will read. *Staged*: every message
below it is finished with (the low watermark; a held or unfinished message keeps it down). *Committed*: the staged offset
that the broker remembers for the group; where a successor starts. Offsets are neither staged nor committed automatically.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

Headers = tuple[tuple[str, bytes], ...]


class StreamError(Exception):
    """The stream failed in a way that the process cannot mend: exit, be restarted, resume from the commit."""


class DeliveryError(StreamError):
    """A produced message was not acknowledged: nothing that depends on it may be committed."""


class RetryableError(Exception):
    """A part that should answer does not right now: wait and try the same work again."""


class InvalidMessageError(Exception):
    """A message that no retry can make readable. ``kind`` is a short snake_case word for counters."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One partition of a topic."""

    topic: str
    index: int


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """One message's place: the offset of the message itself, not of the next."""

    partition: Partition
    offset: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message as read. ``value`` None is a tombstone. ``timestamp`` is the broker's or producer's, UTC."""

    position: Position
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: datetime


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be produced. ``value`` None is a tombstone. The key alone chooses the partition."""

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers = ()


class Consumer(Protocol):
    """A member of a consumer group, used by one thread."""

    def poll(self, max_messages: int, timeout_s: float) -> Sequence[Message]:
        """Up to ``max_messages``, in order within a partition; empty after ``timeout_s`` without any.

        Returns at the first messages, without waiting for more. Never blocks the group: membership is kept alive
        while the caller is busy, and however long it is busy. Raises `StreamError` when the consumer is lost.
        """

    def stage(self, positions: Sequence[Position]) -> None:
        """Mark messages as finished with, in any order. Messages of revoked partitions are ignored."""

    def commit(self) -> None:
        """Commit the low watermark of each partition, synchronously."""

    def lag(self) -> Mapping[Partition, int]:
        """Messages between the position and the high watermark, for each assigned partition, as last known."""

    def close(self) -> None:
        """Commit what is staged and leave the group at once, so that a successor need not wait."""


class Rebalance(Protocol):
    """Told, on the polling thread, when partitions come and go."""

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """These partitions are now ours."""

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """These are not ours any more: forget state kept for them."""


class Producer(Protocol):
    """Sends messages; safe to use from several threads."""

    def produce(self, message: Outgoing) -> None:
        """Queue a message; blocks while the local queue is full. Order is kept within a key."""

    def flush(self, timeout_s: float = 30.0) -> None:
        """Return once everything queued by anyone before is acknowledged; `DeliveryError` if not, or not in time."""

    def close(self) -> None:
        """Flush and let go."""


class Reader(Protocol):
    """Reads all partitions of topics without a group, from the beginning (or the end)."""

    def poll(self, max_messages: int, timeout_s: float) -> Sequence[Message]:
        """As `Consumer.poll`."""

    def caught_up(self) -> bool:
        """Whether everything that was there when the reader was made has been returned by `poll`."""

    def close(self) -> None:
        """Let go."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a topic is created with. ``config`` holds Kafka's own topic settings by their names."""

    name: str
    partitions: int
    config: Mapping[str, str]


class Broker(Protocol):
    """Where consumers, producers and readers come from: a Kafka cluster, or memory."""

    def consumer(
        self, *, group: str, topics: Sequence[str], rebalance: Rebalance | None = None
    ) -> Consumer:
        """A new member of ``group``, reading ``topics`` from the committed offset, else from the earliest."""

    def producer(self) -> Producer:
        """A producer that waits for all in-sync replicas and is idempotent."""

    def reader(self, topics: Sequence[str], *, from_end: bool = False) -> Reader:
        """A reader of all partitions, without a group."""

    def create_topics(self, specs: Sequence[TopicSpec]) -> Sequence[str]:
        """Create what is missing; the names created. An existing topic with another partition count raises."""

    def delete_records(self, before: Mapping[Partition, int]) -> None:
        """Delete every record below the offset, for good (DeleteRecords)."""

    def watermarks(self, topic: str) -> Mapping[Partition, tuple[int, int]]:
        """Low and high watermark of each partition."""


Clock = Callable[[], datetime]
"""Tells the time, timezone-aware UTC. Tests give their own."""
