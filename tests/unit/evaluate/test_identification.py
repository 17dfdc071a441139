"""Open-set identification counts as ISO/IEC 19795 has it; small cases are worked out by hand, large ones against scipy."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookout_cli.evaluate.identification import (
    DrawError,
    Trials,
    draw,
    error_versus_discard,
    fpir,
    search,
    threshold_at,
    tpir,
)
from lookout_cli.evaluate.samples import Role, Sample


def people(*counts: int, role: Role | None = None) -> list[Sample]:
    return [
        Sample(image=Path(f"{person}-{number}.jpg"), person=f"person-{person}", role=role)
        for person, count in enumerate(counts)
        for number in range(count)
    ]


def trials(mated: list[float], non_mated: list[float]) -> Trials:
    return Trials(
        mated_score=np.array(mated),
        mated_rank1=np.isfinite(mated),
        mated_sample=np.arange(len(mated)),
        non_mated_score=np.array(non_mated),
        non_mated_sample=np.arange(len(non_mated)),
    )


@pytest.mark.parametrize(
    ("scores", "target", "reached"),
    [
        ([0.5], 0.01, 0),  # one search alone: nothing may reach it
        ([0.1, 0.2, 0.3, 0.4], 0.25, 1),
        ([0.1, 0.2, 0.3, 0.4], 0.3, 1),  # a target between two counts is kept, not rounded
        ([0.1, 0.4, 0.4, 0.4], 0.25, 0),  # equal scores stay together, on the strict side
        ([0.1, 0.2, 0.3, 0.4], 1.0, 4),
        ([-np.inf, -np.inf, 0.3, 0.4], 0.5, 2),
    ],
)
def test_the_threshold_lets_no_more_than_the_target_pass(
    scores: list[float], target: float, reached: int
) -> None:
    threshold = threshold_at(np.array(scores), target)

    assert sum(score >= threshold for score in scores) == reached


@given(
    st.lists(st.floats(-1, 1, allow_nan=False, width=32), min_size=1, max_size=60),
    st.floats(0.001, 1.0),
)
def test_the_threshold_is_the_lowest_that_keeps_the_target(
    scores: list[float], target: float
) -> None:
    values = np.array(scores, dtype=np.float64)
    threshold = threshold_at(values, target)

    allowed = target * len(values) + 1e-9
    assert (values >= threshold).sum() <= allowed
    lower = values[values < threshold]
    if len(lower):
        assert (values >= lower.max()).sum() > allowed


def test_weights_count_a_search_as_often_as_they_say() -> None:
    scores, weights = np.array([0.1, 0.2, 0.3]), np.array([1.0, 3.0, 0.0])
    repeated = np.array([0.1, 0.2, 0.2, 0.2])

    for target in (0.1, 0.5, 0.76):
        assert threshold_at(scores, target, weights) == threshold_at(repeated, target)


def test_a_mated_search_counts_only_for_the_right_person_at_the_threshold() -> None:
    found = trials([0.9, 0.4, -np.inf, 0.5], [0.1])

    assert tpir(found, 0.5) == 0.5
    assert tpir(found, 0.5, np.array([1.0, 0.0, 0.0, 1.0])) == 1.0


def test_fpir_counts_searches_that_return_anybody() -> None:
    assert fpir(trials([0.9], [0.5, 0.4, -np.inf, 0.6]), 0.5) == 0.5


def test_everyone_is_gallery_mated_probe_or_stranger_and_nobody_is_two() -> None:
    samples = people(3, 2, 1, 1, 1)
    drawn = draw(samples, enrolled=2, images=1, rng=np.random.default_rng(1))

    together = np.concatenate([drawn.gallery, drawn.mated, drawn.non_mated])
    assert sorted(together.tolist()) == list(range(8))
    enrolled = {samples[index].person for index in drawn.gallery}
    assert {samples[index].person for index in drawn.mated} == enrolled  # only they can be sought
    assert not {samples[index].person for index in drawn.non_mated} & enrolled


def test_people_without_a_probe_fill_the_gallery_up() -> None:
    drawn = draw(people(2, 1, 1, 1), enrolled=3, images=1, rng=np.random.default_rng(1))

    assert (len(drawn.gallery), len(drawn.mated), len(drawn.non_mated)) == (3, 1, 1)


def test_roles_in_the_table_are_kept() -> None:
    samples = [
        *people(1, 1, role=Role.GALLERY),
        Sample(image=Path("p.jpg"), person="person-0", role=Role.PROBE),
        Sample(image=Path("q.jpg"), person="person-9", role=Role.PROBE),
    ]
    drawn = draw(samples, enrolled=2, images=1, rng=np.random.default_rng(1))

    assert drawn.gallery.tolist() == [0, 1]
    assert (drawn.mated.tolist(), drawn.non_mated.tolist()) == ([2], [3])


def test_too_few_people_to_enrol_is_told() -> None:
    with pytest.raises(DrawError, match="only 1 have so many"):
        draw(people(3, 1), enrolled=2, images=2, rng=np.random.default_rng(1))


def test_search_finds_the_nearest_and_knows_the_right_person_from_another() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 1, 0, 1, 2]]
    vectors[3] = [0.8, 0.6, 0, 0]  # of person 1, but nearer to person 0
    persons = np.array([0, 1, 0, 1, 2])
    samples = people(2, 2, 1)
    drawn = draw(samples, enrolled=2, images=1, rng=np.random.default_rng(1))
    fixed = type(drawn)(np.array([0, 1]), np.array([2, 3]), np.array([4]))

    found = search([fixed], vectors, np.ones(5, np.bool_), persons)

    assert found.mated_rank1.tolist() == [True, False]
    assert found.mated_score[0] == pytest.approx(1.0)
    assert found.mated_score[1] == -np.inf
    assert found.non_mated_score.tolist() == [0.0]


def test_a_probe_without_a_template_is_a_miss_and_no_false_alert() -> None:
    vectors = np.zeros((4, 2), np.float32)
    vectors[0] = [1, 0]
    drawn = draw(people(2, 1, 1), enrolled=1, images=1, rng=np.random.default_rng(1))
    fixed = type(drawn)(np.array([0]), np.array([1]), np.array([2, 3]))
    acquired = np.array([True, False, False, False])

    found = search([fixed], vectors, acquired, np.array([0, 0, 1, 2]))

    assert tpir(found, -1.0) == 0.0
    assert fpir(found, -1.0) == 0.0


def test_a_gallery_without_any_template_is_told() -> None:
    drawn = draw(people(2, 1), enrolled=1, images=1, rng=np.random.default_rng(1))
    with pytest.raises(DrawError, match="not one enrolled picture"):
        search([drawn], np.zeros((3, 2), np.float32), np.zeros(3, np.bool_), np.array([0, 0, 1]))


def test_leaving_out_the_worst_probes_leaves_out_their_misses() -> None:
    found = trials([0.9, 0.1, 0.8, 0.2], [0.3])
    quality = np.array([0.9, 0.1, 0.8, 0.2], np.float32)

    curve = error_versus_discard(found, quality, 0.5, (0.0, 0.25, 0.5))

    assert curve == [(0.0, 0.5), (0.25, pytest.approx(1 / 3)), (0.5, 0.0)]
