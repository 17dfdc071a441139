"""One suite for every gallery: numpy's brute force is the oracle."""

import os
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lookout.vision.arrays import FloatArray
from lookout_matching.adapters.points import over_fetch
from lookout_matching.adapters.qdrant_edge import EdgeGallery, remove_leftovers
from lookout_matching.adapters.qdrant_local import local_gallery
from lookout_matching.adapters.qdrant_server import server_gallery
from lookout_matching.domain import TEMPLATES_PER_ENTRY, Candidates
from lookout_matching.ports import (
    DimensionMismatchError,
    Enrolment,
    Gallery,
    GalleryError,
    GalleryUnavailableError,
    UnknownCollectionError,
)
from support.matching_fakes import BruteForceGallery

DIM = 16
TOLERANCE = 1e-5
People = dict[str, FloatArray]


def unit(rng: np.random.Generator, count: int, dim: int = DIM) -> FloatArray:
    vectors = rng.standard_normal((count, dim)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def brute_force(people: People, probe: FloatArray, top: int) -> list[tuple[str, float]]:
    best = {entry: float((templates @ probe).max()) for entry, templates in people.items()}
    return sorted(best.items(), key=lambda item: -item[1])[:top]


def enrol(gallery: Gallery, people: People, deployment: str = "d1") -> None:
    gallery.enrol(deployment, [Enrolment(entry, rows) for entry, rows in people.items()])


def crowd(rng: np.random.Generator, count: int, most: int = TEMPLATES_PER_ENTRY) -> People:
    """People whose several templates lie close together, so that one of them fills the first places of a search."""
    people: People = {}
    for index in range(count):
        rows = unit(rng, 1) + 0.05 * unit(rng, int(rng.integers(1, most + 1)))
        people[f"entry-{index}"] = np.asarray(
            rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32
        )
    return people


@pytest.fixture(params=["local", "edge", "brute force"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Gallery]:
    if request.param == "local":
        return local_gallery
    if request.param == "brute force":
        # The fake that the unit tests stand on.
        return BruteForceGallery
    return lambda: EdgeGallery(folder=tmp_path)


@pytest.fixture
def gallery(make: Callable[[], Gallery]) -> Iterator[Gallery]:
    made = make()
    made.create("d1", DIM)
    yield made
    made.close()


def names(found: Sequence[object]) -> list[str]:
    return [str(getattr(candidate, "entry_id", "")) for candidate in found]


class TestSearch:
    def test_an_empty_gallery_has_no_candidates_and_no_probes_no_answers(
        self, gallery: Gallery
    ) -> None:
        rng = np.random.default_rng(0)

        assert list(gallery.search("d1", unit(rng, 1))) == [()]
        assert list(gallery.search("d1", np.zeros((0, DIM), dtype=np.float32))) == []

    @settings(
        max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(seed=st.integers(0, 2**32 - 1), people=st.integers(1, 12), top=st.integers(1, 4))
    def test_the_nearest_distinct_entries_are_those_of_brute_force(
        self, make: Callable[[], Gallery], seed: int, people: int, top: int
    ) -> None:
        rng = np.random.default_rng(seed)
        enrolled = crowd(rng, people)
        gallery = make()
        gallery.create("d1", DIM)
        enrol(gallery, enrolled)
        probes = unit(rng, 3)

        answers = gallery.search("d1", probes, top=top)

        gallery.close()
        for probe, answer in zip(probes, answers, strict=True):
            expected = brute_force(enrolled, probe, top)
            assert [entry for entry, _ in expected] == names(answer)
            assert np.allclose([s for _, s in expected], [c.score for c in answer], atol=TOLERANCE)

    def test_a_second_entry_is_found_behind_one_with_all_its_templates_nearer(
        self, gallery: Gallery
    ) -> None:
        rng = np.random.default_rng(1)
        near = unit(rng, 1)
        enrol(gallery, {"near": np.repeat(near, TEMPLATES_PER_ENTRY, axis=0), "far": -near})

        (answer,) = gallery.search("d1", near)

        assert names(answer) == ["near", "far"]
        assert answer[1].score == pytest.approx(-1.0, abs=TOLERANCE)

    def test_a_thousand_entries_are_searched_without_a_miss(self, gallery: Gallery) -> None:
        rng = np.random.default_rng(2)
        enrolled = crowd(rng, 1000, most=2)
        enrol(gallery, enrolled)
        probes = unit(rng, 50)

        answers = gallery.search("d1", probes)

        expected = [brute_force(enrolled, probe, 2) for probe in probes]
        assert [[e for e, _ in best] for best in expected] == [names(a) for a in answers]


class TestEnrolment:
    def test_enrolling_nobody_changes_nothing(self, gallery: Gallery) -> None:
        gallery.enrol("d1", [])

        assert gallery.count("d1") == 0

    def test_enrolling_the_same_again_changes_nothing(self, gallery: Gallery) -> None:
        people = crowd(np.random.default_rng(3), 5)
        enrol(gallery, people)
        before = gallery.count("d1")

        enrol(gallery, people)

        assert sum(map(len, people.values())) == before == gallery.count("d1")

    def test_an_entry_enrolled_anew_has_none_of_its_old_templates(self, gallery: Gallery) -> None:
        rng = np.random.default_rng(4)
        old, new = unit(rng, 5), unit(rng, 2)
        enrol(gallery, {"a": old})

        enrol(gallery, {"a": new})

        (answer,) = gallery.search("d1", old[4:5])
        assert gallery.count("d1") == 2
        assert answer[0].score == pytest.approx(float((new @ old[4]).max()), abs=TOLERANCE)

    def test_a_withdrawn_entry_is_found_no_more_and_withdrawing_it_again_is_fine(
        self, gallery: Gallery
    ) -> None:
        people = crowd(np.random.default_rng(5), 3)
        enrol(gallery, people)

        gallery.withdraw("d1", ["entry-0"])
        gallery.withdraw("d1", ["entry-0", "never-there"])

        (answer,) = gallery.search("d1", people["entry-0"][:1], top=3)
        assert {"entry-1", "entry-2"} == set(names(answer))

    @pytest.mark.parametrize(
        ("templates", "error", "text"),
        [
            (np.zeros((0, DIM), dtype=np.float32), GalleryError, "1 to 8 templates, but got 0"),
            (np.eye(DIM, dtype=np.float32)[:9], GalleryError, "1 to 8 templates, but got 9"),
            (np.eye(DIM + 1, dtype=np.float32)[:1], DimensionMismatchError, r"\(N, 16\), but got"),
            (np.eye(DIM, dtype=np.float32)[0], DimensionMismatchError, r"\(N, 16\), but got"),
            (np.full((1, DIM), np.nan, dtype=np.float32), GalleryError, "finite"),
            (np.full((1, DIM), np.inf, dtype=np.float32), GalleryError, "finite"),
            (np.zeros((1, DIM), dtype=np.float32), GalleryError, "normalised"),
            (np.eye(DIM, dtype=np.float64)[:1], GalleryError, "float32, but got float64"),
        ],
    )
    def test_what_cannot_be_compared_is_refused_and_nothing_of_its_batch_enrolled(
        self, gallery: Gallery, templates: FloatArray, error: type[Exception], text: str
    ) -> None:
        good = Enrolment("good", unit(np.random.default_rng(6), 1))

        with pytest.raises(error, match=text):
            gallery.enrol("d1", [good, Enrolment("bad", templates)])

        assert gallery.count("d1") == 0

    @pytest.mark.parametrize("probe", [np.full((1, DIM), np.nan), np.eye(DIM + 1)[:1]])
    def test_a_probe_that_cannot_be_compared_is_refused(
        self, gallery: Gallery, probe: FloatArray
    ) -> None:
        with pytest.raises(GalleryError):
            gallery.search("d1", probe.astype(np.float32))


class TestCollections:
    def test_what_is_not_created_is_unknown(self, gallery: Gallery) -> None:
        probe = unit(np.random.default_rng(7), 1)

        with pytest.raises(UnknownCollectionError):
            gallery.search("d2", probe)
        with pytest.raises(UnknownCollectionError):
            gallery.enrol("d2", [Enrolment("a", probe)])
        with pytest.raises(UnknownCollectionError):
            gallery.withdraw("d2", ["a"])
        with pytest.raises(UnknownCollectionError):
            gallery.count("d2")

    def test_a_collection_keeps_what_it_has_when_created_again(self, gallery: Gallery) -> None:
        enrol(gallery, crowd(np.random.default_rng(8), 2, most=1))

        gallery.create("d1", DIM)

        assert gallery.count("d1") == 2

    def test_a_collection_of_another_dimension_is_refused(self, gallery: Gallery) -> None:
        with pytest.raises(DimensionMismatchError, match="dimension 16, but 17 is wanted"):
            gallery.create("d1", DIM + 1)

    def test_deployments_do_not_see_each_other(self, gallery: Gallery) -> None:
        rng = np.random.default_rng(9)
        gallery.create("d2", DIM + 1)
        enrol(gallery, {"a": unit(rng, 1)})
        enrol(gallery, {"b": unit(rng, 1, DIM + 1)}, "d2")

        (answer,) = gallery.search("d1", unit(rng, 1), top=5)

        assert names(answer) == ["a"]
        assert {"d1", "d2"} == set(gallery.deployments())

    def test_a_dropped_collection_is_gone_and_a_new_one_of_its_name_empty(
        self, gallery: Gallery
    ) -> None:
        enrol(gallery, crowd(np.random.default_rng(10), 3))

        gallery.drop("d1")
        gallery.drop("d1")

        assert list(gallery.deployments()) == []
        with pytest.raises(UnknownCollectionError):
            gallery.count("d1")
        gallery.create("d1", DIM + 1)
        assert gallery.count("d1") == 0

    @pytest.mark.parametrize("deployment", ["", "../up", "a/b", "a b", ".hidden", "x" * 129])
    def test_an_id_that_could_name_something_else_is_refused(
        self, gallery: Gallery, deployment: str
    ) -> None:
        with pytest.raises(GalleryError, match="cannot name a collection"):
            gallery.create(deployment, DIM)

    def test_searches_stay_right_while_another_thread_enrols_and_withdraws(
        self, gallery: Gallery
    ) -> None:
        rng = np.random.default_rng(11)
        fixed = {"fixed": unit(rng, 1)}
        enrol(gallery, fixed)
        others = crowd(rng, 40)
        failures: list[BaseException] = []
        enough = threading.Event()

        def churn() -> None:
            try:
                while not enough.is_set():
                    for entry, rows in others.items():
                        gallery.enrol("d1", [Enrolment(entry, rows)])
                        gallery.withdraw("d1", [entry])
            except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
                failures.append(error)

        thread = threading.Thread(target=churn)
        thread.start()
        answers: list[Candidates] = []
        for _ in range(100):
            answers += gallery.search("d1", fixed["fixed"])
        enough.set()
        thread.join()

        assert failures == []
        assert {"fixed"} == {answer[0].entry_id for answer in answers}


class TestEdgeFiles:
    def test_files_lie_in_a_private_folder_and_go_with_drop_and_close(self, tmp_path: Path) -> None:
        gallery = EdgeGallery(folder=tmp_path)
        gallery.create("d1", DIM)
        enrol(gallery, crowd(np.random.default_rng(12), 3))
        (root,) = tmp_path.iterdir()

        assert stat.S_IMODE(root.stat().st_mode) == 0o700
        assert (root / "lookout-d1").is_dir()
        gallery.drop("d1")
        assert not (root / "lookout-d1").exists()
        gallery.close()
        assert list(tmp_path.iterdir()) == []

    def test_what_a_killed_process_left_is_removed_and_what_is_in_use_is_not(
        self, tmp_path: Path
    ) -> None:
        child = os.fork()
        if child == 0:
            # Left without any clean-up, as after a kill.
            EdgeGallery(folder=tmp_path).create("d1", DIM)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        (left,) = tmp_path.iterdir()
        in_use = EdgeGallery(folder=tmp_path)

        remove_leftovers(tmp_path)

        assert not left.exists()
        assert len(list(tmp_path.iterdir())) == 1
        in_use.close()


class TestServer:
    @pytest.mark.parametrize(
        ("url", "key"),
        [("", None), ("http://qdrant:6333", "k"), ("https://qdrant:6333", None), ("qdrant", "k")],
    )
    def test_templates_leave_the_machine_over_tls_and_with_a_key_or_not_at_all(
        self, url: str, key: str | None
    ) -> None:
        with pytest.raises(GalleryError, match="https:// URL and an API key"):
            server_gallery(url=url, api_key=key, ca=None, timeout_s=1)

    def test_a_server_that_does_not_answer_is_unavailable_and_says_what_to_check(self) -> None:
        gallery = server_gallery(url="http://127.0.0.1:9", api_key=None, ca=None, timeout_s=1)

        with pytest.raises(GalleryUnavailableError, match="LOOKOUT_MATCHING_GALLERY_URL"):
            gallery.create("d1", DIM)

        gallery.close()


@pytest.mark.parametrize(
    ("top", "points"), [(1, 1), (2, TEMPLATES_PER_ENTRY + 1), (3, 2 * TEMPLATES_PER_ENTRY + 1)]
)
def test_a_search_fetches_enough_points_for_distinct_entries(top: int, points: int) -> None:
    assert points == over_fetch(top)
