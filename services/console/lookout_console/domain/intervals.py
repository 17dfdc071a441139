"""Intervals for counts: no rate is shown without one. Pure, exact, no tables."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_STEPS: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """``count`` of ``total`` with its exact two-sided 95 % Clopper-Pearson interval."""

    count: int
    total: int
    low: float
    high: float


def rate(count: int, total: int, *, level: float = 0.95) -> Rate:
    """A proportion with its Clopper-Pearson interval, by bisection on the binomial distribution.

    Raises:
        ValueError: not 0 ≤ count ≤ total, or no total.
    """
    if not 0 <= count <= total or total == 0:
        raise ValueError(f"count and total must be 0 ≤ count ≤ total > 0, but got {count}, {total}")
    tail = (1 - level) / 2
    low = (
        0.0
        if count == 0
        else _solve(lambda p: 1 - _at_most(count - 1, total, p), tail, rising=True)
    )
    high = (
        1.0 if count == total else _solve(lambda p: _at_most(count, total, p), tail, rising=False)
    )
    return Rate(count=count, total=total, low=low, high=high)


def _at_most(count: int, total: int, p: float) -> float:
    """P(X ≤ count) of a binomial."""
    if p <= 0:
        return 1.0
    if p >= 1:
        return 1.0 if count >= total else 0.0
    log_p, log_q = math.log(p), math.log1p(-p)
    whole = math.lgamma(total + 1)
    return min(
        1.0,
        sum(
            math.exp(
                whole
                - math.lgamma(i + 1)
                - math.lgamma(total - i + 1)
                + i * log_p
                + (total - i) * log_q
            )
            for i in range(count + 1)
        ),
    )


def _solve(probability: Callable[[float], float], goal: float, *, rising: bool) -> float:
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if (probability(middle) < goal) == rising:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def one_in(value: float) -> str:
    """A small rate as people read it: 1 in 15,402; never where it is none."""
    return "none" if value <= 0 else f"1 in {round(1 / value):,}"
