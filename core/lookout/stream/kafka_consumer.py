"""A member of a Kafka consumer group that stays a member however long its caller is busy.

A thread of its own polls librdkafka without pause and keeps a bounded queue; when the queue is full it pauses the
partitions and polls on. Callbacks of librdkafka run on that thread; what `Rebalance` is told, it is told on the caller's.

When partitions are revoked, the thread holds the revocation back until the caller comes to `poll`, finished with its
batch, and has been told: then it commits what is staged, and lets go. A caller that is busy for longer than
``revoke_wait_s`` is not waited for: its batch is repeated by the successor, which deterministic ids make harmless, and
what it stages afterwards is ignored. Partitions that are lost (the group has given us up) are never committed.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer as RawConsumer
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as RawMessage

from lookout.stream.kafka_messages import (
    Complaints,
    cause_of,
    is_lost,
    message_from,
    partition_of,
    to_partition,
    to_raw,
)
from lookout.stream.membership import Membership
from lookout.stream.ports import Message, Partition, Position, Rebalance, StreamError
from lookout.stream.watermark import LowWatermark

# A commit has to wait for the poll that runs. While the caller works nothing is polled for: waking each few milliseconds
# would interrupt it as often (docs/adr/0028 has the switches counted).
_POLL_S = 0.02
_REST_S = 0.02
_OBSERVE_S = 0.25
_ASK_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much the queue holds before the partitions are paused, and how long a revocation waits for the caller."""

    messages: int
    size: int
    revoke_wait_s: float


@dataclass(slots=True, eq=False)
class _Change:
    """Partitions came or went; ``told`` once the caller knows."""

    partitions: Sequence[Partition]
    revoked: bool
    told: bool = False


