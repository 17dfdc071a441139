"""Folders, and the JPEG that is sealed."""

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
from av.video.reformatter import ColorRange, Colorspace
from lookout_capture.adapters.folder import FolderSource
from lookout_capture.adapters.jpeg import JpegEncoder
from lookout_capture.adapters.sources import Sources
from lookout_capture.adapters.video import VideoSource
from lookout_capture.adapters.webcam import WebcamSource
from lookout_capture.domain import CameraSpec, Pacing
from lookout_capture.ports import EncodeError, SourceError
from lookout_capture.readings import RawFrame, Unreadable
from support.decoded import decoded, pixels_of, with_exif, with_orientation
from unit.capture.capture_fakes import raw_frame, utc_now

Image = npt.NDArray[np.uint8]


def _no_pause(seconds: float) -> bool:
    del seconds
    return False


def _read(source: FolderSource) -> tuple[list[RawFrame], list[Unreadable]]:
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

    brightness = [round(float(pixels_of(frame).mean())) for frame in frames]
    assert brightness == [50, 200]
    assert [f.jpeg is not None for f in frames] == [True, False]
    assert (frames[0].width, frames[0].height) == (30, 20)
    assert sorted(item.detail for item in unreadable) == [
        "c.jpg: it is no picture that can be read",
        "d.jpg is empty",
        "notes.txt: it is no picture that can be read",
    ]


def test_a_path_that_is_a_folder_is_read_as_one(tmp_path: Path) -> None:
    sources = Sources(clock=utc_now)
    assert isinstance(sources(CameraSpec("a", str(tmp_path))), FolderSource)
    assert isinstance(sources(CameraSpec("a", str(tmp_path / "x.mp4"))), VideoSource)
    assert isinstance(sources(CameraSpec("a", "rtsp://h/x")), VideoSource)
    assert isinstance(sources(CameraSpec("a", "0")), WebcamSource)


@pytest.mark.parametrize(
    ("size", "told"), [((1, 1), "1 x 1 pixels"), ((8000, 7000), "more than 50 million pixels")]
)
def test_a_picture_of_a_folder_that_is_too_small_or_too_large_is_told_and_passed_over(
    tmp_path: Path, size: tuple[int, int], told: str
) -> None:
    for name, (width, height) in (("a", size), ("b", (64, 48))):
        assert cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros((height, width), np.uint8))
    frames, unreadable = _read(
        FolderSource(CameraSpec("van-1", f"folder:{tmp_path}"), clock=utc_now)
    )
    assert [(frame.width, frame.height) for frame in frames] == [(64, 48)]
    assert [told in item.detail for item in unreadable] == [True]


def _street(width: int = 96, height: int = 64) -> Image:
    """No two corners alike, in colours of all kinds, without edges that formats treat differently."""
    down, across = np.mgrid[0:height, 0:width]
    blue, green, red = 40 + 2 * across, 220 - 2 * across - down, 20 + 3 * down
    return np.stack([blue, green, red], axis=-1).clip(0, 255).astype(np.uint8)


