"""What one call of the processor decides, and what it remembers of live tracks between calls."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from lookout.events import Embedding, ErasureReason
from lookout.sealing.ports import Destruction
from lookout.stream.ports import Partition, Position
from lookout.stream.processor import Delivery, Outcome, Rejection

from lookout_matching.domain import TrackScores
from lookout_matching.metrics import Skip

TrackKey = tuple[str, str]
"""Deployment id and track id."""


@dataclass(slots=True)
class Live:
    """A live track. ``held`` are the positions of its pending shots by face id."""

    partition: Partition
    last_seen: datetime
    scores: TrackScores
    held: dict[str, Position] = field(default_factory=dict)

    def copy(self) -> "Live":
        """An independent copy."""
        return Live(self.partition, self.last_seen, self.scores.copy(), dict(self.held))


@dataclass(slots=True)
class Work:
    """What one call decides. Nothing of it counts until the call returns: a batch may be repeated."""

    now: datetime
    outcome: Outcome = field(default_factory=Outcome)
    skipped: Counter[Skip] = field(default_factory=Counter)
    destroyed: set[str] = field(default_factory=set)
    tracks: dict[TrackKey, Live] = field(default_factory=dict)
    arrived: set[Position] = field(default_factory=set)
    evidence: list[str] = field(default_factory=list)
    unconfirmed: int = 0

    def destroy(self, embedding: Embedding, reason: ErasureReason) -> None:
        """Order the face's key to be destroyed, once however often the face came."""
        self.outcome.destroy += self._orders(embedding, [embedding.template.key_id], reason)
        self.unconfirmed += reason is ErasureReason.UNCONFIRMED

    def skip(self, embedding: Embedding, skip: Skip, reason: ErasureReason | None = None) -> None:
        """Finish with an embedding that is not compared; its key is destroyed if there is a ``reason`` for that."""
        self.skipped[skip] += 1
        if reason is not None:
            self.destroy(embedding, reason)

    def reject(self, delivery: Delivery[Embedding], kind: str, detail: str) -> None:
        """Dead-letter a delivery."""
        event = delivery.event
        keys = dict.fromkeys([event.template.key_id, event.thumbnail.key_id])
        orders = self._orders(event, keys, ErasureReason.REJECTED)
        self.outcome.reject.append(Rejection(delivery.position, kind, detail, tuple(orders)))

    def _orders(
        self, embedding: Embedding, key_ids: Iterable[str], reason: ErasureReason
    ) -> list[Destruction]:
        fresh = [key_id for key_id in key_ids if key_id not in self.destroyed]
        self.destroyed.update(fresh)
        return [
            Destruction(
                key_id=key_id,
                reason=reason,
                deployment_id=embedding.deployment_id,
                captured_at=embedding.captured_at,
            )
            for key_id in fresh
        ]
