"""A live deployment in memory, and matching's processor in front of it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from lookout.events import (
    UNSIGNED,
    Category,
    Deployment,
    DeploymentState,
    Embedding,
    Response,
    WatchlistAction,
    WatchlistEntry,
    WatchlistState,
)
from lookout.sealing.envelope import seal
from lookout.stream.ports import Partition, Position
from lookout.stream.processor import Delivery, Outcome
from lookout.vision.arrays import FloatArray
from lookout.watchlist import content_hash
from lookout_matching.domain import DecidedMatches
from lookout_matching.gallery_writer import WatchlistWriter
from lookout_matching.metrics import Metrics
from lookout_matching.processor import MatchingProcessor
from lookout_matching.readiness import Readiness
from lookout_matching.settings import Settings
from prometheus_client import CollectorRegistry
from support.keyrings import START, MemoryKeyring
from support.matching_fakes import PACK, BruteForceGallery, Deployments, FixedPack, MemoryVault

DIM = 4
DEPLOYMENT = "d1"
PARTITION = Partition("lookout.embeddings", 0)


def axis(index: int) -> FloatArray:
    """The unit vector of an entry: entries are orthogonal."""
    return np.asarray(np.eye(DIM)[index], dtype=np.float32)


def looks_like(index: int, score: float) -> FloatArray:
    """A unit vector at cosine ``score`` to one axis; the rest of it is on the last, which is nobody's."""
    vector = score * axis(index) + np.sqrt(1 - score**2) * axis(DIM - 1)
    return np.asarray(vector, dtype=np.float32)


def template_bytes(vector: FloatArray) -> bytes:
    return vector.astype("<f4").tobytes()


class World:
    """A live deployment with entries ``e0`` (axis 0) and ``e1`` (axis 1), and a processor in front of it."""

    def __init__(self, *, shots: int = 1, of: int = 1, settings: Settings | None = None) -> None:
        self.now = START
        self.settings = settings or Settings()
        self.keyring = MemoryKeyring()
        self.keyring.open_block(
            block_id="b", deployment_id=DEPLOYMENT, service="detection", count=10_000
        )
        self.vault = MemoryVault()
        self.vault.create(f"watchlist/{DEPLOYMENT}")
        self.gallery = BruteForceGallery()
        self.deployments = Deployments()
        self.states: list[WatchlistState] = []
        self.retracted: list[WatchlistState] = []
        self.records: list[WatchlistEntry] = []
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.writer = self.new_writer()
        self.decided = DecidedMatches()
        self.decided_known = True
        for index in range(2):
            self.publish(self.enrolment(f"e{index}", [axis(index)]))
        self.deployments.records[DEPLOYMENT] = self.new_deployment(shots, of)
        self.writer.settle(self.now)
        self.processor = self.new_processor()
        self.offset = 0
        self.shots: Counter[str] = Counter()

    def clock(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.keyring.advance(timedelta(seconds=seconds))

    def new_writer(self, emit: Callable[[WatchlistState], None] | None = None) -> WatchlistWriter:
        return WatchlistWriter(
            gallery=self.gallery,
            vault=self.vault,
            prospects=self.deployments,
            pack_sha256=PACK,
            dim=DIM,
            emit=emit or self.states.append,
            retract=self.retracted.append,
            metrics=self.metrics,
            clock=self.clock,
        )

    def new_readiness(self) -> Readiness:
        return Readiness(
            authority=self.deployments,
            watchlists=self.writer,
            pack=FixedPack(),
            most_shots=5,
            clock=self.clock,
        )

    def new_processor(self) -> MatchingProcessor:
        return MatchingProcessor(
            gallery=self.gallery,
            readiness=self.new_readiness(),
            authority=self.deployments,
            keyring=self.keyring,
            decided=self.decided,
            decided_known=lambda: self.decided_known,
            metrics=self.metrics,
            clock=self.clock,
            settings=self.settings,
        )

    def new_deployment(self, shots: int, of: int) -> Deployment:
        return Deployment(
            deployment_id=DEPLOYMENT,
            state=DeploymentState.LIVE,
            opens_at=START - timedelta(hours=1),
            closes_at=START + timedelta(hours=8),
            cameras=("cam",),
            target_fpir=0.001,
            pack_name="pack",
            pack_sha256=PACK,
            watchlist_hash=content_hash(self.records),
            confirm_shots=shots,
            confirm_of=of,
            authority="test",
            demonstration=True,
            updated_at=START,
            signature=UNSIGNED,
        )

    def change(self, **changes: object) -> None:
        """Change the deployment's record."""
        known = self.deployments.records[DEPLOYMENT]
        self.deployments.records[DEPLOYMENT] = replace(
            known,
            **changes,  # type: ignore[arg-type] # field names of the record, given by the test
        )

    def enrolment(self, entry_id: str, vectors: Sequence[FloatArray]) -> WatchlistEntry:
        key = self.vault.get(f"watchlist/{DEPLOYMENT}")
        sealed = [
            seal(key, template_bytes(vector), what="watchlist-template", whose=entry_id)
            for vector in vectors
        ]
        return WatchlistEntry(
            deployment_id=DEPLOYMENT,
            entry_id=entry_id,
            action=WatchlistAction.ENROL,
            category=Category.WANTED_BY_COURTS,
            response=Response.AMBER,
            pack_sha256=PACK,
            templates=tuple(sealed),
            issued_at=self.tick(),
            signature=UNSIGNED,
        )

    def order(self, entry_id: str, action: WatchlistAction) -> WatchlistEntry:
        return WatchlistEntry(
            deployment_id=DEPLOYMENT,
            entry_id=entry_id,
            action=action,
            category=None,
            response=None,
            pack_sha256=PACK,
            templates=(),
            issued_at=self.tick(),
            signature=UNSIGNED,
        )

    def tick(self) -> datetime:
        """A time for the next control record: later than the one before."""
        return datetime(2026, 6, 1, tzinfo=UTC) + timedelta(seconds=len(self.records))

    def publish(self, record: WatchlistEntry) -> None:
        self.records.append(record)
        self.writer.apply(record)

    def authorise(self) -> None:
        """Let the deployment's record name the watchlist as it is now, and the writer settle."""
        self.advance(1)
        self.writer.settle(self.now)
        self.change(watchlist_hash=content_hash(self.records))

    def shot(
        self, vector: FloatArray, *, track: str = "t", face: str = "", **changes: object
    ) -> Delivery[Embedding]:
        """The next delivery: a face sealed under a fresh key."""
        (key,) = self.keyring.make("b", 1, timedelta(seconds=60))
        self.offset += 1
        self.shots[track] += 1
        face_id = face or f"face-{self.offset}"
        event = Embedding(
            deployment_id=DEPLOYMENT,
            face_id=face_id,
            track_id=track,
            camera_id="cam",
            captured_at=self.now,
            shot=self.shots[track],
            quality=0.9,
            pack_sha256=PACK,
            template=seal(key, template_bytes(vector), what="template", whose=face_id),
            thumbnail=seal(key, b"jpeg", what="thumbnail", whose=face_id),
        )
        changed = replace(
            event,
            **changes,  # type: ignore[arg-type] # field names of the event, given by the test
        )
        return Delivery(changed, Position(PARTITION, self.offset))

    def see(self, score: float, *, entry: int = 0, track: str = "t") -> Delivery[Embedding]:
        """A shot at this cosine to an entry."""
        return self.shot(looks_like(entry, score), track=track)

    def process(self, *deliveries: Delivery[Embedding]) -> Outcome:
        return self.processor.process(deliveries)

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"lookout_matching_{name}", labels) or 0.0
