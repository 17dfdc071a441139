"""Passes of volunteers: what counts as one, and as seen."""

from datetime import UTC, datetime, timedelta

import pytest
from lookout_console.domain.errors import BadInputError, ConflictError
from lookout_console.domain.passes import (
    APART,
    AROUND,
    Pass,
    Seen,
    check_pass,
    true_positive_rate,
    was_seen,
)

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


def a_pass(ago: timedelta = timedelta(), entry_id: str = "v1", camera: str = "van-1") -> Pass:
    return Pass(entry_id=entry_id, camera=camera, at=NOW - ago)


def seen(
    off: timedelta, *, entry_id: str = "v1", cameras: tuple[str, ...] = ("van-2", "van-1")
) -> Seen:
    return Seen(entry_id=entry_id, cameras=cameras, captured_at=NOW + off)


def test_a_pass_is_seen_by_an_alert_of_that_person_at_that_camera_about_then() -> None:
    assert was_seen(a_pass(), [seen(AROUND)])
    assert was_seen(a_pass(), [seen(-AROUND)])
    assert not was_seen(a_pass(), [seen(AROUND + _TICK)])
    assert not was_seen(a_pass(), [seen(timedelta(), entry_id="v2")])
    assert not was_seen(a_pass(), [seen(timedelta(), cameras=("van-2",))])


def test_passes_too_close_to_each_other_are_not_two() -> None:
    with pytest.raises(ConflictError):
        check_pass(a_pass(), [a_pass(APART - _TICK)], NOW)
    check_pass(a_pass(), [a_pass(APART), a_pass(entry_id="v2")], NOW)


def test_one_alert_cannot_make_two_passes_seen() -> None:
    assert APART > 2 * AROUND


def test_a_pass_to_come_is_not_written_down() -> None:
    with pytest.raises(BadInputError):
        check_pass(a_pass(-_TICK), [], NOW)


def test_misses_are_counted_and_the_rate_has_its_interval() -> None:
    walked = [a_pass(APART * number) for number in range(4)]
    found = true_positive_rate(walked, [seen(timedelta()), seen(-APART)])
    assert found is not None
    assert (found.count, found.total) == (2, 4)
    assert found.low < 0.5 < found.high
    assert true_positive_rate([], []) is None
