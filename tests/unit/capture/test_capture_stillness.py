"""Still views are left out, and nothing that moves is."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from lookout_capture.stillness import StillRules, StillView

BEGIN = datetime(2026, 6, 1, 12, tzinfo=UTC)
RULES = StillRules(least_change=4.0, settle=timedelta(seconds=1), every=timedelta(milliseconds=500))


class Levels:
    """Grids that are one number each."""

    def change(self, before: float, after: float) -> float:
        return abs(after - before)


def sent(levels: list[float], *, fps: float = 10.0) -> list[int]:
    """Which of a row of images, one every tenth of a second, are sent."""
    view = StillView(RULES, Levels())
    return [
        number
        for number, level in enumerate(levels)
        if not view.is_still(level, BEGIN + timedelta(seconds=number / fps))
    ]


def test_what_moves_is_sent_every_time() -> None:
    assert sent([10.0 * number for number in range(30)]) == list(range(30))


def test_a_still_view_is_sent_twice_a_second_once_it_has_settled() -> None:
    assert sent([100.0] * 31) == [*range(11), 15, 20, 25, 30]


def test_noise_is_no_movement() -> None:
    assert len(sent([100.0 + (-1) ** number for number in range(101)])) < 40


def test_the_first_image_that_differs_is_sent_and_what_follows_for_a_second() -> None:
    levels = [100.0] * 23 + [140.0] * 20
    assert [number for number in sent(levels) if number >= 21] == [*range(23, 34), 38]


def test_a_slow_change_adds_up_to_movement() -> None:
    # One grey level a second: against the image before it nothing, against the last one sent before long something.
    slow = [100.0 + number / 10 for number in range(200)]
    view = StillView(RULES, Levels())
    last = slow[0]
    for number, level in enumerate(slow):
        if not view.is_still(level, BEGIN + timedelta(seconds=number / 10)):
            last = level
        assert abs(level - last) < RULES.least_change


def test_a_clock_that_is_set_back_does_not_silence_a_camera() -> None:
    view = StillView(RULES, Levels())
    assert not view.is_still(100.0, BEGIN)
    assert not view.is_still(100.0, BEGIN - timedelta(hours=1))
    assert not view.is_still(100.0, BEGIN - timedelta(hours=1) + timedelta(milliseconds=600))


@given(st.lists(st.floats(0, 255), min_size=2, max_size=80))
def test_whatever_is_left_out_was_shown_by_the_last_image_sent(levels: list[float]) -> None:
    view = StillView(RULES, Levels())
    last, last_at = None, BEGIN
    for number, level in enumerate(levels):
        at = BEGIN + timedelta(seconds=number / 10)
        if view.is_still(level, at):
            assert last is not None
            assert abs(level - last) < RULES.least_change
            assert at - last_at < RULES.every
        else:
            last, last_at = level, at
