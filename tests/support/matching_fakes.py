"""What matching is surrounded by, in memory: a gallery by brute force, a vault, deployments and a pack."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lookout.authority import why_not_in_force
from lookout.events import Deployment, DeploymentState
from lookout.sealing.ports import DataKey, KeyGoneError
from lookout.vision.arrays import FloatArray
from lookout.vision.calibration import PassRule
from lookout_matching.adapters.points import (
    collection_name,
    distinct,
    require_enrolment,
    require_vectors,
)
from lookout_matching.domain import Candidates
from lookout_matching.ports import (
    DimensionMismatchError,
    Enrolment,
    GalleryUnavailableError,
    Prospect,
    UnknownCollectionError,
)

PACK = "a" * 64


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