def _read_one(folder: Path) -> RawFrame:
    (frame,), unreadable = _read(_folder_source(folder))
    assert not unreadable
    return frame


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp", "tiff", "gif"])
def test_pictures_of_every_kind_show_what_they_show_elsewhere(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    assert cv2.imwrite(str(path), _street())
    elsewhere = cv2.imread(str(path))
    frame = _read_one(tmp_path)
    assert elsewhere is not None
    assert (frame.jpeg is not None) == (suffix == "jpg")
    assert (frame.height, frame.width) == (64, 96)
    assert np.abs(pixels_of(frame).astype(int) - elsewhere).mean() < 2
    sealed = _seen(JpegEncoder(quality=100).encode(frame).jpeg)
    # Smoothed, because a GIF's few colours lie beside one another, and 4:2:0 mixes them.
    apart = cv2.blur(sealed, (8, 8)).astype(int) - cv2.blur(elsewhere, (8, 8))
    assert np.abs(apart).mean() < 3


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((32, 48), 40_000, np.uint16),
        np.full((32, 48, 3), 40_000, np.uint16),
        np.full((32, 48), 156, np.uint8),
        np.full((32, 48, 4), 156, np.uint8),
    ],
    ids=["grey 16", "colour 16", "grey 8", "transparent"],
)
def test_depths_and_transparency_are_read_as_elsewhere(
    tmp_path: Path, pixels: npt.NDArray[np.integer[Any]]
) -> None:
    assert cv2.imwrite(str(tmp_path / "a.png"), pixels)
    assert abs(float(pixels_of(_read_one(tmp_path)).mean()) - 156) < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright_by_its_exif_and_sealed_so(
    tmp_path: Path, orientation: int
) -> None:
    jpeg = with_orientation(cv2.imencode(".jpg", _street())[1].tobytes(), orientation)
    (tmp_path / "a.jpg").write_bytes(jpeg)
    upright = cv2.imread(str(tmp_path / "a.jpg"))
    assert upright is not None
    frame = _read_one(tmp_path)
    sealed = JpegEncoder(quality=100).encode(frame)
    assert (frame.height, frame.width) == (sealed.height, sealed.width) == upright.shape[:2]
    assert np.abs(pixels_of(frame).astype(int) - upright).mean() < 2
    # As detection opens it: metadata turn nothing there.
    assert np.abs(_seen(sealed.jpeg).astype(int) - upright).mean() < 3
    assert (sealed.jpeg == jpeg) == (orientation == 1)
    assert (b"Exif" in sealed.jpeg) == (orientation == 1)


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_pictures_other_than_jpegs_are_turned_too_and_once(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    stored = _street()
    PIL.Image.fromarray(stored[..., ::-1]).save(tmp_path / f"a.{suffix}", exif=exif)
    turned = {1: stored, 6: np.rot90(stored, -1), 7: np.rot90(stored, -1)[::-1]}[orientation]
    shown = pixels_of(_read_one(tmp_path))
    assert shown.shape == turned.shape
    assert np.abs(shown.astype(int) - turned).mean() < 3


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"garbage",
        b"II*\0",
        b"II*\0" + struct.pack("<IH", 8, 500),
        b"II*\0" + struct.pack("<IHHHII", 8, 1, 0x0112, 5, 1, 0xFFFF0000),
        b"II*\0" + struct.pack("<IHHHIHH", 8, 1, 0x0112, 3, 1, 99, 0) + bytes(4),
        b"II*\0" + struct.pack("<IHHHI", 8, 1, 0x0112, 2, 4) + b"abc\0" + bytes(4),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_picture_whose_exif_is_damaged_is_read_as_it_is(tmp_path: Path, exif: bytes) -> None:
    jpeg = with_exif(cv2.imencode(".jpg", _street())[1].tobytes(), exif)
    (tmp_path / "a.jpg").write_bytes(jpeg)
    frame = _read_one(tmp_path)
    assert frame.jpeg == jpeg
    assert (frame.height, frame.width) == (64, 96)


def test_a_jpeg_that_lacks_its_end_is_no_picture(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)
    whole = cv2.imencode(".jpg", noise)[1].tobytes()
    for tenths in range(1, 10):
        (tmp_path / f"{tenths}.jpg").write_bytes(whole[: len(whole) * tenths // 10])
    (tmp_path / "whole.jpg").write_bytes(whole)
    frames, unreadable = _read(_folder_source(tmp_path))
    assert [frame.jpeg for frame in frames] == [whole]
    assert len(unreadable) == 9


@pytest.mark.parametrize(
    ("appended", "as_it_is"), [(b"", True), (bytes(8), True), (b"more", False)]
)
def test_what_follows_a_jpeg_is_not_sealed(
    tmp_path: Path, appended: bytes, *, as_it_is: bool
) -> None:
    jpeg = cv2.imencode(".jpg", _street())[1].tobytes() + appended
    (tmp_path / "a.jpg").write_bytes(jpeg)
    sealed = JpegEncoder().encode(_read_one(tmp_path)).jpeg
    assert (sealed == jpeg) == as_it_is
    assert b"more" not in sealed


# JPEG.


def _seen(jpeg: bytes) -> Image:
    """What another decoder makes of it, without looking at metadata: (H, W, 3) uint8 BGR."""
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), flags)
    assert shown is not None
    return np.asarray(shown, dtype=np.uint8)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "yuv422p10le", "nv12", "yuyv422"])
@pytest.mark.parametrize("matrix", [Colorspace.ITU601, Colorspace.ITU709])
@pytest.mark.parametrize("full_range", [False, True])
def test_colours_are_right_whatever_matrix_and_range_a_camera_has(
    pixel_format: str, matrix: Colorspace, *, full_range: bool
) -> None:
    image = _street()
    picture = decoded(image).reformat(
        format=pixel_format,
        dst_colorspace=matrix,
        dst_color_range=ColorRange.JPEG if full_range else ColorRange.MPEG,
    )
    raw = RawFrame(picture=picture, jpeg=None, captured_at=utc_now(), width=96, height=64)
    jpeg = JpegEncoder(quality=100).encode(raw).jpeg
    assert jpeg[6:10] == b"JFIF"
    assert np.abs(_seen(jpeg).astype(int) - image).mean() < 4


@pytest.mark.parametrize("quality", [50, 75, 90, 100])
def test_quality_means_what_it_means_to_everybody_else(quality: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
    elsewhere = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()
    raw = RawFrame(picture=decoded(image), jpeg=None, captured_at=utc_now(), width=96, height=64)
    ours = JpegEncoder(quality=quality).encode(raw).jpeg
    assert _tables(ours) == _tables(elsewhere)
    assert np.abs(_seen(ours).astype(int) - _seen(elsewhere)).mean() < 1


def _tables(jpeg: bytes) -> list[bytes]:
    """Its quantisation tables."""
    return [part[2:67] for part in jpeg.split(b"\xff\xdb")[1:]]


def test_images_of_many_kinds_in_turn_are_each_compressed_as_they_are() -> None:
    encoder = JpegEncoder(max_side=50)
    for number in [*range(40), *range(40)]:
        encoded = encoder.encode(raw_frame(width=40 + number, height=30, value=5 * number))
        assert abs(float(_seen(encoded.jpeg).mean()) - 5 * number) < 2
        assert encoded.width == min(50, 40 + number)


def test_nothing_is_no_jpeg() -> None:
    empty = RawFrame(picture=None, jpeg=None, captured_at=utc_now(), width=0, height=0)
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
    shown = _seen(encoded.jpeg)
    assert (encoded.width, encoded.height) == wanted
    assert shown.shape[:2] == (wanted[1], wanted[0])
    assert abs(float(shown.mean()) - 128) < 2


def test_a_jpeg_that_is_small_enough_is_passed_on_untouched() -> None:
    jpeg = cv2.imencode(".jpg", np.zeros((20, 30, 3), np.uint8))[1].tobytes()
    raw = RawFrame(picture=None, jpeg=jpeg, captured_at=utc_now(), width=30, height=20)
    assert JpegEncoder(max_side=30).encode(raw).jpeg == jpeg
    smaller = JpegEncoder(max_side=15).encode(raw)
    assert (smaller.width, smaller.height) == (15, 10)
