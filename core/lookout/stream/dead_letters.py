"""Messages that nobody can use are set aside, within limits: a stream of nothing else must stop, not drain away."""

from collections import deque
from dataclasses import dataclass, replace
from typing import Protocol

from lookout.events import DeadLetter, Event
from lookout.stream.ports import (
    Clock,
    InvalidMessageError,
    Message,
    Outgoing,
    Producer,
    StreamError,
)
from lookout.telemetry.metrics import StreamMetrics


class PoisonedStreamError(StreamError):
    """Too many messages cannot be used: something is misconfigured, and setting all of them aside would lose them."""


class Encoder(Protocol):
    """The part of `lookout.codec.Codec` that produces."""

    def outgoing(self, event: Event, *, traceparent: str | None = None) -> Outgoing:
        """The event as a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterLimit:
    """When a stream counts as poisoned: ``in_a_row`` messages are bad, or more than ``ratio`` of the last ``window``.

    Fewer than ``least`` bad messages never are too large a part: the first hiccup of a young stream is no poison.
    """

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
        if count > 0:
            self._in_a_row = 0
        for _ in range(min(count, self._limit.window)):
            self._note(bad=False)

    def set_aside(
        self, message: Message, *, kind: str, detail: str, deployment_id: str = ""
    ) -> None:
        """Produce a message's dead letter; without the original where that is too large to be sent again.

        Raises:
            PoisonedStreamError: this one is over the limit. It is not set aside, and stays uncommitted.
        """
        self._note(bad=True)
        self._in_a_row += 1
        self._check(message, kind)
        position = message.position
        letter = DeadLetter(
            deployment_id=deployment_id or _deployment_in(message),
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
        try:
            self._producer.produce(self._codec.outgoing(letter))
        except InvalidMessageError as error:
            # What is set aside may not stop the stream either.
            short = replace(
                letter, original_value=None, detail=f"{detail}; original left out: {error.detail}"
            )
            self._producer.produce(self._codec.outgoing(short))
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
            self._bad >= limit.least and self._bad > limit.ratio * seen
        ):
            raise PoisonedStreamError(
                f"{self._bad} of the last {seen} messages of {message.position.partition.topic} cannot be used"
                f" (the last one: {kind}): find out who writes them before starting this service again"
            )


def _deployment_in(message: Message) -> str:
    """What the header says: a message that cannot be read has nothing else to go by."""
    return dict(message.headers).get("ce_deploymentid", b"").decode("utf-8", "replace")
