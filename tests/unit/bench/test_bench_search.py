"""The search benchmark searches for real: every gallery answers what the product of matrices answers, or it stops."""

from collections.abc import Sequence

import pytest
from lookout.vision.arrays import FloatArray
from lookout_cli.bench import search
from lookout_cli.bench.search import SearchCase, measure
from lookout_matching.adapters.qdrant_edge import EdgeGallery
from lookout_matching.domain import Candidate, Candidates

CASE = SearchCase(enrolled=300, dim=16, probes=10)


def test_every_kind_is_measured_against_the_floor() -> None:
    told: list[tuple[str, int, int]] = []

    found = measure([CASE], ["numpy", "edge", "local"], lambda *words: told.append(words))

    assert [one.kind for one in found] == ["numpy", "edge", "local"]
    assert all(one.search_ms.n == CASE.probes for one in found)
    assert all(one.search_ms.p50 for one in found)
    assert found[0].withdraw_ms is None
    assert found[1].withdraw_ms is not None
    assert told[-1] == ("search", 1, 1)


def test_local_mode_is_not_measured_beyond_what_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "LOCAL_AT_MOST", 100)

    found = measure([CASE], ["local"], lambda *_: None)

    assert [one.kind for one in found] == ["numpy"]


class _Wrong(EdgeGallery):
    """A gallery that is not exact."""

    def search(
        self, deployment_id: str, probes: FloatArray, *, top: int = 2
    ) -> Sequence[Candidates]:
        """See `Gallery.search`."""
        return [(Candidate("entry-0000000", 0.123),)] * len(probes)


def test_a_gallery_that_is_not_exact_stops_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "EdgeGallery", _Wrong)

    with pytest.raises(AssertionError, match=r"edge answered 0\.123"):
        measure([CASE], ["edge"], lambda *_: None)
