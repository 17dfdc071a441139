"""qdrant-edge: Qdrant's engine in this process.

It keeps templates in files, in the clear. They are put where no disk is (``/dev/shm``) if there is room; else they are
on the disk of the temporary folder while the process runs, which the log says. The folder is private (mode 0700) and
removed when the gallery is closed; one that a killed process left is removed by the next that starts. Nothing in it is
ever read again: a gallery is rebuilt from the watchlist.
"""

import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from lookout.vision.arrays import FloatArray
from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeOptimizersConfig,
    EdgeShard,
    EdgeVectorParams,
    Point,
    Query,
    QueryBatchRequest,
    QueryRequest,
    ScoredPoint,
    SearchParams,
    UpdateOperation,
)

from lookout_matching.adapters.points import (
    ENTRY,
    collection_name,
    distinct,
    over_fetch,
    point_ids,
    require_enrolment,
    require_vectors,
)
from lookout_matching.domain import Candidates
from lookout_matching.ports import (
    DimensionMismatchError,
    Enrolment,
    GalleryError,
    UnknownCollectionError,
)

_MEMORY = Path("/dev/shm")  # noqa: S108 - only its existence is relied on; the folder made in it is private
_PREFIX = "lookout-gallery-"
_LOCK = "in-use"
_ROOM = 48 << 20
# A file that outgrows its file system is a bus error, not an exception: writing stops well before.
_RESERVE = 16 << 20

_log = structlog.get_logger()


@dataclass(slots=True)
class _Shard:
    """One collection. Its lock keeps a search off a shard that is being dropped."""

    shard: EdgeShard
    folder: Path
    dim: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    dropped: bool = False


class EdgeGallery:
    """One edge shard per deployment, below one private folder. Owned by one process."""

    def __init__(self, *, folder: Path | None = None) -> None:
        """``folder``: where to make the private folder; by default in memory-backed storage, if there is any."""
        parent = folder or _roomy()
        remove_leftovers(parent)
        self._root, self._in_use = _private_folder(parent)
        self._shards: dict[str, _Shard] = {}
        if parent != _MEMORY:
            _log.warning("gallery files are not in memory-backed storage", folder=str(self._root))

    def create(self, deployment_id: str, dim: int) -> None:
        """See `Gallery.create`."""
        name = collection_name(deployment_id)
        known = self._shards.get(deployment_id)
        if known is not None:
            if known.dim != dim:
                raise DimensionMismatchError(
                    f"collection {name} has dimension {known.dim}, but {dim} is wanted: drop it first"
                )
            return
        self._require_room()
        config = EdgeConfig(
            vectors=EdgeVectorParams(size=dim, distance=Distance.Cosine),
            # No graph is ever built, and no log is kept of what a restart rebuilds anyway.
            optimizers=EdgeOptimizersConfig(indexing_threshold=0),
            wal_enabled=False,
        )
        folder = self._root / name
        self._shards[deployment_id] = _Shard(EdgeShard.create(str(folder), config), folder, dim)

    def enrol(self, deployment_id: str, enrolments: Sequence[Enrolment]) -> None:
        """See `Gallery.enrol`."""
        shard = self._shard(deployment_id)
        points: list[Point] = []
        vacated: list[str] = []
        for enrolment in enrolments:
            require_enrolment(enrolment, shard.dim)
            ids = point_ids(enrolment.entry_id)
            rows: Sequence[list[float]] = enrolment.templates.tolist()
            payload = {ENTRY: enrolment.entry_id}
            points += [Point(point, row, payload) for point, row in zip(ids, rows, strict=False)]
            vacated += ids[len(rows) :]
        self._require_room()
        self._update(shard, UpdateOperation.upsert_points(points))
        self._update(shard, UpdateOperation.delete_points([*vacated]))

    def withdraw(self, deployment_id: str, entry_ids: Sequence[str]) -> None:
        """See `Gallery.withdraw`."""
        points = [point for entry_id in entry_ids for point in point_ids(entry_id)]
        self._update(self._shard(deployment_id), UpdateOperation.delete_points([*points]))

    def search(
        self, deployment_id: str, probes: FloatArray, *, top: int = 2
    ) -> Sequence[Candidates]:
        """See `Gallery.search`."""
        shard = self._shard(deployment_id)
        require_vectors("probes", probes, shard.dim)
        exact = SearchParams(exact=True)
        rows: Sequence[list[float]] = probes.tolist()
        requests = [
            QueryRequest(
                limit=over_fetch(top), query=Query.Nearest(row), with_payload=[ENTRY], params=exact
            )
            for row in rows
        ]
        with shard.lock:
            _require_open(shard)
            answers = shard.shard.query_batch(QueryBatchRequest(requests))
        return [distinct(map(_hit, answer), top) for answer in answers]

    def drop(self, deployment_id: str) -> None:
        """See `Gallery.drop`."""
        shard = self._shards.pop(deployment_id, None)
        if shard is None:
            return
        with shard.lock:
            shard.dropped = True
            shard.shard.close()
            shutil.rmtree(shard.folder)

    def deployments(self) -> Collection[str]:
        """See `Gallery.deployments`."""
        return list(self._shards)

    def count(self, deployment_id: str) -> int:
        """See `Gallery.count`."""
        shard = self._shard(deployment_id)
        with shard.lock:
            _require_open(shard)
            return shard.shard.count(CountRequest(exact=True))

    def close(self) -> None:
        """Drop everything and remove the folder. Closing again is fine."""
        for deployment_id in self.deployments():
            self.drop(deployment_id)
        if self._root.exists():
            shutil.rmtree(self._root)
            os.close(self._in_use)

    def _shard(self, deployment_id: str) -> _Shard:
        shard = self._shards.get(deployment_id)
        if shard is None:
            raise UnknownCollectionError(f"no collection for deployment {deployment_id}")
        return shard

    def _update(self, shard: _Shard, operation: UpdateOperation) -> None:
        with shard.lock:
            _require_open(shard)
            shard.shard.update(operation)

    def _require_room(self) -> None:
        free = shutil.disk_usage(self._root).free
        if free < _RESERVE:
            raise GalleryError(
                f"{self._root} has {free >> 20} MiB left, and the gallery needs {_RESERVE >> 20} to spare: give it "
                "more shared memory, or another LOOKOUT_MATCHING_GALLERY_FOLDER"
            )


def remove_leftovers(parent: Path) -> None:
    """Remove the folders of processes that were killed: those that nobody holds the lock of."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            os.close(_claim(folder))
        except OSError:
            # In use, or another user's.
            continue
        shutil.rmtree(folder, ignore_errors=True)


def _private_folder(parent: Path) -> tuple[Path, int]:
    """A new folder and the hold on it. It gets its telling name only once held, or another start would clear it away."""
    unnamed = Path(tempfile.mkdtemp(prefix=".lookout-", dir=parent))
    held = _claim(unnamed)
    folder = parent / f"{_PREFIX}{unnamed.name.removeprefix('.lookout-')}"
    unnamed.rename(folder)
    return folder, held


def _claim(folder: Path) -> int:
    """Hold a folder's lock until the descriptor is closed, or the process gone; `OSError` if somebody holds it."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _roomy() -> Path:
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM:
        return _MEMORY
    return Path(tempfile.gettempdir())


def _require_open(shard: _Shard) -> None:
    if shard.dropped:
        raise UnknownCollectionError("the collection has just been dropped")


def _hit(point: ScoredPoint) -> tuple[str, float]:
    return str((point.payload or {})[ENTRY]), point.score
