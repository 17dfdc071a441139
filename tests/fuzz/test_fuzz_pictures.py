"""Bytes of cameras and of frames as no camera should send them: told, counted, and never the end of a service."""

import resource
import tempfile
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import pytest
from av.video.stream import VideoStream
from hypothesis import given
from hypothesis import strategies as st
from lookout.hosting.platform import utc_now
from lookout_capture.adapters.folder import FolderSource
from lookout_capture.adapters.jpeg import JpegEncoder
from lookout_capture.adapters.video import VideoSource
from lookout_capture.domain import CameraSpec, Pacing
from lookout_capture.ports import EncodeError, FrameSource, SourceError
from lookout_capture.readings import RawFrame
from lookout_detection.imaging import BadImageError, decode_jpeg, preview_jpeg, thumbnail_jpeg
from support.decoded import with_orientation
from support.fuzzing import TRIED, fuzzed, spoiled

_WIDTH, _HEIGHT = 64, 48
_MOST_ITEMS = 400


def _picture(seed: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (_WIDTH, _HEIGHT)), dtype=np.uint8)


def _jpeg(*parameters: int) -> bytes:
    done, jpeg = cv2.imencode(".jpg", _picture(1), parameters)
    assert done
    return jpeg.tobytes()


JPEGS = [
    _jpeg(cv2.IMWRITE_JPEG_QUALITY, 90),
    _jpeg(cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    _jpeg(cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
]


def _file(suffix: str) -> bytes:
    done, content = cv2.imencode(suffix, _picture(1))
    assert done
    return content.tobytes()


PICTURES = [
    *JPEGS,
    with_orientation(JPEGS[0], 6),
    *map(_file, (".png", ".bmp", ".webp", ".tiff", ".gif")),
]


@st.composite
def claiming(draw: st.DrawFn) -> bytes:
    """A JPEG whose header states another size: a decoder makes room before it reads on."""
    jpeg = draw(st.sampled_from(JPEGS))
    at = max(jpeg.find(b"\xff\xc0"), jpeg.find(b"\xff\xc2")) + 5
    sides = st.sampled_from((0, 1, _WIDTH, 640, 4096, 65_535))
    size = draw(sides).to_bytes(2, "big") + draw(sides).to_bytes(2, "big")
    return jpeg[:at] + size + jpeg[at + 4 :]


def _video(suffix: str, codec: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        with av.open(str(path), "w") as container:
            stream = cast(VideoStream, container.add_stream(codec, rate=10))
            stream.width, stream.height = _WIDTH, _HEIGHT
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for number in range(6):
                frame = av.VideoFrame.from_ndarray(_picture(number), format="bgr24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path.read_bytes()


VIDEOS = {
    ".mp4": _video(".mp4", "libx264"),
    ".ts": _video(".ts", "libx264"),
    ".avi": _video(".avi", "mjpeg"),
    ".mkv": _video(".mkv", "mpeg4"),
}


@fuzzed(100)
@given(jpeg=st.one_of(st.binary(max_size=64), spoiled(st.sampled_from(JPEGS)), claiming()))
def test_a_spoiled_frame_is_a_bad_image_or_a_whole_one(jpeg: bytes) -> None:
    TRIED["detection: JPEGs"] += 1
    try:
        image = decode_jpeg(jpeg, width=_WIDTH, height=_HEIGHT)
    except BadImageError:
        return
    assert image.shape == (_HEIGHT, _WIDTH, 3)


def test_a_frame_that_claims_a_giant_size_costs_no_memory() -> None:
    at = JPEGS[0].index(b"\xff\xc0") + 5
    giant = JPEGS[0][:at] + (30_000).to_bytes(2, "big") * 2 + JPEGS[0][at + 4 :]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadImageError, match="30000 x 30000"):
        decode_jpeg(giant, width=_WIDTH, height=_HEIGHT)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


@fuzzed(80)
@given(boxes=st.lists(st.lists(st.floats(-1e9, 1e9), min_size=4, max_size=4), max_size=4))
def test_boxes_anywhere_can_be_hidden_and_cut(boxes: list[list[float]]) -> None:
    TRIED["detection: boxes"] += 1
    image = _picture(1)
    found = np.asarray(boxes, dtype=np.float32).reshape(-1, 4)
    assert preview_jpeg(image, found, longest=64)
    for box in found:
        assert thumbnail_jpeg(image, box, found)


@fuzzed(120)
@given(content=st.one_of(spoiled(st.sampled_from(PICTURES)), claiming()))
def test_a_spoiled_picture_of_a_camera_is_sent_on_or_unreadable(content: bytes) -> None:
    TRIED["capture: pictures of a folder"] += 1
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.jpg").write_bytes(content)
        camera = CameraSpec("van-1", f"folder:{folder}")
        for frame in _images(FolderSource(camera, clock=utc_now, pacing=Pacing.AS_TAKEN)):
            _sent_on_and_looked_at(frame)


@fuzzed(40)
@given(data=st.data())
def test_a_spoiled_video_is_read_as_far_as_it_goes(data: st.DataObject) -> None:
    TRIED["capture: videos"] += 1
    suffix = data.draw(st.sampled_from(sorted(VIDEOS)))
    video = data.draw(st.one_of(st.binary(max_size=64), spoiled(st.just(VIDEOS[suffix]))))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        path.write_bytes(video)
        source = VideoSource(CameraSpec("van-1", str(path)), clock=utc_now, pacing=Pacing.AS_TAKEN)
        for frame in _images(source):
            _sent_on_and_looked_at(frame)


def _images(source: FrameSource) -> list[RawFrame]:
    found: list[RawFrame] = []
    items = 0
    try:
        for item in source.frames(lambda _seconds: False):
            items += 1
            assert items < _MOST_ITEMS
            if isinstance(item, RawFrame):
                found.append(item)
    except SourceError:
        pass
    return found


def _sent_on_and_looked_at(frame: RawFrame) -> None:
    """As capture seals it, and as detection opens it."""
    try:
        image = JpegEncoder(max_side=1920).encode(frame)
    except EncodeError:
        return
    try:
        decode_jpeg(image.jpeg, width=image.width, height=image.height)
    except BadImageError:
        return
