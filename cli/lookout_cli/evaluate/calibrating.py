"""Measuring what a pack's scores mean: false match rates over all pairs of different people. Pure."""

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import yaml
from lookout.vision.arrays import FloatArray
from lookout.vision.calibration import Calibration, CalibrationPoint

from lookout_cli.evaluate.identification import Floats, Ints

RATES = (1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
_LEAST_PAIRS = 7
"""A point rests on at least so many pairs above it; below that it would be one picture's accident."""
_BEYOND = 20.0
"""How far below the last measured rate the line through the last two points may be followed."""
_BLOCK = 1_000


class TooFewPairsError(Exception):
    """There are too few pairs of different people for two points."""


def calibrate(vectors: FloatArray, persons: Ints, *, measured_on: str, day: date) -> Calibration:
    """The calibration of a pack from templates of many people.

    Args:
        vectors: shape (N, D), unit length, one row a picture.
        persons: shape (N,): a number for each picture's person.
        measured_on: the pictures, in words.
        day: of the measurement.

    Raises:
        TooFewPairsError: fewer than two rates rest on seven pairs or more.
    """
    pairs = _count_pairs(persons)
    highest = _highest(vectors, persons, int(np.ceil(RATES[0] * pairs)) + 1)
    points = [
        CalibrationPoint(fmr=rate, score=_up(highest[int(rate * pairs)]))
        for rate in RATES
        if rate * pairs >= _LEAST_PAIRS
    ]
    if len(points) < 2:
        needed = round((2 * _LEAST_PAIRS / RATES[1]) ** 0.5)
        raise TooFewPairsError(
            f"{pairs:,} pairs of different people are too few to calibrate by: {needed} people or more are needed"
        )
    return Calibration(
        points=tuple(points),
        extrapolate_to=points[-1].fmr / _BEYOND,
        measured_on=measured_on,
        images=len(persons),
        identities=len(np.unique(persons)),
        pairs=pairs,
        date=day.isoformat(),
    )


def as_yaml(calibration: Calibration) -> str:
    """The ``calibration`` section of a manifest."""
    content = {
        "calibration": {
            "points": [
                {"fmr": float(point.fmr), "score": float(point.score)}
                for point in calibration.points
            ],
            "extrapolate_to": float(calibration.extrapolate_to),
            "measured_on": calibration.measured_on,
            "images": calibration.images,
            "identities": calibration.identities,
            "pairs": calibration.pairs,
            "date": calibration.date,
        }
    }
    return yaml.safe_dump(content, sort_keys=False, width=120)


def first_of_each(persons: Sequence[int]) -> Ints:
    """The index of every person's first picture: pairs between such pictures are independent of how many one has."""
    _, first = np.unique(np.asarray(persons), return_index=True)
    return np.sort(first).astype(np.int64)


def _up(score: float) -> float:
    """Rounded to four digits, never downwards: a threshold must not be laxer than what was measured."""
    return float(np.ceil(score * 1e4) / 1e4)


def _count_pairs(persons: Ints) -> int:
    total = len(persons) * (len(persons) - 1) // 2
    counts = np.bincount(persons)
    return int(total - (counts * (counts - 1) // 2).sum())


def _highest(vectors: FloatArray, persons: Ints, count: int) -> Floats:
    """The highest impostor scores, falling; at most ``count``. Memory is bounded by the block and by ``count``."""
    kept = np.zeros(0)
    for block in _impostor_blocks(vectors, persons):
        kept = np.concatenate([kept, block])
        if len(kept) > count:
            kept = np.partition(kept, len(kept) - count)[len(kept) - count :]
    return -np.sort(-kept)


def _impostor_blocks(vectors: FloatArray, persons: Ints) -> Iterator[Floats]:
    columns = np.arange(len(persons))
    for start in range(0, len(persons), _BLOCK):
        rows = columns[start : start + _BLOCK]
        scores = vectors[rows] @ vectors[start:].T
        # Each pair once, and nobody with himself.
        ahead = columns[None, start:] > rows[:, None]
        other = persons[None, start:] != persons[rows][:, None]
        yield scores[ahead & other].astype(np.float64)
