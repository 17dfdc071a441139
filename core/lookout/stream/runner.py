"""Carries out what a processor says, always in the same order. See `lookout.stream.processor` for why in that order."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Generic, Protocol, TypeVar, cast

import structlog

from lookout.events import ErasureReason, Event, Sealed
from lookout.sealing.ports import Destruction, Keyring, KeyringUnavailableError
from lookout.stream.dead_letters import DeadLetters
from lookout.stream.ports import (
    Broker,
    Clock,
    Consumer,
    InvalidMessageError,
    Message,
    Outgoing,
    Partition,
    Position,
    Producer,
    RetryableError,
)
from lookout.stream.processor import Delivery, Outcome, Processor, Rejection
from lookout.stream.tracing import StageTracing, Untraced
from lookout.telemetry.metrics import StreamMetrics

E = TypeVar("E", bound=Event)
T = TypeVar("T")

_POLL_S = 0.1
_LAG_EVERY_S = 1.0
_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 2.0
_log = structlog.get_logger()


class Coder(Protocol):
    """The parts of `lookout.codec.Codec` that a runner needs."""

    def decode(self, topic_name: str, value: bytes | None) -> Event:
        """The event of a message."""

    def outgoing(self, event: Event, *, traceparent: str | None = None) -> Outgoing:
        """The event as a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How many messages make a batch at most, and how often the processor is told the time, in seconds.

    While messages keep coming, offsets are committed every ``commit_s`` (a commit costs milliseconds, and all that a
    kill between two costs is work done again); without messages at once.
    """

    batch_max: int = 16
    tick_s: float = 0.2
    commit_s: float = 0.2


class Runner(Generic[E]):
    """One consumer, one processor, one thread.

    Anything but an unusable message or a part that does not answer for the moment comes out of `run` as it is: the
    process ends, and its successor starts from the last commit.
    """

    def __init__(
        self,
        *,
        name: str,
        broker: Broker,
        group: str,
        topics: Sequence[str],
        producer: Producer,
        codec: Coder,
        processor: Processor[E],
        keyring: Keyring,
        instance: str,
        metrics: StreamMetrics,
        clock: Clock,
        dead_letters: DeadLetters,
        on_turn: Callable[[], None],
        on_trouble: Callable[[str | None], None],
        why_not: Callable[[], str] = lambda: "",
        rhythm: Rhythm | None = None,
        tracing: StageTracing | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``on_trouble`` is told why the runner waits, and None when it goes on; ``producer`` is its alone.

        While ``why_not`` gives a reason, nothing is begun: asked every turn, it must answer from memory.
        """
        self._name, self._broker, self._group, self._topics = name, broker, group, topics
        self._producer, self._codec, self._processor = producer, codec, processor
        self._keyring, self._instance = keyring, instance
        self._metrics, self._clock, self._monotonic = metrics, clock, monotonic
        self._dead_letters = dead_letters
        self._on_turn, self._on_trouble, self._why_not = on_turn, on_trouble, why_not
        self._rhythm = rhythm or Rhythm()
        self._tracing = tracing or Untraced()
        self._messages: dict[Position, Message] = {}
        self._owned: set[Partition] = set()
        self._held: dict[Position, Message] = {}
        self._ticked_at = self._lag_at = self._committed_at = monotonic()
        self._to_commit = False
        self._stop = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop``; then finish what is in hand, let the processor drain, commit and leave the group."""
        self._stop = stop
        consumer = self._broker.consumer(group=self._group, topics=self._topics, rebalance=self)
        try:
            while not stop.is_set():
                self._turn(consumer)
            self._insist(lambda: self._carry_out(consumer, [], self._processor.drain()))
        finally:
            consumer.close()
        _log.info("drained", runner=self._name)

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """See `Rebalance`."""
        _log.info("partitions assigned", partitions=[_label(one) for one in partitions])
        self._owned |= set(partitions)

    def why_idle(self) -> str:
        """Why nothing comes in, for the status: another instance has the partitions, or a dead one still has."""
        return "" if self._owned else "waiting for partitions of its topic"

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """See `Rebalance`. What is held of them is the successor's to decide."""
        _log.info("partitions revoked", partitions=[_label(one) for one in partitions])
        gone = set(partitions)
        self._owned -= gone
        self._held = {at: held for at, held in self._held.items() if at.partition not in gone}
        for partition in partitions:
            self._metrics.lag.labels(partition.topic, str(partition.index)).set(0)
        self._processor.revoked(partitions)

    def _turn(self, consumer: Consumer) -> None:
        self._on_turn()
        if self._why_not():
            self._stop.wait(_POLL_S)
            return
        messages = consumer.poll(self._rhythm.batch_max, _POLL_S)
        if messages and not self._firm():
            return  # told to stop: nothing of it is staged, so the successor reads it again
        if messages:
            self._work(consumer, messages)
        now = self._monotonic()
        if now - self._ticked_at >= self._rhythm.tick_s:
            self._ticked_at = now
            self._messages = {}
            self._insist(lambda: self._carry_out(consumer, [], self._processor.tick(self._clock())))
        if self._to_commit and (not messages or now - self._committed_at >= self._rhythm.commit_s):
            self._committed_at, self._to_commit = now, False
            consumer.commit()
        if now - self._lag_at >= _LAG_EVERY_S:
            self._lag_at = now
            for partition, lag in consumer.lag().items():
                self._metrics.lag.labels(partition.topic, str(partition.index)).set(lag)

    def _firm(self) -> bool:
        """Wait until there is no reason against working; False when told to stop before.

        The reason may have come while the poll was waiting for what it then returned.
        """
        while self._why_not():
            self._on_turn()
            if self._stop.wait(_POLL_S):
                return False
        return True

    def _work(self, consumer: Consumer, messages: Sequence[Message]) -> None:
        started = self._monotonic()
        self._messages = {message.position: message for message in messages}
        deliveries = self._insist(lambda: self._decoded(messages))
        if deliveries is None:
            return
        self._tracing.begin(deliveries)
        try:
            outcome = self._insist(lambda: self._processor.process(deliveries))
            if outcome is None:
                return
            self._dead_letters.passed(len(deliveries) - len(outcome.reject))
            self._carry_out(consumer, list(self._messages), outcome)
        finally:
            self._tracing.end()
        self._measure(deliveries, started)

    def _decoded(self, messages: Sequence[Message]) -> list[Delivery[E]]:
        deliveries: list[Delivery[E]] = []
        unreadable: list[tuple[Message, InvalidMessageError]] = []
        for message in messages:
            topic = message.position.partition.topic
            try:
                event = cast(E, self._codec.decode(topic, message.value))
            except InvalidMessageError as error:
                unreadable.append((message, error))
                continue
            trace = dict(message.headers).get("traceparent")
            deliveries.append(
                Delivery(
                    event, message.position, trace.decode("ascii", "replace") if trace else None
                )
            )
        # Only once all are decoded: a registry that does not answer repeats the batch, and must not repeat these.
        for message, why in unreadable:
            _log.warning("message not usable", position=str(message.position), kind=why.kind)
            self._dead_letters.set_aside(message, kind=why.kind, detail=why.detail)
        for message in messages:
            self._metrics.received.labels(message.position.partition.topic).inc()
        return deliveries

    def _carry_out(
        self, consumer: Consumer, positions: Sequence[Position], outcome: Outcome
    ) -> None:
        """Produce, flush, destroy, dead letters, stage; the turn ends with the commit."""
        undeliverable = self._produce(outcome.produce)
        destroy = [*outcome.destroy, *undeliverable]
        destroy += [key for rejection in outcome.reject for key in rejection.keys]
        if destroy and not self._insist(lambda: self._destroy(destroy)):
            return  # told to stop while the keyring did not answer: the successor does this batch again
        for rejection in outcome.reject:
            self._set_aside(rejection)
        # Dead letters of this batch, undecodable ones included, must be there before their offsets are passed.
        if positions or outcome.reject:
            self._producer.flush()
        known = {**self._held, **self._messages}
        self._held.update({at: known[at] for at in outcome.held if at in known})
        for released in outcome.released:
            self._held.pop(released, None)
        done = [position for position in positions if position not in self._held]
        if done or outcome.released:
            consumer.stage([*done, *outcome.released])
            self._to_commit = True

    def _produce(self, events: Sequence[Event]) -> Sequence[Destruction]:
        """Produce and flush; the keys of what no broker would take, for which there is nobody left to open them."""
        undeliverable: list[Destruction] = []
        for event in events:
            message = self._codec.outgoing(event, traceparent=self._tracing.traceparent_of(event))
            try:
                self._producer.produce(message)
            except InvalidMessageError as error:
                _log.error("event not deliverable", topic=message.topic, why=error.detail)
                self._metrics.undeliverable.labels(message.topic, error.kind).inc()
                undeliverable += _keys_in(event)
            else:
                self._metrics.produced.labels(message.topic).inc()
        if events:
            self._producer.flush()
        return undeliverable

    def _destroy(self, destroy: Sequence[Destruction]) -> bool:
        at = self._clock()
        self._keyring.destroy(destroy, by=self._instance, at=at)
        for order in destroy:
            captured = order.captured_at
            self._metrics.destroyed_after(order.reason, None if captured is None else at - captured)
        return True

    def _set_aside(self, rejection: Rejection) -> None:
        message = self._messages.get(rejection.position) or self._held.get(rejection.position)
        if message is None:
            # Of a partition that is another's by now, which will come to the same end.
            _log.warning("rejected in vain", position=str(rejection.position), kind=rejection.kind)
            return
        deployment = next((key.deployment_id for key in rejection.keys), "")
        self._dead_letters.set_aside(
            message, kind=rejection.kind, detail=rejection.detail, deployment_id=deployment
        )

    def _insist(self, work: Callable[[], T]) -> T | None:
        """Do it; again, with longer and longer waits, while something does not answer. None only when told to stop."""
        wait = _FIRST_WAIT_S
        while True:
            try:
                done = work()
            except (RetryableError, KeyringUnavailableError) as error:
                if wait == _FIRST_WAIT_S:
                    _log.warning("waiting", why=str(error))
                self._on_trouble(str(error))
                self._metrics.retries.inc()
                self._on_turn()
                if self._stop.wait(wait * (0.5 + random.random())):
                    return None
                wait = min(wait * 2, _LONGEST_WAIT_S)
            else:
                self._on_trouble(None)
                return done

    def _measure(self, deliveries: Sequence[Delivery[E]], started: float) -> None:
        now = self._clock()
        for delivery in deliveries:
            captured = getattr(delivery.event, "captured_at", None)
            if isinstance(captured, datetime):
                topic = delivery.position.partition.topic
                self._metrics.age_seconds.labels(topic).observe(
                    max(0.0, (now - captured).total_seconds())
                )
        self._metrics.batch_seconds.observe(self._monotonic() - started)


def _keys_in(event: Event) -> Sequence[Destruction]:
    captured = getattr(event, "captured_at", None)
    sealed = [getattr(event, field.name) for field in fields(event)]
    return [
        Destruction(
            key_id=key_id,
            reason=ErasureReason.REJECTED,
            deployment_id=event.deployment_id,
            captured_at=captured if isinstance(captured, datetime) else None,
        )
        for key_id in sorted({one.key_id for one in sealed if isinstance(one, Sealed)})
    ]


def _label(partition: Partition) -> str:
    return f"{partition.topic}/{partition.index}"