class KafkaConsumer:
    """See the module; a `Consumer`. ``config`` is librdkafka's, without callbacks."""

    def __init__(
        self,
        *,
        config: Mapping[str, str | int | float | bool],
        topics: Sequence[str],
        rebalance: Rebalance | None,
        limits: Limits,
        membership: Membership,
    ) -> None:
        self._rebalance = rebalance
        self._limits = limits
        self._membership = membership
        self._instance_id = str(config.get("group.instance.id", ""))
        self._changed = threading.Condition()
        self._queue: deque[Message] = deque()
        self._queued_bytes = 0
        self._owned: dict[Partition, LowWatermark] = {}
        self._committed: dict[Partition, int] = {}
        self._observed: dict[Partition, tuple[int, int, int]] = {}
        self._observe_at = 0.0
        self._commits_asked = 0
        self._commits_done = 0
        self._changes: deque[_Change] = deque()
        self._failure: str | None = None
        self._closing = False
        self._caller_waits = False
        self._holding = False
        self._paused: set[Partition] = set()
        self._complaints = Complaints()
        self._raw = RawConsumer({**config, "error_cb": self._on_error}, logger=_log)
        self._raw.subscribe(
            list(topics),
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )
        self._thread = threading.Thread(target=self._keep_polling, name="kafka-poll", daemon=True)
        self._thread.start()

    def poll(self, max_messages: int, timeout_s: float) -> Sequence[Message]:
        """See `Consumer.poll`."""
        deadline = time.monotonic() + timeout_s
        while True:
            with self._changed:
                self._require_healthy()
                if not self._changes:
                    if self._queue:
                        return self._hand_out(max_messages)
                    left = deadline - time.monotonic()
                    if left <= 0:
                        return []
                    self._caller_waits = True
                    self._changed.notify_all()
                    self._changed.wait(left)
                    self._caller_waits = False
                    continue
                change = self._changes.popleft()
            self._tell(change)

    def stage(self, positions: Sequence[Position]) -> None:
        """See `Consumer.stage`."""
        with self._changed:
            for position in positions:
                watermark = self._owned.get(position.partition)
                if watermark is not None:
                    watermark.stage(position.offset)

    def commit(self) -> None:
        """See `Consumer.commit`. While the group rebalances or its coordinator is away, the next commit makes up."""
        with self._changed:
            self._require_healthy()
            self._commits_asked += 1
            mine = self._commits_asked
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._commits_done >= mine or self._closing or self._failure is not None
            )
            self._require_healthy()

    def lag(self) -> Mapping[Partition, int]:
        """See `Consumer.lag`. Partitions of which nothing has been fetched yet are left out."""
        with self._changed:
            lags: dict[Partition, int] = {}
            for partition, (low, high, start) in self._observed.items():
                position = self._owned[partition].position
                lags[partition] = max(0, high - max(low, start if position is None else position))
            return lags

    def close(self) -> None:
        """See `Consumer.close`."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _require_healthy(self) -> None:
        if self._closing:
            raise StreamError("the consumer is closed")
        if self._failure is not None:
            raise StreamError(self._failure)

    def _hand_out(self, limit: int) -> Sequence[Message]:
        messages = [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]
        for message in messages:
            self._queued_bytes -= _size(message)
            self._owned[message.position.partition].deliver(message.position.offset)
        return messages

    def _tell(self, change: _Change) -> None:
        if self._rebalance is not None:
            tell: Callable[[Sequence[Partition]], None] = (
                self._rebalance.revoked if change.revoked else self._rebalance.assigned
            )
            tell(change.partitions)
        with self._changed:
            change.told = True
            self._changed.notify_all()

    # From here on: the polling thread. No other calls librdkafka: the binding lets one call in at a time, and whoever
    # waits for a poll to end may wait for many of them.

    def _keep_polling(self) -> None:
        try:
            while not self._closing and self._failure is None:
                raw = self._raw.poll(_POLL_S if self._caller_waits else 0.0)
                if raw is not None:
                    self._take(raw)
                self._commit_if_asked()
                self._hold_or_resume()
                self._observe()
                self._require_member()
                if raw is None:
                    self._rest()
            if self._failure is None:
                self._commit(self._owned)
        except KafkaException as error:
            self._fail(f"the consumer failed: {cause_of(error)}")
        finally:
            if not self._closing:
                self._fail("the consumer's polling thread ended")
            self._raw.close()

    def _require_member(self) -> None:
        """Fail where the group has lost us and librdkafka does not join again: a consumer that is made anew does."""
        name = "" if self._owned else self._instance_id or str(self._raw.memberid() or "")
        if self._membership.is_lost(name, has_partitions=bool(self._owned)):
            self._fail("the group has lost this member, and it does not join again: start anew")

    def _rest(self) -> None:
        """Sleep until the caller wants something, or for a moment: what comes meanwhile waits with librdkafka."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._caller_waits or self._commits_asked > self._commits_done or self._closing
                ),
                timeout=_REST_S,
            )

    def _commit_if_asked(self) -> None:
        with self._changed:
            asked = self._commits_asked
            if asked == self._commits_done:
                return
        self._commit(self._owned)
        with self._changed:
            self._commits_done = asked
            self._changed.notify_all()

    def _commit(self, partitions: Iterable[Partition]) -> None:
        with self._changed:
            due = self._due(partitions)
        if not due:
            return
        try:
            answers = self._raw.commit(offsets=due, asynchronous=False)
        except KafkaException as error:
            if is_lost(cause_of(error)):
                self._fail(f"commit refused: {cause_of(error)}")
            else:
                _log.warning("commit postponed: %s", cause_of(error))
            return
        for answer in answers:
            if answer.error is None:
                self._committed[to_partition(answer)] = answer.offset
            else:
                _log.warning("commit of %s postponed: %s", to_partition(answer), answer.error)

    def _due(self, partitions: Iterable[Partition]) -> list[TopicPartition]:
        due: list[TopicPartition] = []
        for partition in partitions:
            committable = self._owned[partition].committable
            if committable is not None and committable != self._committed.get(partition):
                due.append(to_raw(partition, committable))
        return due

    def _observe(self) -> None:
        """Note the watermarks that the last fetches told of, and where reading of a partition began."""
        now = time.monotonic()
        if now < self._observe_at:
            return
        self._observe_at = now + _OBSERVE_S
        for partition in list(self._owned):
            raw = to_raw(partition)
            low, high = self._raw.get_watermark_offsets(raw, cached=True)
            if high < 0:
                continue  # nothing fetched yet
            start = (
                self._observed[partition][2] if partition in self._observed else self._start(raw)
            )
            if start is None:
                return  # the coordinator is away
            with self._changed:
                self._observed[partition] = (low, high, start)

    def _start(self, partition: TopicPartition) -> int | None:
        """The committed offset; negative where there was none, and reading began at the low watermark."""
        try:
            (found,) = self._raw.committed([partition], timeout=_ASK_S)
        except KafkaException as error:
            self._on_error(cause_of(error))
            return None
        return int(found.offset)

    def _take(self, raw: RawMessage) -> None:
        error = raw.error()
        if error is not None:
            self._on_error(error)
            return
        message = message_from(raw)
        with self._changed:
            # A message may still arrive from a partition that has just been taken away.
            if partition_of(raw) in self._owned:
                self._queue.append(message)
                self._queued_bytes += _size(message)
                self._caller_waits = False
                self._changed.notify_all()

    def _hold_or_resume(self) -> None:
        with self._changed:
            messages, size = len(self._queue), self._queued_bytes
            owned = set(self._owned)
        # Half empty before resuming: each pause makes librdkafka throw away what it had fetched ahead.
        if messages >= self._limits.messages or size >= self._limits.size:
            self._holding = True
        elif messages <= self._limits.messages // 2 and size <= self._limits.size // 2:
            self._holding = False
        self._paused &= owned
        wanted = owned if self._holding else set()
        if wanted != self._paused:
            self._raw.pause([to_raw(partition) for partition in wanted - self._paused])
            self._raw.resume([to_raw(partition) for partition in self._paused - wanted])
            self._paused = wanted

    def _on_error(self, error: KafkaError) -> None:
        if is_lost(error):
            self._fail(f"the consumer is lost: {error}")
        else:
            self._complaints.log(error)

    def _on_assign(self, _raw: RawConsumer, partitions: list[TopicPartition]) -> None:
        mine = [to_partition(partition) for partition in partitions]
        with self._changed:
            for partition in mine:
                self._owned[partition] = LowWatermark()
            self._note(_Change(mine, revoked=False))

    def _on_revoke(self, _raw: RawConsumer, partitions: list[TopicPartition]) -> None:
        mine = [to_partition(partition) for partition in partitions]
        with self._changed:
            change = _Change(mine, revoked=True)
            self._note(change)
        deadline = time.monotonic() + self._limits.revoke_wait_s
        while not self._wait_told(change, deadline):
            self._commit_if_asked()  # the caller may be on its way to `poll` through `commit`
        self._commit([partition for partition in mine if partition in self._owned])
        with self._changed:
            self._drop(mine)

    def _wait_told(self, change: _Change, deadline: float) -> bool:
        """Whether to go on with a revocation; False when there is a commit to do first."""
        with self._changed:
            self._changed.wait_for(
                lambda: change.told or self._closing or self._commits_asked > self._commits_done,
                timeout=deadline - time.monotonic(),
            )
            return change.told or self._closing or time.monotonic() >= deadline

    def _on_lost(self, _raw: RawConsumer, partitions: list[TopicPartition]) -> None:
        mine = [to_partition(partition) for partition in partitions]
        with self._changed:
            self._drop(mine)
            self._note(_Change(mine, revoked=True))

    def _note(self, change: _Change) -> None:
        if change.partitions:
            self._changes.append(change)
            self._changed.notify_all()
        else:
            change.told = True

    def _drop(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            self._owned.pop(partition, None)
            self._committed.pop(partition, None)
            self._observed.pop(partition, None)
            self._paused.discard(partition)  # should it come back, it comes back unpaused
        self._queue = deque(m for m in self._queue if m.position.partition in self._owned)
        self._queued_bytes = sum(map(_size, self._queue))

    def _fail(self, reason: str) -> None:
        with self._changed:
            if self._failure is None:
                self._failure = reason
            self._changed.notify_all()


def _size(message: Message) -> int:
    return len(message.key or b"") + len(message.value or b"")
