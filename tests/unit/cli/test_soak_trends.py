"""What grows under a steady load, and what does not."""

import pytest
from lookout_cli.bench.figures import Spread
from lookout_cli.bench.stack_run import Reading
from lookout_cli.soak.trends import Trend, trends


def reading(after_s: float, *, resident: float, lag: float = 0.0) -> Reading:
    return Reading(
        after_s=after_s,
        resident_mb={"detection": resident, "kafka": 300.0},
        descriptors={"detection": 40, "kafka": 200},
        threads={"detection": 29, "kafka": 80},
        lag={"detection": lag},
        unacknowledged=0,
        shed=0.0,
        alert_s=Spread.of([0.1]),
        told={},
    )


def test_a_line_through_what_grows_has_its_slope_and_no_error() -> None:
    trend = Trend.of([0, 1800, 3600], [100, 105, 110])
    assert trend.per_hour == pytest.approx(10)
    assert trend.error == pytest.approx(0, abs=1e-9)
    assert (trend.first, trend.last, trend.most) == (100, 110, 110)


def test_what_only_wavers_has_a_slope_within_its_error() -> None:
    at = [float(30 * n) for n in range(100)]
    trend = Trend.of(at, [100 + (-1) ** n for n in range(100)])
    assert abs(trend.per_hour) < 2 * trend.error


def test_two_readings_make_no_trend() -> None:
    with pytest.raises(ValueError, match="three readings"):
        Trend.of([0, 1], [1, 2])


def test_what_filled_in_the_beginning_is_left_out() -> None:
    filling = [reading(t, resident=t) for t in range(0, 600, 60)]
    steady = [reading(t, resident=600.0) for t in range(600, 3600, 60)]
    found = trends([*filling, *steady], after_s=600)
    assert found["resident_mb"]["detection"].per_hour == pytest.approx(0, abs=1e-6)
    assert found["resident_mb"]["detection"].first == 600


def test_every_kind_is_followed_for_every_process_that_has_it() -> None:
    found = trends([reading(60 * n, resident=1, lag=n) for n in range(5)], after_s=0)
    assert set(found) == {"resident_mb", "descriptors", "threads", "lag"}
    assert set(found["threads"]) == {"detection", "kafka"}
    assert set(found["lag"]) == {"detection"}
    assert found["lag"]["detection"].per_hour == pytest.approx(60)
