"""One trace from a camera's image to its alert, carried from service to service in the header ``traceparent`` (W3C).

A stage's span begins with the batch that a record came in and ends when what came of it is acknowledged and its keys are
destroyed. What comes of a record names it (a face its frame, a match its face): so the span that an event goes on from is
found without the processors' knowing of traces. Spans say which stage, which topic, which camera, and when. They never name
a person, a face, a track or a watchlist entry, nor hold anything that was measured of one.
"""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from lookout.events import Alert, Embedding, Event, Face, Frame, Match
from lookout.stream.processor import Delivery

CAMERA: Final = "lookout.camera"
TOPIC: Final = "messaging.destination.name"
BATCH: Final = "messaging.batch.message_count"
ATTRIBUTES: Final = frozenset({CAMERA, TOPIC, BATCH})
"""All that a span may say besides its name, its times and its service."""

Attributes = dict[str, str | int]


class Span(Protocol):
    """A span under way. ``traceparent`` is what its children carry."""

    @property
    def traceparent(self) -> str:
        """The header's value, W3C trace context."""

    def end(self) -> None:
        """It is over now. Never blocks."""


class Tracer(Protocol):
    """Where spans go."""

    def begin(
        self, name: str, *, parent: str | None, attributes: Attributes, at: datetime | None = None
    ) -> Span | None:
        """A span as of ``at`` (now, if None); None where the trace is not sampled, or ``parent`` is no traceparent.

        Without a parent it begins a trace. Never blocks.
        """


class StageTracing(Protocol):
    """The traces of one service, used by one thread."""

    def made(self, event: Event) -> str | None:
        """The traceparent of an event that begins here, with a span from its image's capture until now."""

    def begin(self, batch: Sequence[Delivery[Any]]) -> None:
        """Work on a batch begins."""

    def traceparent_of(self, event: Event) -> str | None:
        """What an event that is produced goes on from; None where nothing is known of it."""

    def end(self) -> None:
        """What came of the batch is acknowledged."""


class Untraced:
    """No traces."""

    def made(self, event: Event) -> str | None:  # noqa: ARG002 - the protocol's signature
        """See `StageTracing.made`."""
        return None

    def begin(self, batch: Sequence[Delivery[Any]]) -> None:
        """See `StageTracing.begin`."""

    def traceparent_of(self, event: Event) -> str | None:  # noqa: ARG002 - the protocol's signature
        """See `StageTracing.traceparent_of`."""
        return None

    def end(self) -> None:
        """See `StageTracing.end`."""


class Traced:
    """A stage that sends its spans to a tracer."""

    def __init__(self, tracer: Tracer, stage: str, *, remembered: int = 4096) -> None:
        """``remembered`` records are known afterwards: a match may come of a shot of an earlier batch."""
        self._tracer, self._stage = tracer, stage
        self._remembered = remembered
        self._known: OrderedDict[str, str] = OrderedDict()
        self._under_way: list[Span] = []

    def made(self, event: Event) -> str | None:
        """See `StageTracing.made`."""
        captured = getattr(event, "captured_at", None)
        at = captured if isinstance(captured, datetime) else None
        span = self._tracer.begin(self._stage, parent=None, attributes=_camera_of(event), at=at)
        if span is None:
            return None
        span.end()
        return span.traceparent

    def begin(self, batch: Sequence[Delivery[Any]]) -> None:
        """See `StageTracing.begin`."""
        for delivery in batch:
            if delivery.traceparent is None:
                continue
            attributes: Attributes = {
                TOPIC: delivery.position.partition.topic,
                BATCH: len(batch),
                **_camera_of(delivery.event),
            }
            span = self._tracer.begin(
                self._stage, parent=delivery.traceparent, attributes=attributes
            )
            if span is not None:
                self._under_way.append(span)
                self._remember(_name_of(delivery.event), span.traceparent)

    def traceparent_of(self, event: Event) -> str | None:
        """See `StageTracing.traceparent_of`."""
        return self._known.get(_cause_of(event))

    def end(self) -> None:
        """See `StageTracing.end`."""
        for span in self._under_way:
            span.end()
        self._under_way = []

    def _remember(self, name: str, traceparent: str) -> None:
        if not name:
            return
        self._known[name] = traceparent
        while len(self._known) > self._remembered:
            self._known.popitem(last=False)


def _name_of(event: Event) -> str:
    """What the events that come of an event name it by; kept in this process, and told nobody."""
    match event:
        case Frame():
            return event.frame_id
        case Face() | Embedding():
            return event.face_id
        case Match():
            return event.match_id
        case _:
            return ""


def _cause_of(event: Event) -> str:
    """The name of what an event came of."""
    match event:
        case Face():
            return event.frame_id
        case Embedding() | Match():
            return event.face_id
        case Alert():
            return event.sightings[-1].match_id
        case _:
            return ""


def _camera_of(event: Event) -> Attributes:
    camera = getattr(event, "camera_id", None)
    return {CAMERA: camera} if isinstance(camera, str) else {}
