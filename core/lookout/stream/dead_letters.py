"""Messages that nobody can use are set aside, within limits: a stream of nothing else must stop, not drain away."""

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from lookout.events import DeadLetter, Event
from lookout.stream.ports import Clock, Message, Outgoing, Producer, StreamError
from lookout.telemetry.metrics import StreamMetrics


class PoisonedStreamError(StreamError):
    """Too many messages cannot be used: something is misconfigured, and setting all of them aside would lose them."""


class Encoder(Protocol):
    """The part of `lookout.codec.Codec` that produces."""

    def outgoing(self, event: Event, *, traceparent: str | None = None) -> Outgoing:
        """The event as a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterLimit:
    """More than ``ratio`` of the last ``window`` messages, of at least ``least``, or ``in_a_row``: the stream is poisoned."""

    ratio: float = 0.1
    window: int = 1000
    least: int = 50
    in_a_row: int = 200


class DeadLetters:
    """Sets messages aside on the dead-letter topic. The caller flushes before it commits."""

    def __init__(
        self,
        *,
        producer: Producer,
        codec: Encoder,
        service: str,
        clock: Clock,
        metrics: StreamMetrics,
        limit: DeadLetterLimit | None = None,
    ) -> None:
        self._producer, self._codec, self._service = producer, codec, service
        self._clock, self._metrics = clock, metrics
        self._limit = limit or DeadLetterLimit()
        self._recent: deque[bool] = deque(maxlen=self._limit.window)
        self._bad = self._in_a_row = 0

    def passed(self, count: int) -> None:
        """So many messages were fine."""
        if count:
            self._in_a_row = 0
        for _ in range(min(count, self._limit.window)):
            self._note(bad=False)

    def set_aside(
        self, message: Message, *, kind: str, detail: str, deployment_id: str = ""
    ) -> None:
        """Produce a message's dead letter.

        Raises:
            PoisonedStreamError: this one is over the limit. It is not set aside, and stays uncommitted.
        """
        self._note(bad=True)
        self._in_a_row += 1
        self._check(message, kind)
        position = message.position
        letter = DeadLetter(
            deployment_id=deployment_id,
            source_topic=position.partition.topic,
            source_partition=position.partition.index,
            source_offset=position.offset,
            service=self._service,
            error=kind,
            detail=detail,
            failed_at=self._clock(),
            original_key=message.key,
            original_value=message.value,
        )
        self._producer.produce(self._codec.outgoing(letter))
        self._metrics.dead_letters.labels(position.partition.topic, kind).inc()

    def _note(self, *, bad: bool) -> None:
        if len(self._recent) == self._recent.maxlen:
            self._bad -= self._recent[0]
        self._recent.append(bad)
        self._bad += bad

    def _check(self, message: Message, kind: str) -> None:
        seen = len(self._recent)
        limit = self._limit
        if self._in_a_row > limit.in_a_row or (
            seen >= limit.least and self._bad > limit.ratio * seen
        ):
            raise PoisonedStreamError(
                f"{self._bad} of the last {seen} messages of {message.position.partition.topic} cannot be used"
                f" (the last one: {kind}): find out who writes them before starting this service again"
            )
