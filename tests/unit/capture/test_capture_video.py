"""Video files and streams, against real files and real sockets."""

import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from lookout_capture.adapters.video import VideoSource
from lookout_capture.domain import CameraSpec, Pacing
from lookout_capture.ports import SourceError
from lookout_capture.readings import RawFrame, SourceItem, Unreadable
from support.decoded import pixels_of, with_orientation
from unit.capture.capture_fakes import images_of, utc_now

SECRET = "hunter2"


def _no_pause(seconds: float) -> bool:
    del seconds
    return False


def _read(
    source: VideoSource,
) -> tuple[list[RawFrame], list[Unreadable]]:
    items = list(source.frames(_no_pause))
    return (
        [item for item in items if isinstance(item, RawFrame)],
        [item for item in items if isinstance(item, Unreadable)],
    )


def _video_file(
    path: Path, *, frames: int = 10, fps: float = 25.0, size: tuple[int, int] = (64, 48)
) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, size)
    for number in range(frames):
        writer.write(np.full((size[1], size[0], 3), (number * 20, 0, 0), np.uint8))
    writer.release()
    return path


def _file_source(path: Path, *, fps: float | None = None) -> VideoSource:
    return VideoSource(
        CameraSpec("van-1", str(path)), clock=utc_now, pacing=Pacing.AS_TAKEN, fps=fps
    )


# Video files.


def test_every_image_of_a_video_file_is_read_in_its_colours(tmp_path: Path) -> None:
    frames, unreadable = _read(_file_source(_video_file(tmp_path / "a.avi")))

    assert (len(frames), unreadable) == (10, [])
    last = pixels_of(frames[-1])
    assert last.shape == (48, 64, 3)
    assert (frames[-1].width, frames[-1].height) == (64, 48)
    blue, green, red = last.reshape(-1, 3).mean(axis=0)
    assert blue > 160
    assert max(green, red) < 20


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_video_taken_with_the_camera_on_its_side_is_turned_upright(
    tmp_path: Path, degrees: int
) -> None:
    path = tmp_path / "turned.mp4"
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24, :32] = 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(degrees)
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())

    frames, _ = _read(_file_source(path))

    # OpenCV turns by itself, and is the other opinion here.
    read, upright = cv2.VideoCapture(str(path)).read()
    assert read
    given = pixels_of(frames[0])
    assert (frames[0].height, frames[0].width) == given.shape[:2]
    assert given.shape == upright.shape
    assert np.abs(given.astype(int) - upright.astype(int)).mean() < 5


def test_a_camera_whose_pictures_carry_exif_is_read_and_turned(tmp_path: Path) -> None:
    # PyAV does not know FFmpeg's word for EXIF, and fails where all of a frame's metadata are looked through.
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24, :32] = 255
    jpeg = with_orientation(cv2.imencode(".jpg", image)[1].tobytes(), 6)
    path = tmp_path / "a.mjpeg"
    path.write_bytes(jpeg * 3)
    frames, unreadable = _read(_file_source(path))
    assert (len(frames), unreadable) == (3, [])
    for frame in frames:
        assert (frame.width, frame.height) == (48, 64)
        assert np.abs(pixels_of(frame).astype(int) - np.rot90(image, -1)).mean() < 5


def test_a_video_file_is_thinned_to_the_rate_asked_for(tmp_path: Path) -> None:
    frames, _ = _read(_file_source(_video_file(tmp_path / "a.avi", frames=25), fps=5.0))
    assert len(frames) == 5


def test_a_video_file_waits_until_each_image_is_due(tmp_path: Path) -> None:
    waited: list[float] = []
    now = 100.0

    def pause(seconds: float) -> bool:
        nonlocal now
        waited.append(seconds)
        now += seconds
        return False

    source = VideoSource(
        CameraSpec("van-1", str(_video_file(tmp_path / "a.avi", frames=5))),
        clock=utc_now,
        monotonic=lambda: now,
    )
    assert len(images_of(source.frames(pause))) == 5
    assert waited == pytest.approx([0.0, 0.04, 0.04, 0.04, 0.04])


def test_a_video_ends_at_once_when_told_to(tmp_path: Path) -> None:
    source = _file_source(_video_file(tmp_path / "a.avi"))
    assert images_of(source.frames(lambda _: True)) == []


def test_an_image_is_timed_when_it_is_played(tmp_path: Path) -> None:
    before = utc_now()
    frames, _ = _read(_file_source(_video_file(tmp_path / "a.avi", frames=2)))
    assert before <= frames[0].captured_at <= frames[1].captured_at <= utc_now()


def _missing(folder: Path) -> Path:
    return folder / "missing.mp4"


def _not_a_video(folder: Path) -> Path:
    path = folder / "bad.mp4"
    path.write_bytes(b"this is not a video" * 1000)
    return path


def _empty(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def _without_images(folder: Path) -> Path:
    return _video_file(folder / "none.avi", frames=0)


def _of_an_unknown_kind(folder: Path) -> Path:
    path = _video_file(folder / "unknown.avi")
    # FFmpeg knows the container, and has no decoder for what it names.
    known = path.read_bytes()
    path.write_bytes(known.replace(known[_fourcc(known) :][:4], b"ZZZZ"))
    return path


def _fourcc(avi: bytes) -> int:
    """Where an AVI's first stream names its kind of video."""
    return avi.index(b"vids") + 4


def _playlist(folder: Path) -> Path:
    path = folder / "list.m3u8"
    path.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n"
    )
    return path


