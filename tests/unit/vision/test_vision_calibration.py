"""Thresholds from false match rates."""

import numpy as np
import pytest
from lookout.vision.calibration import Calibration, CalibrationPoint, PassRule, required_fmr
from lookout.vision.errors import ManifestError, ThresholdOutOfRangeError


def calibration(*points: tuple[float, float], extrapolate_to: float = 1e-6) -> Calibration:
    return Calibration(
        points=tuple(CalibrationPoint(fmr=fmr, score=score) for fmr, score in points),
        extrapolate_to=extrapolate_to,
        measured_on="a test",
        images=10,
        identities=10,
        pairs=45,
        date="2026-01-01",
    )


LINE = calibration((1e-3, 0.3), (1e-4, 0.4), (1e-5, 0.5))


@pytest.mark.parametrize(
    ("fpir", "gallery", "fmr"),
    [(0.01, 1, 0.01), (0.01, 100, 1.005e-4), (0.5, 2, 0.292893), (1e-9, 1000, 1e-12)],
)
def test_one_comparison_may_err_as_rarely_as_the_whole_search_demands(
    fpir: float, gallery: int, fmr: float
) -> None:
    assert required_fmr(fpir, gallery) == pytest.approx(fmr, rel=1e-4)


@pytest.mark.parametrize("fmr", [1e-3, 3e-4, 1e-4, 2e-5, 1e-5, 2e-6])
def test_the_score_follows_the_logarithm_of_the_rate(fmr: float) -> None:
    score = LINE.threshold(fmr, 1)

    assert 0.3 <= score <= 0.6
    assert LINE.expected_fpir(score, 1) == pytest.approx(fmr, rel=1e-6)


def test_more_enrolled_people_need_a_higher_score() -> None:
    scores = [LINE.threshold(0.01, gallery) for gallery in (20, 100, 500, 1000, 5000)]

    assert scores == sorted(scores)
    assert len(set(scores)) == len(scores)


def test_a_lax_target_gets_the_floor_and_never_less() -> None:
    assert LINE.threshold(0.5, 1) == LINE.floor == 0.3


def test_a_target_beyond_the_data_is_refused_with_what_to_do() -> None:
    with pytest.raises(ThresholdOutOfRangeError, match="enrol fewer people"):
        LINE.threshold(0.01, 1_000_000)


def test_extrapolation_is_told_apart_from_measurement() -> None:
    assert not LINE.is_extrapolated(0.01, 900)
    assert LINE.is_extrapolated(0.01, 2000)


@pytest.mark.parametrize(("fpir", "gallery"), [(0, 0), (0, 10), (1, 10), (-1, 10), (0.01, 0)])
def test_impossible_targets_are_refused(fpir: float, gallery: int) -> None:
    with pytest.raises(ThresholdOutOfRangeError):
        LINE.threshold(fpir, gallery)


@pytest.mark.parametrize("score", [0.29, -1.0, float("nan"), float("inf")])
def test_a_score_set_by_hand_below_the_floor_is_refused(score: float) -> None:
    with pytest.raises(ThresholdOutOfRangeError, match=r"validated floor 0\.3"):
        LINE.require_validated(score)


def test_a_score_set_by_hand_at_the_floor_is_accepted() -> None:
    LINE.require_validated(0.3)


@pytest.mark.parametrize(
    "points",
    [
        [],
        [(1e-3, 0.3)],
        [(1e-4, 0.3), (1e-3, 0.4)],
        [(1e-3, 0.4), (1e-4, 0.3)],
        [(1e-3, 0.3), (0, 0.4)],
    ],
)
def test_a_table_that_is_not_falling_and_rising_is_refused(
    points: list[tuple[float, float]],
) -> None:
    with pytest.raises(ManifestError, match="calibration"):
        calibration(*points)


def test_extrapolating_to_more_than_was_measured_is_refused() -> None:
    with pytest.raises(ManifestError, match="extrapolate_to"):
        calibration((1e-3, 0.3), (1e-4, 0.4), extrapolate_to=1e-3)


def test_more_shots_of_a_pass_need_a_higher_score_and_agreement_a_lower_one() -> None:
    one = LINE.threshold(0.01, 100)
    best_of_five = LINE.threshold(0.01, 100, PassRule(shots=5, agreeing=1))
    two_of_five = LINE.threshold(0.01, 100, PassRule(shots=5, agreeing=2))
    all_of_five = LINE.threshold(0.01, 100, PassRule(shots=5, agreeing=5))

    assert one == all_of_five < two_of_five < best_of_five


@pytest.mark.parametrize("rule", [PassRule(shots=4, agreeing=1), PassRule(shots=6, agreeing=2)])
def test_the_fpir_expected_of_a_pass_is_the_target_its_threshold_was_asked_for(
    rule: PassRule,
) -> None:
    score = LINE.threshold(0.01, 200, rule)

    assert LINE.expected_fpir(score, 200, rule) == pytest.approx(0.01, rel=0.01)


def test_a_pass_can_be_stricter_than_the_calibration_covers_where_one_shot_is_not() -> None:
    LINE.threshold(0.01, 9_000)

    with pytest.raises(ThresholdOutOfRangeError, match="more shots of a pass agree"):
        LINE.threshold(0.01, 9_000, PassRule(shots=10, agreeing=1))
    assert LINE.is_extrapolated(0.01, 900, PassRule(shots=2, agreeing=1))


@pytest.mark.parametrize("dependence", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("agreeing", [1, 2, 3])
def test_the_bound_of_a_pass_holds_however_its_shots_depend_on_each_other(
    dependence: float, agreeing: int
) -> None:
    rule = PassRule(shots=4, agreeing=agreeing)
    random = np.random.default_rng(3)
    fmr, passes = 0.02, 100_000
    own, common = random.random((passes, 4)), random.random((passes, 1))
    follows = random.random((passes, 1)) < dependence
    matches = (np.where(follows, common, own) < fmr).sum(axis=1) >= agreeing

    assert matches.mean() <= fmr * rule.inflation * 1.05


@pytest.mark.parametrize(("shots", "agreeing"), [(0, 0), (3, 0), (2, 3), (-1, 1)])
def test_an_impossible_pass_is_refused(shots: int, agreeing: int) -> None:
    with pytest.raises(ThresholdOutOfRangeError, match="1 <= agreeing <= shots"):
        PassRule(shots=shots, agreeing=agreeing)
