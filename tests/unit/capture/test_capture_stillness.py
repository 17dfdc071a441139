"""Still views are left out, and nothing that moves is."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import given
from hypothesis import strategies as st
from lookout_capture.adapters.luma import LumaGauge
from lookout_capture.readings import RawFrame
from lookout_capture.stillness import Stillness, StillRules, StillView

BEGIN = datetime(2026, 6, 1, 12, tzinfo=UTC)
RULES = StillRules(least_change=4.0, settle=timedelta(seconds=1), every=timedelta(milliseconds=500))


class Levels:
    """Grids that are one number each."""

    def grid(self, frame: RawFrame) -> float | None:
        return None

    def change(self, before: float, after: float) -> float:
        return abs(after - before)


def sent(levels: list[float], *, fps: float = 10.0) -> list[int]:
    """Which of a row of images, one every tenth of a second, are sent."""
    view = StillView[float](RULES, Levels())
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
    view = StillView[float](RULES, Levels())
    last = slow[0]
    for number, level in enumerate(slow):
        if not view.is_still(level, BEGIN + timedelta(seconds=number / 10)):
            last = level
        assert abs(level - last) < RULES.least_change


def test_a_clock_that_is_set_back_does_not_silence_a_camera() -> None:
    view = StillView[float](RULES, Levels())
    assert not view.is_still(100.0, BEGIN)
    assert not view.is_still(100.0, BEGIN - timedelta(hours=1))
    assert not view.is_still(100.0, BEGIN - timedelta(hours=1) + timedelta(milliseconds=600))


@given(st.lists(st.floats(0, 255), min_size=2, max_size=80))
def test_whatever_is_left_out_was_shown_by_the_last_image_sent(levels: list[float]) -> None:
    view = StillView[float](RULES, Levels())
    last, last_at = None, BEGIN
    for number, level in enumerate(levels):
        at = BEGIN + timedelta(seconds=number / 10)
        if view.is_still(level, at):
            assert last is not None
            assert abs(level - last) < RULES.least_change
            assert at - last_at < RULES.every
        else:
            last, last_at = level, at


def camera_frame(
    *,
    number: int = 0,
    face_at: tuple[int, int] | None = None,
    face_px: int = 44,
    contrast: int = 40,
) -> RawFrame:
    """A grey street with a sensor's noise, and a face's worth of pixels that are brighter, as a decoder gives it (YUV)."""
    rng = np.random.default_rng(number)
    image = np.full((720, 1280, 3), 90.0) + rng.normal(0, 6, (720, 1280, 3))
    if face_at is not None:
        left, top = face_at
        image[top : top + face_px, left : left + face_px] += contrast
    picture = VideoFrame.from_ndarray(np.clip(image, 0, 255).astype(np.uint8), format="bgr24")
    return RawFrame(
        picture=picture.reformat(format="yuv420p"),
        jpeg=None,
        captured_at=BEGIN + timedelta(seconds=number / 10),
        width=1280,
        height=720,
    )


def change(before: RawFrame, after: RawFrame) -> float:
    gauge = LumaGauge()
    first, second = gauge.grid(before), gauge.grid(after)
    assert first is not None
    assert second is not None
    return gauge.change(first, second)


def test_a_sensors_noise_changes_no_cell_enough() -> None:
    assert change(camera_frame(number=1), camera_frame(number=2)) < StillRules().least_change


@pytest.mark.parametrize("left", [0, 7, 16, 500, 509, 1236])
@pytest.mark.parametrize("top", [0, 11, 300, 676])
def test_the_least_face_that_is_recognised_moves_a_cell_wherever_it_is(left: int, top: int) -> None:
    # Eyes 18 pixels apart: a box of 44.
    after = camera_frame(number=2, face_at=(left, top))
    assert change(camera_frame(number=1), after) >= StillRules().least_change


def test_images_of_another_size_cannot_be_compared() -> None:
    small = camera_frame()
    assert small.picture is not None
    half = RawFrame(
        picture=small.picture.reformat(width=640, height=360),
        jpeg=None,
        captured_at=BEGIN,
        width=640,
        height=360,
    )
    assert change(small, half) == 255


def test_an_image_that_is_not_decoded_is_never_still() -> None:
    views = Stillness(StillRules(), LumaGauge())
    raw = RawFrame(picture=None, jpeg=b"\xff\xd8\xff", captured_at=BEGIN, width=64, height=48)
    assert [views.is_still("gate", raw) for _ in range(40)] == [False] * 40


def test_every_camera_has_a_view_of_its_own() -> None:
    views = Stillness(StillRules(), LumaGauge())
    for number in range(14):
        assert not views.is_still("gate", camera_frame(number=number, face_at=(40 * number, 300)))
        views.is_still("door", camera_frame(number=number))
    assert not views.is_still("gate", camera_frame(number=14, face_at=(560, 300)))
    assert views.is_still("door", camera_frame(number=14))
