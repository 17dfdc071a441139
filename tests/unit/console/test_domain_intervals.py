"""Exact intervals, held to SciPy's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookout_console.domain.intervals import one_in, rate
from scipy.stats import binomtest


@settings(max_examples=60, deadline=None)
@given(total=st.integers(min_value=1, max_value=50_000), data=st.data())
def test_the_interval_is_clopper_and_pearsons(total: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(min_value=0, max_value=min(total, 300)))
    wanted = binomtest(count, total).proportion_ci(confidence_level=0.95, method="exact")
    found = rate(count, total)
    assert found.low == pytest.approx(wanted.low, rel=1e-6, abs=1e-12)
    assert found.high == pytest.approx(wanted.high, rel=1e-6)


@pytest.mark.parametrize(("count", "total"), [(1, 0), (-1, 3), (4, 3)])
def test_what_is_no_proportion_is_refused(count: int, total: int) -> None:
    with pytest.raises(ValueError, match="but got"):
        rate(count, total)


def test_a_rate_is_said_as_one_in_so_many() -> None:
    assert one_in(1 / 15_402) == "1 in 15,402"
    assert one_in(0.0) == "none"
