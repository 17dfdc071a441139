"""The cheapest assignment of detections to tracks, against SciPy's: as many possible pairs, at the same cost."""

import numpy as np
import numpy.typing as npt
import pytest
from lookout_detection.domain import _cheapest
from scipy.optimize import linear_sum_assignment

Costs = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_SEEDS = range(300)
_NEVER = 1e6


def scipys(cost: Costs, possible: Mask) -> dict[int, int]:
    rows, columns = linear_sum_assignment(np.where(possible, cost, _NEVER))
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {row: column for row, column in pairs if possible[row, column]}


def worth(pairs: dict[int, int], cost: Costs) -> float:
    return float(sum(cost[row, column] for row, column in pairs.items()))


def scene(seed: int) -> tuple[Costs, Mask]:
    """Up to 30 tracks and detections; a cost is overlap and distance missed, and half at most for time unseen: below 2.5."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 31, 2))
    return rng.uniform(0, 2.5, shape), rng.random(shape) < rng.choice([0.05, 0.3, 1.0])


def test_pairs_are_those_of_scipy() -> None:
    for seed in _SEEDS:
        cost, possible = scene(seed)
        assert _cheapest(cost, possible) == scipys(cost, possible), seed


@pytest.mark.parametrize("step", [1.0, 0.1, 1e-12])
def test_where_costs_are_equal_or_nearly_so_pairs_are_as_many_and_as_cheap(step: float) -> None:
    for seed in _SEEDS:
        cost, possible = scene(seed)
        cost = 1 + step * np.round(cost)
        found, wanted = _cheapest(cost, possible), scipys(cost, possible)
        assert len(found) == len(wanted)
        assert len(set(found.values())) == len(found)
        assert worth(found, cost) == pytest.approx(worth(wanted, cost), abs=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (4, 4), (20, 3)])
def test_what_is_not_possible_is_never_paired(shape: tuple[int, int]) -> None:
    assert _cheapest(np.zeros(shape), np.zeros(shape, dtype=np.bool_)) == {}


def test_a_dear_pair_is_taken_where_it_lets_another_have_any() -> None:
    cost = np.array([[0.0, 2.4], [0.1, 0.0]])
    possible = np.array([[True, True], [True, False]])
    assert _cheapest(cost, possible) == {0: 1, 1: 0}
