"""Folders, webcams, and the JPEG that is sealed."""

from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from lookout_capture.adapters.folder import FolderSource
from lookout_capture.adapters.jpeg import JpegEncoder
from lookout_capture.adapters.sources import Sources
from lookout_capture.adapters.video import VideoSource
from lookout_capture.adapters.webcam import Device, WebcamSource
from lookout_capture.domain import CameraSpec, Pacing
from lookout_capture.ports import EncodeError, SourceError
from lookout_capture.readings import RawFrame, SourceItem, StreamDescription, Unreadable
from unit.capture.capture_fakes import images_of, raw_frame, utc_now

Image = npt.NDArray[np.uint8]


def _no_pause(seconds: float) -> bool:
    del seconds
    return False


def _read(source: FolderSource | WebcamSource) -> tuple[list[RawFrame], list[Unreadable]]:
    items = list(source.frames(_no_pause))
    return (
        [item for item in items if isinstance(item, RawFrame)],
        [item for item in items if isinstance(item, Unreadable)],
    )


# Folders.


def _folder_source(path: Path) -> FolderSource:
    return FolderSource(
        CameraSpec("van-1", f"folder:{path}"), clock=utc_now, pacing=Pacing.AS_TAKEN
    )


def test_a_folder_without_pictures_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no picture") as failed:
        _read(_folder_source(tmp_path))
    assert failed.value.kind == "empty"


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder") as failed:
        _read(_folder_source(tmp_path / "missing"))
    assert failed.value.kind == "missing"


def test_pictures_of_a_folder_come_in_the_order_of_their_names_and_others_are_told(
    tmp_path: Path,
) -> None:
    for name, value in [("b.png", 200), ("a.jpg", 50)]:
        cv2.imwrite(str(tmp_path / name), np.full((20, 30, 3), value, np.uint8))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "c.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:100])
    (tmp_path / "d.jpg").touch()
    (tmp_path / ".hidden").write_text("hidden")
    (tmp_path / "folder").mkdir()

    frames, unreadable = _read(_folder_source(tmp_path))

    brightness = [round(float(f.image_bgr.mean())) for f in frames if f.image_bgr is not None]
    assert brightness == [50, 200]
    assert [f.jpeg is not None for f in frames] == [True, False]
    assert (frames[0].width, frames[0].height) == (30, 20)
    assert sorted(item.detail for item in unreadable) == [
        "c.jpg is not a picture",
        "d.jpg is empty",
        "notes.txt is not a picture",
    ]


def test_a_path_that_is_a_folder_is_read_as_one(tmp_path: Path) -> None:
    sources = Sources(clock=utc_now)
    assert isinstance(sources(CameraSpec("a", str(tmp_path))), FolderSource)
    assert isinstance(sources(CameraSpec("a", str(tmp_path / "x.mp4"))), VideoSource)
    assert isinstance(sources(CameraSpec("a", "rtsp://h/x")), VideoSource)
    assert isinstance(sources(CameraSpec("a", "0")), WebcamSource)


# Webcams.


class FakeDevice:
    """A webcam with a few images."""

    def __init__(self, images: list[Image], *, opened: bool = True) -> None:
        self._images = images
        self._opened = opened
        self.released = False

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self._opened

    def read(self) -> tuple[bool, Image | None]:
        return (True, self._images.pop(0)) if self._images else (False, None)

    def release(self) -> None:
        self.released = True


def _webcam(device: FakeDevice) -> WebcamSource:
    return WebcamSource(CameraSpec("van-1", "0"), clock=utc_now, device=lambda _: device)


def test_a_webcam_that_cannot_be_opened_says_so_and_is_released() -> None:
    device = FakeDevice([], opened=False)
    with pytest.raises(SourceError, match="plugged in"):
        _read(_webcam(device))
    assert device.released


def test_a_webcam_gives_its_images_until_it_is_gone() -> None:
    device = FakeDevice([np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8)])
    items: list[SourceItem] = []
    with pytest.raises(SourceError, match="gives no more") as failed:
        items.extend(iter(_webcam(device).frames(_no_pause)))
    assert failed.value.kind == "ended"
    assert device.released


