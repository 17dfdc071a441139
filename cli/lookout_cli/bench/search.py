"""What an exact search costs: every gallery that Lookout has, against one product of matrices, the floor."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from lookout.vision.arrays import FloatArray
from lookout_matching.adapters.qdrant_edge import EdgeGallery
from lookout_matching.adapters.qdrant_local import local_gallery
from lookout_matching.adapters.qdrant_server import server_gallery
from lookout_matching.ports import Enrolment, Gallery

from lookout_cli.bench.figures import Spread

_DEPLOYMENT = "bench-search"
_SEED = 7
_CHUNK = 1_000
_TOP = 2
_WARM = 3
_WITHDRAWN = 20
LOCAL_AT_MOST = 10_000
"""Qdrant's local mode is for small lists and tests: above this it is not measured."""

Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCase:
    """One size of watchlist and template, and how many faces are searched for one by one."""

    enrolled: int
    dim: int
    probes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """Milliseconds a face of one kind of gallery; ``enrol_ms`` and ``withdraw_ms`` are a person's."""

    kind: str
    case: SearchCase
    search_ms: Spread
    enrol_ms: float
    withdraw_ms: float | None

    def as_json(self) -> dict[str, object]:
        """For the report."""
        return {
            "kind": self.kind,
            "enrolled": self.case.enrolled,
            "dim": self.case.dim,
            "p50_ms": self.search_ms.p50,
            "p95_ms": self.search_ms.p95,
            "p99_ms": self.search_ms.p99,
            "enrol_ms": round(self.enrol_ms, 4),
            "withdraw_ms": None if self.withdraw_ms is None else round(self.withdraw_ms, 4),
        }


def measure(
    cases: Sequence[SearchCase], kinds: Sequence[str], report: Report, *, url: str = ""
) -> list[SearchResult]:
    """Every case on every kind of gallery (numpy, edge, local, server). Blocks.

    Templates are random directions: exact search costs the same whatever they are of. Within a case the kinds take
    turns face by face, so that a machine whose speed drifts is as unfair to all of them.
    """
    results = []
    for number, case in enumerate(cases):
        report(f"search {case.enrolled:,} x {case.dim}", number, len(cases))
        results += _measure_case(case, [kind for kind in kinds if _possible(kind, case)], url)
    report("search", len(cases), len(cases))
    return results


def _possible(kind: str, case: SearchCase) -> bool:
    return kind != "local" or case.enrolled <= LOCAL_AT_MOST


def _measure_case(case: SearchCase, kinds: Sequence[str], url: str) -> list[SearchResult]:
    rng = np.random.default_rng(_SEED)
    enrolled = _directions(rng, case.enrolled, case.dim)
    # Probes near enrolled ones: every second face is somebody on the list.
    probes = _directions(rng, case.probes + _WARM, case.dim)
    probes[::2] = enrolled[rng.integers(0, case.enrolled, len(probes[::2]))]
    with _galleries(kinds, url) as galleries:
        enrol_ms = {name: _enrol(gallery, enrolled) for name, gallery in galleries.items()}
        times = _search_in_turn(galleries, enrolled, probes)
        withdraw_ms = {name: _withdraw(gallery) for name, gallery in galleries.items()}
    return [
        SearchResult(
            kind=name,
            case=case,
            search_ms=Spread.of(taken[_WARM:]),
            enrol_ms=enrol_ms.get(name, 0.0),
            withdraw_ms=withdraw_ms.get(name),
        )
        for name, taken in times.items()
    ]


def _search_in_turn(
    galleries: Mapping[str, Gallery], enrolled: FloatArray, probes: FloatArray
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ("numpy", *galleries)}
    for probe in probes:
        began = time.perf_counter()
        scores = enrolled @ probe
        best = np.argpartition(-scores, _TOP)[:_TOP]
        expected = float(scores[best].max())
        times["numpy"].append(1000 * (time.perf_counter() - began))
        for name, gallery in galleries.items():
            began = time.perf_counter()
            ((nearest, *_),) = gallery.search(_DEPLOYMENT, probe[None], top=_TOP)
            times[name].append(1000 * (time.perf_counter() - began))
            if abs(nearest.score - expected) > 1e-4:
                raise AssertionError(
                    f"{name} answered {nearest.score:.6f} where the best of all is {expected:.6f}: not exact"
                )
    return times


def _enrol(gallery: Gallery, enrolled: FloatArray) -> float:
    gallery.create(_DEPLOYMENT, enrolled.shape[1])
    began = time.perf_counter()
    for start in range(0, len(enrolled), _CHUNK):
        part = enrolled[start : start + _CHUNK]
        gallery.enrol(
            _DEPLOYMENT,
            [Enrolment(_entry(start + row), template[None]) for row, template in enumerate(part)],
        )
    return 1000 * (time.perf_counter() - began) / len(enrolled)


def _withdraw(gallery: Gallery) -> float:
    began = time.perf_counter()
    for row in range(_WITHDRAWN):
        gallery.withdraw(_DEPLOYMENT, [_entry(row)])
    taken = 1000 * (time.perf_counter() - began) / _WITHDRAWN
    gallery.drop(_DEPLOYMENT)
    return taken


@contextmanager
def _galleries(kinds: Sequence[str], url: str) -> Iterator[Mapping[str, Gallery]]:
    makers: Mapping[str, Callable[[], Gallery]] = {
        "edge": EdgeGallery,
        "local": local_gallery,
        "server": lambda: server_gallery(url=url, api_key=None, ca=None, timeout_s=60),
    }
    made: dict[str, Gallery] = {}
    try:
        for kind in kinds:
            if kind in makers:
                made[kind] = makers[kind]()
        yield made
    finally:
        for gallery in made.values():
            gallery.close()


def _directions(rng: np.random.Generator, count: int, dim: int) -> FloatArray:
    """Random unit vectors, (count, dim) float32."""
    vectors = rng.standard_normal((count, dim), dtype=np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def _entry(row: int) -> str:
    return f"entry-{row:07d}"
