"""Intervals say how sure a share is: exact where counts are small, over people where searches are alike."""

import numpy as np
import pytest
from lookout_cli.evaluate.identification import Trials
from lookout_cli.evaluate.intervals import clopper_pearson, tpir_interval
from scipy.stats import binomtest


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (10, 10), (1, 3000), (7, 130000), (89, 100)])
def test_the_exact_interval_is_scipys(hits: int, count: int) -> None:
    ours = clopper_pearson(hits, count)
    theirs = binomtest(hits, count).proportion_ci(0.95, method="exact")

    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert ours.value == hits / count


def test_no_false_alert_in_three_thousand_passes_shows_one_in_a_thousand() -> None:
    # The rule of three: 0 of 3,000 is compatible, one-sided at 95 %, with 1 in 1,000.
    assert clopper_pearson(0, 3000, confidence=0.9).high == pytest.approx(1 / 1000, rel=0.01)


@pytest.mark.parametrize(("hits", "count"), [(-1, 5), (6, 5), (0, 0)])
def test_counts_that_cannot_be_are_refused(hits: int, count: int) -> None:
    with pytest.raises(ValueError, match="between 0 and the trials"):
        clopper_pearson(hits, count)


def _trials(
    people: int, searches_each: int, rng: np.random.Generator
) -> tuple[Trials, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Every second person is always found, every other never: searches of one person are not independent."""
    persons = np.repeat(np.arange(people), searches_each)
    strangers = np.arange(people, 2 * people)
    everyone = np.concatenate([persons, strangers])
    trials = Trials(
        mated_score=np.where(persons % 2 == 0, 0.9, 0.1),
        mated_rank1=np.ones(len(persons), np.bool_),
        mated_sample=np.arange(len(persons)),
        non_mated_score=rng.uniform(0.2, 0.5, people),
        non_mated_sample=np.arange(len(persons), len(everyone)),
    )
    return trials, everyone


def test_more_searches_of_the_same_people_make_nobody_surer() -> None:
    rng = np.random.default_rng(3)
    few, people_few = _trials(60, 1, rng)
    many, people_many = _trials(60, 20, rng)

    narrow = tpir_interval(few, people_few, 0.01, rounds=400, rng=np.random.default_rng(1))
    same = tpir_interval(many, people_many, 0.01, rounds=400, rng=np.random.default_rng(1))

    assert narrow.value == same.value == 0.5
    assert same.high - same.low == pytest.approx(narrow.high - narrow.low, abs=0.06)
    # As wide as a binomial share of 60 people has it, not one of 1,200 searches.
    assert same.high - same.low > 0.15


def test_the_interval_holds_the_value() -> None:
    trials, persons = _trials(10, 2, np.random.default_rng(5))
    found = tpir_interval(trials, persons, 0.1, rounds=50, rng=np.random.default_rng(2))

    assert found.low <= found.value <= found.high
