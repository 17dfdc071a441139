"""A calibration is the scores that so many pairs of different people reach, no more and no fewer."""

from datetime import date

import numpy as np
import pytest
import yaml
from lookout.vision.calibration import Calibration
from lookout_cli.evaluate.calibrating import TooFewPairsError, as_yaml, calibrate, first_of_each
from pydantic import TypeAdapter

DAY = date(2026, 1, 2)


def _vectors(count: int, seed: int = 1) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((count, 16), dtype=np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float32)


def test_each_point_is_reached_by_its_share_of_all_pairs_of_different_people() -> None:
    vectors, persons = _vectors(2_100), np.arange(2_100) // 2
    found = calibrate(vectors, persons, measured_on="drawn directions", day=DAY)

    scores = vectors @ vectors.T
    upper = np.triu(persons[:, None] != persons[None, :], 1)
    impostors = scores[upper]
    assert found.pairs == len(impostors)
    assert (found.images, found.identities, found.date) == (2_100, 1_050, "2026-01-02")
    assert len(found.points) >= 4
    for point in found.points:
        assert (impostors >= point.score).sum() == pytest.approx(point.fmr * found.pairs, abs=6)


def test_the_manifests_reader_takes_what_is_printed() -> None:
    found = calibrate(_vectors(800), np.arange(800), measured_on="drawn directions", day=DAY)

    read = TypeAdapter(Calibration).validate_python(yaml.safe_load(as_yaml(found))["calibration"])

    assert read == found


def test_too_few_people_are_told_how_many_are_needed() -> None:
    with pytest.raises(TooFewPairsError, match="people or more are needed"):
        calibrate(_vectors(50), np.arange(50), measured_on="few", day=DAY)


def test_one_picture_of_each_is_the_first_of_each() -> None:
    assert first_of_each([4, 4, 2, 2, 9]).tolist() == [0, 2, 4]
