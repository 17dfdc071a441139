"""Thresholds from false match rates."""

import pytest
from lookout.vision.calibration import Calibration, CalibrationPoint, required_fmr
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
