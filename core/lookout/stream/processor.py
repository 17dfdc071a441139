"""What a processor is: events in, an outcome out. It touches no stream; the runner carries out what it says.

The runner keeps this order, and each step's place answers a crash: produce, flush (acknowledged), destroy keys (each with
its receipt, atomically), dead letters flushed, stage, commit. A crash before the commit repeats the work; deterministic
ids make the repetition harmless, and a key that is gone makes it short.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from lookout.events import Event
from lookout.sealing.ports import Destruction
from lookout.stream.ports import Partition, Position

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Delivery(Generic[E]):
    """An event as it came: ``position`` is its handle towards the runner, ``traceparent`` its W3C trace context."""

    event: E
    position: Position
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """A delivery that cannot be used: goes to the dead letters, its keys destroyed as `rejected`.

    ``kind`` is a snake_case word for counters; ``detail`` is for people and holds no biometric and no secret.
    """

    position: Position
    kind: str
    detail: str
    keys: tuple[Destruction, ...] = ()


@dataclass(slots=True)
class Outcome:
    """What is to be done about a batch.

    Deliveries of the batch are finished with once this outcome is carried out, but for the ``held`` ones: they keep
    the committed offset down, so that a crash brings them again, until a later outcome names them in ``released``.
    """

    produce: list[Event] = field(default_factory=list)
    destroy: list[Destruction] = field(default_factory=list)
    reject: list[Rejection] = field(default_factory=list)
    held: list[Position] = field(default_factory=list)
    released: list[Position] = field(default_factory=list)

    def merge(self, other: "Outcome") -> None:
        """Append another outcome's work to this one's."""
        self.produce += other.produce
        self.destroy += other.destroy
        self.reject += other.reject
        self.held += other.held
        self.released += other.released


class Processor(Protocol[E]):
    """A service's work. One thread calls all of it."""

    def process(self, batch: Sequence[Delivery[E]]) -> Outcome:
        """Work on deliveries, in their order within a partition. `RetryableError` repeats the same batch later."""

    def tick(self, now: datetime) -> Outcome:
        """Called several times a second, messages or not: time-outs, ends of tracks, staleness."""

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """Forget state kept for partitions that another instance has now; what is held of them is not ours to finish."""

    def drain(self) -> Outcome:
        """The service stops: finish what can be finished; what stays held will be delivered to the successor."""
