"""What the keeper needs from outside: the erasures topic, the right to write it, and what a purge reaches."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lookout.events import DeletedRecords, Erasure, PurgeCertificate

from lookout_keeper.anchors import Anchor
from lookout_keeper.domain import ChainHead, Ledger


class ErasureLog(Protocol):
    """The erasures topic, read from its beginning in order, and written. `StreamError` when it is lost."""

    def read(self, timeout_s: float) -> Sequence[Erasure]:
        """Records not read yet, our own included; empty when there are none within ``timeout_s``."""

    def at_end(self) -> bool:
        """Whether everything that is on the topic at this moment was read."""

    def append(self, records: Sequence[Erasure]) -> None:
        """Produce records in order; returns once all are acknowledged."""


class WriterLock(Protocol):
    """Which of several keepers may write."""

    @property
    def held(self) -> bool:
        """Whether this one may, as of the last `renew`."""

    def renew(self, timeout_s: float) -> None:
        """Keep, get or lose the lock; waits up to ``timeout_s`` while it is not held."""

    def release(self) -> None:
        """Let another have it at once."""


class AnchorStore(Protocol):
    """Where anchors are kept, out of the broker's reach."""

    def keep(self, anchor: Anchor) -> None:
        """Keep an anchor; returns once it is safe. Raises `OSError`."""


class Books(Protocol):
    """The account of keys as read from the topic."""

    @property
    def ledger(self) -> Ledger:
        """Which key ids were issued and which have a receipt."""

    @property
    def head(self) -> ChainHead:
        """Where the chain of receipts ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """What a round of deleting did: how far each partition is deleted, and how many records stay, by topic."""

    records: Sequence[DeletedRecords]
    left: Mapping[str, int]


class PurgeTopics(Protocol):
    """The topics that hold something of a deployment. Every call may raise `StreamError`."""

    def enrolled(self, deployment_id: str) -> int:
        """How many people its watchlist has records of."""

    def evidence(self, deployment_id: str) -> Collection[str]:
        """Ids of the keys that its matches and alerts name: what they seal may be waiting for a person."""

    def gallery_told(self, deployment_id: str) -> bool:
        """Whether matching's latest word is that it has its watchlist in force."""

    def delete(
        self,
        deployment_id: str,
        *,
        spared: Callable[[str], bool],
        alone: bool,
        evidence_waits: bool,
        settled: Collection[str],
    ) -> Deleted:
        """Delete its sealed records, as far as no spared deployment's lies before them.

        ``alone``: no other deployment is in force, so that only the watchlist can hold another's. ``evidence_waits``: leave
        matches and alerts. ``settled``: topics to leave out, as they are done.
        """

    def publish(self, certificate: PurgeCertificate) -> None:
        """Produce a signed certificate; returns once it is acknowledged."""
