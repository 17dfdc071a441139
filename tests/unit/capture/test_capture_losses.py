"""Capture as a whole: what it loses on purpose, what fails, and how it ends."""

import logging
import threading
from datetime import timedelta

import pytest
from lookout.events import ServiceState
from lookout.stream.ports import DeliveryError
from lookout_capture.ports import SourceError
from lookout_capture.readings import RawFrame
from unit.capture.capture_fakes import (
    eventually,
    raw_frame,
    script,
    utc_now,
)
from unit.capture.capture_stage import recording, running, two_cameras

# Losing images on purpose.


def test_an_image_that_waited_too_long_is_dropped() -> None:
    old = raw_frame(at=utc_now() - timedelta(seconds=5))
    stage = recording(old, raw_frame())
    with running(stage):
        eventually(stage.capture.finished.is_set, "finished")
    assert len(stage.outbox.frames) == 1
    assert stage.dropped("stale") == 1


def test_an_image_that_cannot_be_compressed_is_dropped_without_a_key() -> None:
    nothing = RawFrame(picture=None, jpeg=None, captured_at=utc_now(), width=0, height=0)
    stage = recording(nothing, raw_frame())
    with running(stage):
        eventually(stage.capture.finished.is_set, "finished")
    assert len(stage.outbox.frames) == 1
    assert stage.dropped("unreadable") == 1
    assert stage.keyring.held() == 1


def test_no_more_frames_are_on_their_way_than_allowed() -> None:
    stage = two_cameras()
    with running(stage, acknowledging=False):
        eventually(lambda: stage.dropped("backlog") >= 5, "dropped for the backlog")
        assert len(stage.outbox.frames) == 8
        stage.becomes(ServiceState.DEGRADED, saying="8 frames wait for the broker")
        assert stage.count("unacknowledged_frames") == 8

        stage.outbox.acknowledging.set()
        eventually(lambda: len(stage.outbox.frames) > 20, "sealed again")
        stage.becomes(ServiceState.LIVE, saying="")


def test_what_shows_nothing_new_is_left_out_and_counted_and_is_no_shedding() -> None:
    stage = two_cameras()
    stage.is_still = lambda camera_id, _raw: camera_id == "van-1"
    with running(stage):
        eventually(lambda: stage.dropped("still") >= 60, "still images left out")
        eventually(lambda: len(stage.outbox.of("van-2")) > 5, "the other camera's frames")
        assert stage.outbox.of("van-1") == []
        stage.becomes(ServiceState.LIVE, saying="")


def test_a_recording_taken_image_by_image_is_taken_whole() -> None:
    stage = recording(*(raw_frame() for _ in range(5)))
    stage.is_still = lambda _camera_id, _raw: True
    with running(stage):
        eventually(stage.capture.finished.is_set, "finished")
    assert len(stage.outbox.frames) == 5


def test_a_recording_played_as_taken_waits_for_the_broker_and_loses_nothing() -> None:
    stage = recording(*(raw_frame() for _ in range(20)))
    with running(stage, acknowledging=False):
        eventually(lambda: len(stage.outbox.frames) == 8, "eight on their way")
        assert stage.dropped("backlog") == 0
        stage.outbox.acknowledging.set()
        eventually(stage.capture.finished.is_set, "finished")
    assert len(stage.outbox.frames) == 20


# Cameras that fail, and the end.


def test_a_camera_that_fails_is_told_without_its_credentials_while_the_other_goes_on(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    stage = two_cameras()
    stage.scripts.of["van-1"] = [script(SourceError("timeout", "no answer in 5.0 s"))]
    with running(stage):
        stage.becomes(ServiceState.DEGRADED, saying="van-1: no answer in 5.0 s")
        eventually(lambda: len(stage.outbox.of("van-2")) >= 3, "van-2 is sealed")
        assert stage.capture.failures() == {"van-1": "no answer in 5.0 s"}
    output = capfd.readouterr()
    assert "van-1=rtsp://one/…" in output.out + output.err + caplog.text
    assert "hunter2" not in output.out + output.err + caplog.text


def testrecordings_that_cannot_be_played_end_capture_with_the_reason() -> None:
    stage = recording()
    stage.scripts.of["van-1"] = [script(SourceError("missing", "there is no such file"))]
    with running(stage):
        eventually(lambda: stage.ended, "run returned")
    assert stage.capture.finished.is_set()
    assert stage.capture.failures() == {"van-1": "there is no such file"}
    assert stage.capture.state() == (
        ServiceState.NOT_RUNNING,
        "every recording is over; van-1: there is no such file",
    )


def test_a_broker_that_loses_frames_ends_capture() -> None:
    stage = two_cameras()
    stage.outbox.error = DeliveryError("not acknowledged in 30 s")
    with running(stage):
        eventually(lambda: stage.ended, "run returned")
    assert stage.error is stage.outbox.error
    assert not stage.capture.finished.is_set()


def test_stopping_waits_for_what_is_on_its_way_and_says_not_running() -> None:
    stage = two_cameras()
    with running(stage, acknowledging=False):
        eventually(lambda: len(stage.outbox.frames) == 8, "eight on their way")
    assert stage.count("unacknowledged_frames") == 0
    assert stage.capture.state() == (ServiceState.NOT_RUNNING, "stopped")
    assert all(source.closed.is_set() for source in stage.scripts.made)


def test_a_loop_that_hangs_is_not_running_whatever_it_last_said() -> None:
    stage = two_cameras()
    hang = threading.Event()
    with running(stage):
        stage.becomes(ServiceState.LIVE, saying="")
        hanging = threading.Event()

        def never_return() -> None:
            hanging.set()
            hang.wait(10)

        stage.issuer.before_make = never_return
        assert hanging.wait(10)
        stage.skew_s = 4.0
        assert stage.capture.state() == (
            ServiceState.NOT_RUNNING,
            "sealing waits for the keyring or the broker",
        )
        stage.skew_s = 0.0
        hang.set()
        stage.becomes(ServiceState.LIVE, saying="")
