"""Matching's surroundings in memory: a gallery by brute force, a world with a deployment, and a runner that may crash."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from lookout.authority import why_not_in_force
from lookout.events import (
    UNSIGNED,
    Category,
    Deployment,
    DeploymentState,
    Embedding,
    Match,
    Response,
    WatchlistAction,
    WatchlistEntry,
    WatchlistState,
)
from lookout.sealing.envelope import seal
from lookout.sealing.ports import DataKey, KeyGoneError
from lookout.stream.ports import Partition, Position
from lookout.stream.processor import Delivery, Outcome
from lookout.vision.arrays import FloatArray
from lookout.vision.calibration import PassRule
from lookout.watchlist import content_hash
from lookout_matching.adapters.points import (
    collection_name,
    distinct,
    require_enrolment,
    require_vectors,
)
from lookout_matching.domain import Candidates, DecidedMatches
from lookout_matching.gallery_writer import WatchlistWriter
from lookout_matching.metrics import Metrics
from lookout_matching.ports import (
    DimensionMismatchError,
    Enrolment,
    GalleryUnavailableError,
    Prospect,
    UnknownCollectionError,
)
from lookout_matching.processor import MatchingProcessor
from lookout_matching.readiness import Readiness
from lookout_matching.settings import Settings
from prometheus_client import CollectorRegistry
from support.keyrings import START, MemoryKeyring

DIM = 4
PACK = "a" * 64
DEPLOYMENT = "d1"
PARTITION = Partition("lookout.embeddings", 0)


class BruteForceGallery:
    """`Gallery` as plain numpy. ``available`` False makes every call fail; ``loses`` are entries it fails to keep."""

    def __init__(self) -> None:
        self.available = True
        self.loses: set[str] = set()
        self._collections: dict[str, tuple[int, dict[str, FloatArray]]] = {}

    def create(self, deployment_id: str, dim: int) -> None:
        self._require_available()
        found = self._collections.setdefault(collection_name(deployment_id), (dim, {}))
        if found[0] != dim:
            raise DimensionMismatchError(
                f"collection has dimension {found[0]}, but {dim} is wanted"
            )

    def enrol(self, deployment_id: str, enrolments: Sequence[Enrolment]) -> None:
        dim, people = self._collection(deployment_id)
        for enrolment in enrolments:
            require_enrolment(enrolment, dim)
        for enrolment in enrolments:
            if enrolment.entry_id not in self.loses:
                people[enrolment.entry_id] = enrolment.templates

    def withdraw(self, deployment_id: str, entry_ids: Sequence[str]) -> None:
        _, people = self._collection(deployment_id)
        for entry_id in entry_ids:
            people.pop(entry_id, None)

    def search(
        self, deployment_id: str, probes: FloatArray, *, top: int = 2
    ) -> Sequence[Candidates]:
        dim, people = self._collection(deployment_id)
        require_vectors("probes", probes, dim)
        # A snapshot: another thread may enrol meanwhile.
        known = list(people.items())
        answers = []
        for probe in probes:
            hits = [(entry, float((rows @ probe).max())) for entry, rows in known]
            answers.append(distinct(sorted(hits, key=lambda hit: -hit[1]), top))
        return answers

    def drop(self, deployment_id: str) -> None:
        self._require_available()
        self._collections.pop(collection_name(deployment_id), None)

    def deployments(self) -> Collection[str]:
        self._require_available()
        return [name.removeprefix("lookout-") for name in self._collections]

    def count(self, deployment_id: str) -> int:
        return sum(map(len, self._collection(deployment_id)[1].values()))

    def close(self) -> None:
        self._collections.clear()

    def _collection(self, deployment_id: str) -> tuple[int, dict[str, FloatArray]]:
        self._require_available()
        found = self._collections.get(collection_name(deployment_id))
        if found is None:
            raise UnknownCollectionError(f"no collection for deployment {deployment_id}")
        return found

    def _require_available(self) -> None:
        if not self.available:
            raise GalleryUnavailableError("the gallery does not answer (fake)")


@dataclass(slots=True)
class MemoryVault:
    """`Vault` in memory."""

    keys: dict[str, DataKey] = field(default_factory=dict)

    def get(self, name: str) -> DataKey:
        if name not in self.keys:
            raise KeyGoneError(f"no key {name} in the vault")
        return self.keys[name]

    def create(self, name: str) -> DataKey:
        self.keys[name] = DataKey(name, bytes(32))
        return self.keys[name]

    def get_or_create(self, name: str) -> DataKey:
        return self.keys.get(name) or self.create(name)

    def destroy(self, name: str) -> None:
        self.keys.pop(name, None)

    def names(self) -> Sequence[str]:
        return sorted(self.keys)


@dataclass(slots=True)
class Deployments:
    """`Authority` and `Prospects` over plain records."""

    records: dict[str, Deployment] = field(default_factory=dict)

    def in_force(self, now: datetime) -> Collection[Deployment]:
        return [known for known in self.records.values() if why_not_in_force(known, now) is None]

    def deployment(self, deployment_id: str, now: datetime) -> Deployment | None:
        return next((d for d in self.in_force(now) if d.deployment_id == deployment_id), None)

    def for_camera(self, camera_id: str, now: datetime) -> Deployment | None:
        return next((d for d in self.in_force(now) if camera_id in d.cameras), None)

    def why_not(self, now: datetime) -> str:
        reasons = [why_not_in_force(known, now) for known in self.records.values()]
        return next((reason for reason in reasons if reason), "no deployment has been opened")

    def prospect(self, deployment_id: str, now: datetime) -> Prospect:
        known = self.records.get(deployment_id)
        if known is None:
            return Prospect.UNKNOWN
        over = known.state is DeploymentState.ENDED or now >= known.closes_at
        return Prospect.OVER if over else Prospect.EXPECTED


@dataclass(frozen=True, slots=True)
class FixedPack:
    """`Pack` whose threshold rises with the gallery: 0.5 + 0.01 per template."""

    sha256: str = PACK

    def threshold(self, target_fpir: float, gallery_size: int, rule: PassRule) -> float:
        return 0.5 + 0.01 * gallery_size


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
        face_id = face or f"face-{self.offset}"
        event = Embedding(
            deployment_id=DEPLOYMENT,
            face_id=face_id,
            track_id=track,
            camera_id="cam",
            captured_at=self.now,
            shot=self.offset,
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


class CrashError(Exception):
    """The process dies here."""


@dataclass(slots=True)
class CrashingRunner:
    """Carries out outcomes in the runner's order over one partition, and dies where it is told to."""

    world: World
    log: list[Delivery[Embedding]] = field(default_factory=list)
    produced: list[Match] = field(default_factory=list)
    committed: int = 0
    read: int = 0
    finished: set[int] = field(default_factory=set)
    held: set[int] = field(default_factory=set)

    def step(self, batch: int, *, crash_after: str = "") -> None:
        """Process up to ``batch`` deliveries; with ``crash_after`` the process dies after that phase."""
        deliveries = self.log[self.read : self.read + batch]
        outcome = self.world.processor.process(deliveries)
        self.read += len(deliveries)
        self._carry_out(outcome, [d.position.offset for d in deliveries], crash_after)

    def tick(self, *, crash_after: str = "") -> None:
        self._carry_out(self.world.processor.tick(self.world.now), [], crash_after)

    def restart(self) -> None:
        """A new process: it remembers what is committed and what is on the topic of matches, nothing else."""
        self.world.decided = DecidedMatches()
        for match in self.produced:
            self.world.decided.note(match)
        self.world.processor = self.world.new_processor()
        self.read = self.committed
        self.finished.clear()
        self.held.clear()

    def _carry_out(self, outcome: Outcome, offsets: Sequence[int], crash_after: str) -> None:
        if crash_after == "process":
            raise CrashError
        self.produced += [event for event in outcome.produce if isinstance(event, Match)]
        if crash_after == "produce":
            raise CrashError
        orders = [*outcome.destroy, *(order for r in outcome.reject for order in r.keys)]
        self.world.keyring.destroy(orders, by="matching", at=self.world.now)
        if crash_after == "destroy":
            raise CrashError
        self.held |= {position.offset for position in outcome.held}
        self.held -= {position.offset for position in outcome.released}
        self.finished |= {offset for offset in offsets if offset not in self.held}
        self.finished |= {position.offset for position in outcome.released}
        while self.committed + 1 in self.finished:
            self.committed += 1
