"""One look at a camera."""

import threading
import time

import pytest
from lookout_capture.domain import CameraSpec
from lookout_capture.ports import SourceError
from lookout_capture.probe import CameraReport, probe
from lookout_capture.readings import (
    Irregularity,
    IrregularityKind,
    StreamDescription,
    Unreadable,
)
from unit.capture.capture_fakes import Script, Scripts, endless, raw_frame, script, utc_now

SECRET = "hunter2"
CAMERA = CameraSpec("van-1", f"rtsp://user:{SECRET}@camera/{SECRET}")
STREAM = StreamDescription(
    codec="hevc", width=1920, height=1080, pixel_format="yuv420p", transport="rtsp over tcp"
)


def _look(steps: Script, *, seconds: float = 0.3, patience_s: float = 2.0) -> CameraReport:
    return probe(
        CAMERA,
        Scripts({"van-1": [steps]}),
        clock=utc_now,
        seconds=seconds,
        patience_s=patience_s,
    )


def test_a_camera_that_works_is_described_with_what_was_measured() -> None:
    def steps() -> list[object]:
        return [STREAM, Unreadable("damaged"), Irregularity(IrregularityKind.TIME_BACK)]

    def working() -> object:
        yield from steps()
        yield from endless(every_s=0.02)

    report = _look(working)  # type: ignore[arg-type]  # a script is any iterable of steps
    assert report.works
    assert report.stream == STREAM
    assert report.images > 3
    assert report.fps is not None
    assert 10 < report.fps < 51
    assert report.first_image_s is not None
    assert report.first_image_s < 1
    assert dict(report.unreadable) == {"damaged": 1}
    assert dict(report.irregularities) == {IrregularityKind.TIME_BACK: 1}
    assert SECRET not in repr(report)


@pytest.mark.parametrize("kind", ["refused", "unreachable", "timeout", "missing", "no_video"])
def test_a_camera_that_fails_is_told_with_what_to_do(kind: str) -> None:
    report = _look(script(SourceError(kind, "it does not work")))
    assert not report.works
    assert report.failure == (kind, "it does not work")
    assert report.advice
    assert SECRET not in repr(report) + report.advice


def test_a_camera_whose_read_hangs_does_not_hang_whoever_looks() -> None:
    hang = threading.Event()
    started = time.monotonic()
    report = _look(script(hang), patience_s=0.2)
    assert time.monotonic() - started < 5
    assert report.failure is not None
    assert report.failure[0] == "stuck"
    hang.set()


def test_a_camera_that_gives_only_what_cannot_be_used_says_why() -> None:
    report = _look(script(Unreadable("1 x 1 pixels are too few to show a face")))
    assert report.failure == ("empty", "1 x 1 pixels are too few to show a face")


def test_a_camera_that_ends_its_stream_early_is_told() -> None:
    report = _look(script(raw_frame(), raw_frame()), seconds=5.0)
    assert report.images == 2
    assert report.failure is not None
    assert report.failure[0] == "ended"
