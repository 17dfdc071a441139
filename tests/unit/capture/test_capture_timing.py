"""When images were taken: dated by the camera's clock, tied to ours by the images that came with the least delay."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookout_capture.domain import Pacing
from lookout_capture.readings import IrregularityKind
from lookout_capture.timing import (
    AsItArrives,
    ByItsClock,
    Continuity,
    MediaClock,
    Played,
    Schedule,
)

BACK, STALLED, JUMP, MISSING = (
    IrregularityKind.TIME_BACK,
    IrregularityKind.TIME_STALLED,
    IrregularityKind.TIME_JUMP,
    IrregularityKind.TIME_MISSING,
)


def test_delays_that_differ_do_not_move_the_time_of_an_image() -> None:
    clock, rng = MediaClock(), random.Random(7)
    # The first 2 seconds find the least delay; from then on, up to 0.3 s more for an image moves nothing.
    errors = []
    for number in range(500):
        taken = number / 25
        delay = 0.05 + (0.3 * rng.random() if rng.random() < 0.7 else 0.0)
        errors.append(clock.taken_s(taken + 9000.0, taken + delay) - taken)
    settled = errors[50:]
    assert max(settled) - min(settled) < 0.002
    assert settled[0] == pytest.approx(0.05, abs=0.002)


def test_a_burst_after_a_stall_on_the_way_is_dated_when_it_was_taken() -> None:
    clock = MediaClock()
    for number in range(50):
        clock.taken_s(number / 25, number / 25 + 0.1)
    # Eight seconds of images come at once: more than the window.
    burst = [clock.taken_s(number / 25, 10.1) for number in range(50, 250)]
    assert burst == pytest.approx([number / 25 + 0.1 for number in range(50, 250)])


@given(
    drift=st.floats(-0.01, 0.01),
    delays=st.lists(st.floats(0, 0.5), min_size=50, max_size=400),
    origin=st.floats(0, 1e6),
)
def test_an_image_is_never_dated_after_its_arrival_nor_before_the_one_before(
    drift: float, delays: list[float], origin: float
) -> None:
    clock = MediaClock(window_s=5.0)
    arrived = last = -1.0
    for number, delay in enumerate(delays):
        taken = number / 20
        # What comes over one connection comes in order.
        arrived = max(arrived, taken + delay)
        dated = clock.taken_s(origin + taken * (1 + drift), arrived)
        assert last <= dated <= arrived
        # Bounded by the delays there were, and the drift over the window.
        assert dated >= taken - abs(drift) * 5.0 - 0.5 - 1e-6
        last = dated


@pytest.mark.parametrize("drift", [-0.001, 0.001])
def test_a_camera_whose_clock_runs_wrong_misdates_by_its_drift_over_the_window_only(
    drift: float,
) -> None:
    clock = MediaClock(window_s=5.0)
    errors = [
        clock.taken_s(number / 10 * (1 + drift), number / 10) - number / 10
        for number in range(36_000)  # an hour
    ]
    assert max(abs(error) for error in errors) < 0.001 * 5.0 + 0.002


def test_a_delay_that_stays_is_taken_for_the_cameras_clock_after_the_window() -> None:
    clock = MediaClock(window_s=5.0)
    for number in range(100):
        clock.taken_s(number / 10, number / 10)
    # The camera stood still for 8 seconds, and its clock with it.
    ages = [
        number / 10 + 8.0 - clock.taken_s(number / 10, number / 10 + 8.0)
        for number in range(100, 200)
    ]
    assert ages[0] == pytest.approx(8.0, abs=0.11)
    assert ages[60] == pytest.approx(0.0, abs=0.11)


def test_what_it_remembers_is_bounded_by_the_window() -> None:
    clock = MediaClock(window_s=5.0)
    for number in range(10_000):
        # Ever later, so that none is displaced by a better one.
        clock.taken_s(number / 100, number / 100 * 1.001)
    assert len(clock._least) <= 502


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ([(0.0, 0.0), (0.04, 0.04), (0.08, 0.3)], [None, None, None]),
        ([(10.0, 0.0), (9.0, 0.1), (9.1, 0.2)], [None, BACK, None]),
        ([(95443.7, 0.0), (0.01, 0.04), (0.05, 0.08)], [None, BACK, None]),
        ([(1.0, 0.0), (1.0, 0.1), (1.0, 0.2), (1.1, 0.3)], [None, STALLED, STALLED, None]),
        ([(1.0, 0.0), (9.0, 0.1), (9.1, 0.2)], [None, JUMP, None]),
        ([(1.0, 0.0), (9.0, 8.0)], [None, None]),
        ([(1.0, 0.0), (None, 0.1), (1.2, 0.2)], [None, MISSING, None]),
    ],
    ids=["steady", "back", "wrapped", "stalled", "jump", "silence", "missing"],
)
def test_where_presentation_times_break_off_is_found(
    times: list[tuple[float | None, float]], found: list[IrregularityKind | None]
) -> None:
    continuity = Continuity(jump_s=5.0)
    assert [continuity.judge(media, elapsed) for media, elapsed in times] == found


@pytest.mark.parametrize(
    "media",
    [
        [100.0, 100.1, 2.0, 2.1, 2.2],
        [100.0, 100.1, 100.1, 100.1, 100.1],
        [100.0, 100.1, 900.0, 900.1, 900.2],
        [100.0, None, None, 100.3, 100.4],
    ],
    ids=["back", "stalled", "jump", "missing"],
)
def test_a_live_image_whose_time_breaks_off_is_dated_by_its_arrival(
    media: list[float | None],
) -> None:
    pace = ByItsClock()
    for number, media_s in enumerate(media):
        arrived = 50.0 + number / 10
        moment = pace.place(media_s, arrived)
        assert moment.taken_s == pytest.approx(arrived, abs=0.002)
        assert moment.at_s == arrived
        assert pace.wait_s(moment, arrived) == 0.0


def test_times_that_a_reader_makes_up_are_not_believed() -> None:
    pace = AsItArrives()
    moments = [pace.place(number / 25, 50.0 + number / 5) for number in range(5)]
    assert [moment.taken_s for moment in moments] == [50.0 + number / 5 for number in range(5)]
    assert {moment.irregularity for moment in moments} == {None}


def test_a_recording_that_breaks_off_is_joined() -> None:
    pace = Played(Schedule(Pacing.REAL_TIME), fps=10)
    media = [7.0, 7.1, 7.2, 3.0, 3.1, 500.0, 500.1, None, 500.3]
    moments = [pace.place(media_s, 0.0) for media_s in media]
    assert [moment.at_s for moment in moments] == pytest.approx(
        [7.0, 7.1, 7.2, 7.3, 7.4, 7.5, 7.6, 7.7, 7.8]
    )
    waits = [pace.wait_s(moment, 1000.0) for moment in moments]
    assert waits == pytest.approx([number / 10 for number in range(9)])


def test_a_stream_in_pieces_that_is_late_begins_its_schedule_anew_instead_of_hurrying() -> None:
    schedule = Schedule(Pacing.REAL_TIME, late_at_most_s=1.0)
    assert schedule.wait_s(0.0, 100.0) == 0.0
    assert schedule.wait_s(0.1, 100.0) == pytest.approx(0.1)
    # The next piece comes two seconds late, all of it at once.
    assert [schedule.wait_s(media, 102.2) for media in (0.2, 0.3, 0.4)] == pytest.approx(
        [0.0, 0.1, 0.2]
    )
    # A recording is not late, it is slow to be read: it catches up.
    recording = Schedule(Pacing.REAL_TIME)
    recording.wait_s(0.0, 100.0)
    assert [recording.wait_s(media, 102.2) for media in (0.2, 0.3)] == [0.0, 0.0]
