"""Quantiles and exponents are what numpy says they are, and nothing where there is nothing."""

import pytest
from lookout_cli.bench.figures import Spread, exponent


def test_nothing_measured_has_no_quantiles() -> None:
    nothing = Spread.of([])

    assert (nothing.p50, nothing.p95, nothing.p99, nothing.n) == (None, None, None, 0)
    assert nothing.in_words() == "-"


def test_quantiles_lie_between_the_nearest_two() -> None:
    found = Spread.of([float(value) for value in range(101)])

    assert (found.p50, found.p95, found.p99, found.n) == (50.0, 95.0, 99.0, 101)
    assert found.in_words(unit="ms", digits=0) == "50 / 95 / 99 ms (n = 101)"


@pytest.mark.parametrize(
    ("sizes", "costs", "wanted"),
    [
        ([], [], None),
        ([5], [1], None),
        ([5, 5], [1, 2], None),
        ([1, 10, 100], [3, 3, 3], 0.0),
        ([1, 10, 100], [2, 20, 200], 1.0),
        ([1, 2, 4], [1, 4, 16], 2.0),
        ([0, 1, 10], [9, 2, 20], 1.0),  # nothing at size 0 has a logarithm
    ],
)
def test_the_exponent_tells_how_a_cost_grows(
    sizes: list[float], costs: list[float], wanted: float | None
) -> None:
    assert exponent(sizes, costs) == (None if wanted is None else pytest.approx(wanted, abs=1e-6))
