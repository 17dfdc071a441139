"""A busy street with known truth: people of the demonstration's footage who cross, stop, and hide one another."""

from dataclasses import dataclass

import numpy as np
from lookout.vision.arrays import FloatArray
from lookout.vision.boxes import box_area, grow_boxes

from lookout_cli.demo.figures import RECIPES
from lookout_cli.demo.footage import Sight, Step, Walk

_FACES_IN_LANE = ((42.0, 56.0), (66.0, 112.0), (112.0, 158.0))
"""Smallest and largest width of a face in each lane, pixels."""

_WALK_S = (5.0, 9.0)
_STOPS = 0.3
"""Share of people who stop for a moment on their way."""
_STOP_S = 1.5

_HIDDEN = 0.4
_HEAD = 0.12
"""Hair and ears around the box of a face, in its own size."""


def crowd(people: int, *, seconds: float, seed: int) -> tuple[Walk, ...]:
    """So many people, each passing once within the time, half of them in each direction; the same for the same seed."""
    rng = np.random.default_rng(seed)
    begins = np.linspace(0, seconds - _WALK_S[1] - _STOP_S, people)
    figures = [recipe.name for recipe in RECIPES]
    return tuple(
        _walk(rng, figures[number % len(figures)], float(begin), rightwards=bool(number % 2))
        for number, begin in enumerate(begins)
    )


def _walk(rng: np.random.Generator, figure: str, begin: float, *, rightwards: bool) -> Walk:
    lane = int(rng.integers(len(_FACES_IN_LANE)))
    first, last = rng.uniform(*_FACES_IN_LANE[lane], 2)
    lasts = float(rng.uniform(*_WALK_S))
    ways = (-1.2 * last, 1280 + 1.2 * last)
    start, end = ways if rightwards else ways[::-1]
    steps = [Step(at=begin, x=float(start), face=float(first))]
    if rng.uniform() < _STOPS:
        where, middle = float(rng.uniform(300, 980)), float((first + last) / 2)
        share = (where - start) / (end - start)
        at = begin + lasts * float(share)
        steps += [Step(at=at, x=where, face=middle), Step(at=at + _STOP_S, x=where, face=middle)]
        lasts += _STOP_S
    steps.append(Step(at=begin + lasts, x=float(end), face=float(last)))
    return Walk(figure=figure, lane=lane, steps=tuple(steps))


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The faces of one moment that are not mostly hidden: ``walks`` (N,) whose, ``boxes`` (N, 4) xyxy, pixels."""

    walks: tuple[int, ...]
    boxes: FloatArray


def truth_of(sights: tuple[Sight, ...]) -> Truth:
    """The faces in plain view: no nearer head covers more than two fifths of them."""
    boxes = np.array([sight.box for sight in sights], dtype=np.float32).reshape(-1, 4)
    heads = grow_boxes(boxes, _HEAD)
    areas = box_area(boxes)
    seen = []
    for number, sight in enumerate(sights):
        before = [
            other
            for other, at in enumerate(sights)
            if (at.lane, at.walk) > (sight.lane, sight.walk)
        ]
        covered = _shared(boxes[number], heads[before]).max(initial=0)
        if covered <= _HIDDEN * areas[number]:
            seen.append(number)
    return Truth(walks=tuple(sights[number].walk for number in seen), boxes=boxes[seen])


def _shared(box: FloatArray, others: FloatArray) -> FloatArray:
    """Areas that a box, (4,), shares with others, (N, 4); shape (N,)."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[:, 0] * sides[:, 1], dtype=np.float32)