def test_an_image_of_a_webcam_is_a_copy_and_an_unexpected_shape_is_told() -> None:
    image = np.zeros((32, 48, 3), np.uint8)
    frames = _webcam(FakeDevice([image, np.zeros((4, 6), np.uint8)])).frames(_no_pause)
    described, first, second = next(frames), next(frames), next(frames)
    frames.close()
    image[:] = 255
    assert isinstance(described, StreamDescription)
    assert isinstance(first, RawFrame)
    assert first.image_bgr is not None
    assert first.image_bgr.max() == 0
    assert second == Unreadable("wanted (H, W, 3) uint8, got (4, 6) uint8")


def test_a_webcam_is_read_as_opencv_reads_it(tmp_path: Path) -> None:
    # There is no camera to be had here: OpenCV reads a file in its place, by the same class and calls.
    path = tmp_path / "walk.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (64, 48))
    for number in range(6):
        writer.write(np.full((48, 64, 3), (number * 40, 0, 0), np.uint8))
    writer.release()
    items: list[SourceItem] = []
    source = WebcamSource(
        CameraSpec("van-1", "0"),
        clock=utc_now,
        device=lambda _: cast("Device", cv2.VideoCapture(str(path))),
    )
    with pytest.raises(SourceError, match="gives no more"):
        items.extend(iter(source.frames(_no_pause)))
    described, *images = items
    assert isinstance(described, StreamDescription)
    assert (described.width, described.height, described.transport) == (64, 48, "webcam")
    blues = [
        float(image.image_bgr[..., 0].mean())
        for image in images_of(images)
        if image.image_bgr is not None
    ]
    assert blues == pytest.approx([0, 40, 80, 120, 160, 200], abs=6)


def test_a_webcam_that_changes_its_size_is_read_on_and_told() -> None:
    device = FakeDevice([np.zeros((48, 64, 3), np.uint8), np.zeros((96, 128, 3), np.uint8)])
    items: list[SourceItem] = []
    with pytest.raises(SourceError):
        items.extend(iter(_webcam(device).frames(_no_pause)))
    assert [type(item).__name__ for item in items] == [
        "StreamDescription",
        "RawFrame",
        "Irregularity",
        "StreamDescription",
        "RawFrame",
    ]


@pytest.mark.parametrize("size", [(1, 1), (8000, 7000)])
def test_a_picture_of_a_folder_that_is_too_small_or_too_large_is_told_and_passed_over(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    for name, (width, height) in (("a", size), ("b", (64, 48))):
        assert cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros((height, width), np.uint8))
    frames, unreadable = _read(
        FolderSource(CameraSpec("van-1", f"folder:{tmp_path}"), clock=utc_now)
    )
    assert [(frame.width, frame.height) for frame in frames] == [(64, 48)]
    assert [str(size[0]) in item.detail for item in unreadable] == [True]


# JPEG.


def test_nothing_is_no_jpeg() -> None:
    empty = RawFrame(image_bgr=None, jpeg=None, captured_at=utc_now(), width=0, height=0)
    with pytest.raises(EncodeError):
        JpegEncoder().encode(empty)


def test_an_image_that_cannot_be_compressed_is_refused() -> None:
    with pytest.raises(EncodeError, match="70000 x 1"):
        JpegEncoder(max_side=100_000).encode(raw_frame(width=70_000, height=1))


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((64, 48), (64, 48)), ((100, 50), (100, 50)), ((400, 200), (100, 50)), ((30, 600), (5, 100))],
)
def test_an_image_is_compressed_and_scaled_down_only_if_too_large(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    encoded = JpegEncoder(max_side=100).encode(raw_frame(width=size[0], height=size[1]))
    decoded = cv2.imdecode(np.frombuffer(encoded.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert (encoded.width, encoded.height) == wanted
    assert decoded.shape[:2] == (wanted[1], wanted[0])
    assert abs(float(decoded.mean()) - 128) < 2


def test_a_jpeg_that_is_small_enough_is_passed_on_untouched() -> None:
    jpeg = cv2.imencode(".jpg", np.zeros((20, 30, 3), np.uint8))[1].tobytes()
    raw = RawFrame(image_bgr=None, jpeg=jpeg, captured_at=utc_now(), width=30, height=20)
    assert JpegEncoder(max_side=30).encode(raw).jpeg == jpeg
    smaller = JpegEncoder(max_side=15).encode(raw)
    assert (smaller.width, smaller.height) == (15, 10)
