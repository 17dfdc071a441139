"""A gallery behind a `QdrantClient`, be it Qdrant's local mode or a server: one class, so that one is tested for both.

Never a filter: filtered searches without a payload index take seconds (qdrant-client#408), and local mode takes 50 times
longer with one. One collection per deployment makes filters unnecessary.
"""

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from lookout.vision.arrays import FloatArray
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

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
    GalleryUnavailableError,
    UnknownCollectionError,
)

_PREFIX = collection_name("x").removesuffix("x")
_NOT_FOUND = 404


@dataclass(slots=True)
class _Collection:
    """One collection; local mode must not be searched while it is written."""

    name: str
    dim: int
    lock: threading.Lock = field(default_factory=threading.Lock)


class QdrantGallery:
    """Qdrant collections named ``lookout-<deployment id>``, cosine, searched exactly.

    Every deletion but a dropped collection is logical in Qdrant: the vector's bytes stay until the segment is rewritten
    (server) or the collection dropped (local mode).
    """

    def __init__(self, *, client: QdrantClient, search: models.SearchParams | None) -> None:
        """``search`` says "exact" to a server; None in local mode, which knows no other way and warns when told."""
        self._client = client
        self._search = search
        self._collections: dict[str, _Collection] = {}

    def create(self, deployment_id: str, dim: int) -> None:
        """See `Gallery.create`."""
        name = collection_name(deployment_id)
        with _translated():
            if self._client.collection_exists(name):
                self._require_dim(name, dim)
            else:
                self._client.create_collection(
                    name,
                    vectors_config=models.VectorParams(size=dim, distance=models.Distance.COSINE),
                    # No graph: it would miss neighbours, and slow the minutes after a load. Deleted vectors are
                    # rewritten away early.
                    optimizers_config=models.OptimizersConfigDiff(
                        indexing_threshold=0, deleted_threshold=0.01, vacuum_min_vector_number=100
                    ),
                )
        self._collections.setdefault(deployment_id, _Collection(name, dim))

    def enrol(self, deployment_id: str, enrolments: Sequence[Enrolment]) -> None:
        """See `Gallery.enrol`."""
        collection = self._collection(deployment_id)
        points: list[models.PointStruct] = []
        vacated: list[str] = []
        for enrolment in enrolments:
            require_enrolment(enrolment, collection.dim)
            ids = point_ids(enrolment.entry_id)
            rows: Sequence[list[float]] = enrolment.templates.tolist()
            payload = {ENTRY: enrolment.entry_id}
            points += [
                models.PointStruct(id=point, vector=row, payload=payload)
                for point, row in zip(ids, rows, strict=False)
            ]
            vacated += ids[len(rows) :]
        if not points:
            return
        with collection.lock, _translated():
            self._client.upsert(collection.name, points, wait=True)
        self._delete(collection, vacated)

    def withdraw(self, deployment_id: str, entry_ids: Sequence[str]) -> None:
        """See `Gallery.withdraw`."""
        points = [point for entry_id in entry_ids for point in point_ids(entry_id)]
        self._delete(self._collection(deployment_id), points)

    def search(
        self, deployment_id: str, probes: FloatArray, *, top: int = 2
    ) -> Sequence[Candidates]:
        """See `Gallery.search`."""
        collection = self._collection(deployment_id)
        require_vectors("probes", probes, collection.dim)
        rows: Sequence[list[float]] = probes.tolist()
        requests = [
            models.QueryRequest(
                query=row, limit=over_fetch(top), params=self._search, with_payload=[ENTRY]
            )
            for row in rows
        ]
        if not requests:
            return []
        with collection.lock, _translated():
            answers = self._client.query_batch_points(collection.name, requests)
        return [distinct(map(_hit, answer.points), top) for answer in answers]

    def drop(self, deployment_id: str) -> None:
        """See `Gallery.drop`."""
        name = collection_name(deployment_id)
        known = self._collections.pop(deployment_id, None)
        with known.lock if known else threading.Lock(), _translated():
            if self._client.collection_exists(name):
                self._client.delete_collection(name)

    def deployments(self) -> Collection[str]:
        """See `Gallery.deployments`. Tells of collections that an earlier process left, too."""
        with _translated():
            names = [found.name for found in self._client.get_collections().collections]
        return [name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX)]

    def count(self, deployment_id: str) -> int:
        """See `Gallery.count`."""
        collection = self._collection(deployment_id)
        with collection.lock, _translated():
            return self._client.count(collection.name, exact=True).count

    def close(self) -> None:
        """See `Gallery.close`. A server keeps its collections."""
        self._client.close()

    def _delete(self, collection: _Collection, points: Sequence[str]) -> None:
        if not points:
            return
        with collection.lock, _translated():
            self._client.delete(
                collection.name, models.PointIdsList(points=list(points)), wait=True
            )

    def _collection(self, deployment_id: str) -> _Collection:
        collection = self._collections.get(deployment_id)
        if collection is None:
            raise UnknownCollectionError(f"no collection for deployment {deployment_id}")
        return collection

    def _require_dim(self, name: str, dim: int) -> None:
        vectors = self._client.get_collection(name).config.params.vectors
        found = vectors.size if isinstance(vectors, models.VectorParams) else None
        if found != dim:
            raise DimensionMismatchError(
                f"collection {name} has dimension {found}, but {dim} is wanted: drop it, it is rebuilt from the "
                "watchlist"
            )


def _hit(point: models.ScoredPoint) -> tuple[str, float]:
    return str((point.payload or {})[ENTRY]), point.score


@contextmanager
def _translated() -> Iterator[None]:
    """The client's errors in our words: what a server answered stays out, it may quote the request."""
    try:
        yield
    except UnexpectedResponse as error:
        if error.status_code == _NOT_FOUND:
            raise UnknownCollectionError("the Qdrant server knows no such collection") from None
        raise GalleryUnavailableError(
            f"the Qdrant server answered {error.status_code}: see its log"
        ) from None
    except (ApiException, QdrantException) as error:
        raise GalleryUnavailableError(
            f"the Qdrant server does not answer ({type(error).__name__}): check LOOKOUT_MATCHING_GALLERY_URL, its "
            "certificate and API key"
        ) from None
