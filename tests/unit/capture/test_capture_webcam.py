"""Webcams: by a device of the tests' own, and by FFmpeg's device with a file in the camera's place."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from lookout_capture.adapters import webcam
from lookout_capture.adapters.webcam import Device, OpenedDevice, WebcamSource, open_device
from lookout_capture.domain import CameraSpec
from lookout_capture.ports import SourceError
from lookout_capture.readings import RawFrame, SourceItem, StreamDescription, Unreadable
from support.decoded import decoded, pixels_of
from unit.capture.capture_fakes import images_of, utc_now


def _no_pause(seconds: float) -> bool:
    del seconds
    return False


def _image(width: int, height: int, value: int = 0) -> VideoFrame:
    return decoded(np.full((height, width, 3), value, np.uint8))


class FakeDevice:
    """A webcam with a few images; None stands for a look that came too early."""

    codec = "rawvideo"

    def __init__(self, images: Sequence[VideoFrame | Unreadable | None]) -> None:
        self._images = list(images)
        self.closed = False

    def read(self) -> VideoFrame | Unreadable | None:
        if not self._images:
            raise EOFError
        return self._images.pop(0)

    def close(self) -> None:
        self.closed = True


def _recorded(path: Path, *, images: int, codec: str = "rawvideo") -> Path:
    """A file that is read in place of a camera: there is none to be had here, but the class and its calls are the same."""
    with av.open(str(path), "w", format="nut") as container:
        stream = cast("VideoStream", container.add_stream(codec, rate=25))
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuyv422"
        for number in range(images):
            container.mux(stream.encode(_image(64, 48, number * 40)))
        container.mux(stream.encode())
    return path


def _opened(path: Path) -> OpenedDevice:
    return OpenedDevice(av.open(str(path)))


def _webcam(device: Device) -> WebcamSource:
    return WebcamSource(CameraSpec("van-1", "0"), clock=utc_now, device=lambda _: device)


def _read(source: WebcamSource) -> list[SourceItem]:
    items: list[SourceItem] = []
    with pytest.raises(SourceError, match="gives no more") as failed:
        items.extend(iter(source.frames(_no_pause)))
    assert failed.value.kind == "ended"
    return items


@pytest.fixture(name="device", params=["fake", "rawvideo", "mjpeg"])
def device_fixture(request: pytest.FixtureRequest, tmp_path: Path) -> Device:
    """What reads three images, of brightness 0, 40 and 80."""
    kind = cast("str", request.param)
    if kind == "fake":
        return FakeDevice([_image(64, 48, 0), _image(64, 48, 40), _image(64, 48, 80)])
    return _opened(_recorded(tmp_path / "camera.nut", images=3, codec=kind))


def test_a_device_gives_its_images_and_then_says_that_it_is_gone(device: Device) -> None:
    images = [device.read() for _ in range(3)]
    assert all(isinstance(image, VideoFrame) for image in images)
    with pytest.raises(EOFError):
        device.read()
    device.close()


def test_a_webcam_gives_its_images_until_it_is_gone(device: Device) -> None:
    described, *images = _read(_webcam(device))
    assert isinstance(described, StreamDescription)
    assert (described.width, described.height, described.transport) == (64, 48, "webcam")
    assert described.codec == device.codec
    shown = [float(pixels_of(image).mean()) for image in images_of(images)]
    assert shown == pytest.approx([0, 40, 80], abs=3)


def test_an_image_outlives_the_camera_that_is_closed(tmp_path: Path) -> None:
    # A decoder of raw images hands on the memory that they came in.
    device = _opened(_recorded(tmp_path / "camera.nut", images=2))
    frames = _webcam(device).frames(_no_pause)
    kept = [
        item for item in (next(frames), next(frames), next(frames)) if isinstance(item, RawFrame)
    ]
    frames.close()
    assert [round(float(pixels_of(frame).mean()), -1) for frame in kept] == [0, 40]


def test_a_webcam_that_is_not_there_says_so() -> None:
    with pytest.raises(
        SourceError, match="webcam 4242 cannot be opened: is it plugged in"
    ) as failed:
        open_device(4242)
    assert failed.value.kind == "missing"
    assert failed.value.__context__ is None


def test_ffmpeg_reads_webcams_in_this_build() -> None:
    # Without it, what the test above sees would be another kind of missing.
    assert "v4l2" in {name for names in av.formats_available for name in names.split(",")}


def test_a_webcam_that_changes_its_size_is_read_on_and_told() -> None:
    device = FakeDevice([_image(64, 48), _image(128, 96)])
    assert [type(item).__name__ for item in _read(_webcam(device))] == [
        "StreamDescription",
        "RawFrame",
        "Irregularity",
        "StreamDescription",
        "RawFrame",
    ]
    assert device.closed


def test_what_a_webcam_sends_that_is_no_image_is_told_and_passed_over() -> None:
    device = FakeDevice([Unreadable("damaged"), _image(8, 8), _image(64, 48)])
    items = [item for item in _read(_webcam(device)) if isinstance(item, RawFrame | Unreadable)]
    assert [type(item).__name__ for item in items] == ["Unreadable", "Unreadable", "RawFrame"]
    assert items[1] == Unreadable("8 x 8 pixels are too few to show a face")


def test_a_webcam_from_which_nothing_comes_is_waited_for_and_then_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0

    def pause(seconds: float) -> bool:
        nonlocal now
        now += seconds
        return False

    monkeypatch.setattr(webcam, "_SILENT_S", 1.0)
    device = FakeDevice([None] * 100 + [_image(64, 48)] + [None] * 1000)
    source = WebcamSource(
        CameraSpec("van-1", "0"), clock=utc_now, device=lambda _: device, monotonic=lambda: now
    )
    items: list[SourceItem] = []
    with pytest.raises(SourceError, match="gave no image for 1") as failed:
        items.extend(iter(source.frames(pause)))
    assert failed.value.kind == "timeout"
    assert len(images_of(items)) == 1
    assert device.closed


def test_a_webcam_is_left_when_told_to_although_nothing_comes_from_it() -> None:
    asked = iter([False, False, True])
    device = FakeDevice([None] * 10)
    assert list(_webcam(device).frames(lambda _: next(asked))) == []
    assert device.closed
