"""Capture on a real RTSP server that is stopped, frozen, begun again, and that changes its mind."""

import gc
import itertools
import logging
import time
from collections.abc import Iterator

import pytest
from lookout.events import ServiceState
from lookout_capture.adapters.sources import Sources
from lookout_capture.adapters.video import VideoSource
from lookout_capture.domain import CameraSpec
from lookout_capture.ports import SourceError
from support.decoded import pixels_of
from support.live_camera import (
    all_threads,
    camera_threads,
    live_camera,
    now_utc,
    resident_bytes,
    seconds,
)
from support.polling import until
from support.rtsp_camera import RtspCamera, clock_of, rtsp_camera, why_no_rtsp
from unit.capture.capture_fakes import Scripts, live_deployment
from unit.capture.capture_stage import Stage, running

pytestmark = pytest.mark.rtsp

USER, SECRET = "operator-7", "hunter2-s3cret"


@pytest.fixture(autouse=True, scope="module")
def _rtsp_can_be_served() -> None:
    if reason := why_no_rtsp():
        pytest.skip(reason)


@pytest.fixture(name="no_garbage_collection")
def no_garbage_collection_fixture() -> Iterator[None]:
    """What only the garbage collector would end is left behind for the test to see."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.fixture(name="camera")
def camera_fixture() -> Iterator[RtspCamera]:
    with rtsp_camera() as camera:
        yield camera


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_images_come_over_tcp_and_udp_young_and_dated_when_they_were_taken(
    camera: RtspCamera, transport: str
) -> None:
    with live_camera(camera.url, transport=transport) as live:
        live.await_up()
        delays: list[float] = []
        errors: list[float] = []
        for _ in range(25):
            frame = live.next_image()
            assert (frame.width, frame.height) == (320, 240)
            burnt = clock_of(pixels_of(frame))
            delays.append((int(time.time() * 1000) - burnt) % 2**32 / 1000)
            captured = int(frame.captured_at.timestamp() * 1000)
            errors.append(((captured - burnt + 2**31) % 2**32 - 2**31) / 1000)
        assert live.count("camera_up") == 1
        # Both clocks are one here, so what the camera states is the delay.
        until(lambda: live.count("stated_age_seconds") > 0, "the camera states the time")
        assert live.count("stated_age_seconds") < 0.5
        assert live.count(
            "stream_info",
            codec="h264",
            size="320x240",
            transport=f"rtsp over {transport}",
            decoder="software",
        )
    # Newest first: what was read is at most a few images old, with all that encoding and decoding take.
    assert sorted(delays)[len(delays) // 2] < 0.5
    # Of the date, what all images share of the way is not known; what differs between them is.
    assert min(errors) >= 0
    assert max(errors) < 0.5
    assert max(errors) - min(errors) < 0.08


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_the_right_credentials_open_it_and_the_wrong_ones_are_told_without_being_shown(
    auth: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with rtsp_camera(
        credentials=f"{USER}:{SECRET}", auth="digest" if auth == "digest" else "basic"
    ) as camera:
        with live_camera(camera.url) as live:
            live.await_up()
            told = live.exposition()
        wrong = f"{USER}:not-{SECRET}"
        with live_camera(camera.url_with(wrong)) as live:
            until(lambda: live.worker.failure is not None, "refused")
            assert live.worker.failure == "the camera refuses the credentials"
            assert not live.worker.up
            assert live.count("source_failures_total", kind="refused") >= 1
            told += live.exposition() + str(live.worker.failure) + repr(live.worker.camera)
        with pytest.raises(SourceError) as refused:
            list(
                VideoSource(CameraSpec("van-1", camera.url_with(wrong)), clock=now_utc).frames(
                    lambda _: False
                )
            )
        told += str(refused.value) + repr(refused.value.__context__)
    output = capfd.readouterr()
    told += caplog.text + output.out + output.err
    assert "camera.failed" in told
    assert "camera.up" in told
    assert SECRET not in told
    assert USER not in told


def test_a_camera_that_loses_power_is_down_at_once_and_read_again_when_it_is_back(
    camera: RtspCamera,
) -> None:
    with live_camera(camera.url) as live:
        live.await_up()
        camera.stop()
        assert seconds(lambda: not live.worker.up, "down", 10) < 2
        until(lambda: live.count("source_failures_total", kind="unreachable") >= 2, "tried again")
        until(lambda: live.count("camera_up") == 0, "told")
        camera.start()
        assert seconds(lambda: live.worker.up, "up again", 20) < 10
        assert live.worker.failure is None


@pytest.mark.usefixtures("no_garbage_collection")
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_camera_that_freezes_is_noticed_and_read_again_and_nothing_is_left_behind(
    camera: RtspCamera, transport: str
) -> None:
    threads = all_threads()
    with live_camera(camera.url, transport=transport, stuck_after_s=6.0) as live:
        live.await_up()
        until(lambda: live.worker.take() is not None, "an image")
        resident = resident_bytes()
        camera.freeze()
        # The read's own time-out, 1.5 s, comes well before the watchdog's.
        assert seconds(lambda: not live.worker.up, "down", 10) < 3
        assert live.count("source_failures_total", kind="timeout") == 1
        until(lambda: live.count("frame_age_seconds") > 3, "the age of the last image is told")
        until(lambda: live.count("source_failures_total", kind="timeout") >= 2, "tried again")
        camera.thaw()
        assert seconds(lambda: live.worker.up, "up again", 20) < 10
        assert live.count("stuck_readers") == 0
        assert camera_threads() == ["camera-van-1"]
        live.worker.take()
        frame = live.next_image()
        assert abs((now_utc() - frame.captured_at).total_seconds()) < 1
        until(lambda: live.count("frame_age_seconds") < 1, "the age is small again")
        assert resident_bytes() - resident < 30 * 2**20
    assert camera_threads() == []
    until(lambda: all_threads() <= threads, "no thread is left behind", 5)


def test_a_slow_consumer_is_given_the_newest_image_and_the_rest_are_counted(
    camera: RtspCamera,
) -> None:
    with live_camera(camera.url) as live:
        live.await_up()
        ages: list[float] = []
        for _ in range(4):
            before = live.count("dropped_total", reason="superseded")
            # Slower than the camera by a factor of ten: as long as ten images take to replace one another.
            until(
                lambda before=before: (
                    live.count("dropped_total", reason="superseded")  # type: ignore[misc]  # bound
                    >= before + 10
                ),
                "ten images superseded",
            )
            frame = live.worker.take()
            assert frame is not None
            ages.append((int(time.time() * 1000) - clock_of(pixels_of(frame))) % 2**32 / 1000)
        assert max(ages) < 0.5
        assert live.count("frame_age_seconds") < 0.5


def test_a_camera_that_changes_its_size_in_mid_stream_is_read_on_and_counted(
    camera: RtspCamera,
) -> None:
    with live_camera(camera.url) as live:
        assert live.next_image().width == 320
        camera.resize(640, 480)
        until(lambda: (f := live.worker.take()) is not None and f.width == 640, "the new size")
        assert live.count("irregularities_total", kind="size_changed") == 1
        labels = {"codec": "h264", "transport": "rtsp over tcp", "decoder": "software"}
        assert live.count("stream_info", size="640x480", **labels) == 1
        assert (
            live.registry.get_sample_value(
                "lookout_capture_stream_info", {"camera": "van-1", "size": "320x240", **labels}
            )
            is None
        )
        assert live.worker.failure is None


def test_a_path_that_the_camera_does_not_have_is_told(camera: RtspCamera) -> None:
    with live_camera(camera.url.replace("/live", "/other")) as live:
        until(lambda: live.worker.failure is not None, "refused")
        assert live.worker.failure == "the camera knows no such path"


def test_capture_says_that_it_does_not_run_while_its_camera_is_frozen_and_goes_on_by_itself(
    camera: RtspCamera,
) -> None:
    stage = Stage(
        (CameraSpec("van-1", camera.url),),
        Scripts({}),
        sources=Sources(clock=now_utc, open_timeout_s=4.0, read_timeout_s=1.5),
    )
    stage.authority.deployments = [live_deployment("van-1")]
    with running(stage):
        stage.becomes(ServiceState.LIVE, saying="")
        until(lambda: bool(stage.outbox.frames), "a sealed frame")
        camera.freeze()
        stage.becomes(ServiceState.NOT_RUNNING, saying="van-1: no answer in")
        sealed = len(stage.outbox.frames)
        camera.thaw()
        stage.becomes(ServiceState.LIVE, saying="")
        until(lambda: len(stage.outbox.frames) > sealed + 5, "frames are sealed again")
    frames = stage.outbox.frames
    # In order, and none of the time in which nothing could be seen.
    assert [f.captured_at for f in frames] == sorted(f.captured_at for f in frames)
    gaps = [
        (later.captured_at - sooner.captured_at).total_seconds()
        for sooner, later in itertools.pairwise(frames)
    ]
    assert max(gaps) > 1.4