@pytest.mark.parametrize(
    ("make", "kinds"),
    [
        (_empty, {"unreadable"}),
        (_missing, {"missing"}),
        (_not_a_video, {"unreadable"}),
        (_without_images, {"unreadable", "empty"}),
        (_of_an_unknown_kind, {"unreadable"}),
        (_playlist, {"unreadable", "empty", "no_video", "failed"}),
        (lambda folder: folder, {"folder"}),
    ],
)
def test_a_file_that_cannot_be_played_says_why(
    tmp_path: Path, make: Callable[[Path], Path], kinds: set[str]
) -> None:
    with pytest.raises(SourceError) as failed:
        _read(_file_source(make(tmp_path)))
    assert failed.value.kind in kinds
    assert failed.value.__context__ is None


def test_a_damaged_image_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    path = _video_file(tmp_path / "a.avi", frames=10, size=(320, 240))
    content = bytearray(path.read_bytes())
    # The sixth picture: its JPEG begins anew after the marker, and then is nothing.
    starts = [at for at in range(len(content)) if content[at : at + 3] == b"\xff\xd8\xff"]
    content[starts[5] : starts[6] - 16] = bytes(starts[6] - 16 - starts[5])
    path.write_bytes(content)

    frames, unreadable = _read(_file_source(path))

    assert len(frames) == 9
    assert len(unreadable) == 1


# Streams.


@contextmanager
def _server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server on loopback that answers each connection in a thread; gives its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            connections.append(connection)
            thread = threading.Thread(target=answer, args=(connection,))
            threads.append(thread)
            thread.start()

    accepting = threading.Thread(target=serve)
    accepting.start()
    try:
        yield listening.getsockname()[1]
    finally:
        # Closing alone does not wake a blocked accept.
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        accepting.join(5)
        for connection in connections:
            connection.close()
        for thread in threads:
            thread.join(5)


def _silence(connection: socket.socket) -> None:
    del connection


def _stream(url: str, *, timeout_s: float = 0.4) -> VideoSource:
    return VideoSource(
        CameraSpec("van-1", url),
        clock=utc_now,
        open_timeout_s=timeout_s,
        read_timeout_s=timeout_s,
    )


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_opening_a_camera_that_accepts_and_never_answers_times_out(
    scheme: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with _server(_silence) as port:
        started = time.monotonic()
        with pytest.raises(SourceError) as failed:
            _read(_stream(f"{scheme}://user:{SECRET}@127.0.0.1:{port}/{SECRET}"))
        took_s = time.monotonic() - started

    assert failed.value.kind == "timeout"
    assert took_s < 3
    _assert_hidden(failed.value, caplog, capfd)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (f"rtsp://user:{SECRET}@127.0.0.1:1/x", "unreachable"),
        (f"http://user:{SECRET}@127.0.0.1:1/x", "unreachable"),
    ],
)
def test_a_camera_out_of_reach_is_told_without_its_credentials(
    url: str,
    kind: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SourceError) as failed:
        _read(_stream(url))
    assert failed.value.kind == kind
    _assert_hidden(failed.value, caplog, capfd)


def _assert_hidden(
    error: SourceError, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    output = capfd.readouterr()
    shown = "".join(traceback.format_exception(error)) + caplog.text + output.out + output.err
    assert SECRET not in shown
    assert error.__context__ is None
    assert error.__cause__ is None


def _http_answer(status: str) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        connection.close()

    return answer


@pytest.mark.parametrize(
    ("status", "kind"), [("401 Unauthorized", "refused"), ("404 Not Found", "missing")]
)
def test_a_camera_that_refuses_says_so(status: str, kind: str) -> None:
    with _server(_http_answer(status)) as port, pytest.raises(SourceError) as failed:
        _read(_stream(f"http://user:{SECRET}@127.0.0.1:{port}/mjpg", timeout_s=2))
    assert failed.value.kind == kind


def _mjpeg(count: int) -> Callable[[socket.socket], None]:
    """Sends pictures as an HTTP MJPEG camera does, then keeps the connection and says nothing more."""

    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
        )
        for number in range(count):
            jpeg = cv2.imencode(".jpg", np.full((240, 320, 3), number * 9, np.uint8))[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            with suppress(OSError):  # the reader may have left
                connection.sendall(head.encode() + jpeg + b"\r\n")

    return answer


def test_an_mjpeg_camera_that_falls_silent_gives_its_images_and_then_times_out() -> None:
    frames: list[SourceItem] = []
    with _server(_mjpeg(20)) as port, pytest.raises(SourceError) as failed:
        frames.extend(
            iter(_stream(f"http://127.0.0.1:{port}/mjpg", timeout_s=1.0).frames(_no_pause))
        )
    assert failed.value.kind == "timeout"
    # Finding out what the stream is takes the first.
    assert len(images_of(frames)) >= 19


def test_images_of_an_mjpeg_camera_are_read() -> None:
    with _server(_mjpeg(20)) as port:
        items = _stream(f"http://127.0.0.1:{port}/mjpg", timeout_s=1.0).frames(_no_pause)
        first = next(item for item in items if isinstance(item, RawFrame))
        items.close()
    assert (first.width, first.height) == (320, 240)
