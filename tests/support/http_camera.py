"""Cameras that speak HTTP: a real server on loopback with MJPEG, a stream of bytes at its own pace, and files (HLS)."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import av
import cv2
import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]

_BOUNDARY = b"frame"
_TICK = Fraction(1, 90000)


@dataclass(slots=True)
class Pages:
    """What the server answers by path. ``asked`` are the paths asked for, in order."""

    streams: Mapping[str, tuple[str, Callable[[threading.Event], Iterator[bytes]]]] = field(
        default_factory=dict
    )
    texts: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def http_camera(pages: Pages) -> Iterator[str]:
    """Serve ``pages``; gives the address of the server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            pages.asked.append(path)
            with suppress(OSError):  # the reader may have left
                if path in pages.streams:
                    kind, chunks = pages.streams[path]
                    self.send_response(200)
                    self.send_header("Content-Type", kind)
                    self.end_headers()
                    for chunk in chunks(pages.closing):
                        self.wfile.write(chunk)
                elif path in pages.texts:
                    content = pages.texts[path]()
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                else:
                    self.send_error(404)

        def log_message(self, *_: object) -> None:
            """The test's output is not for it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        pages.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def jpeg_of(image: Image) -> bytes:
    done, jpeg = cv2.imencode(".jpg", image)
    assert done
    return jpeg.tobytes()


def claiming(jpeg: bytes, width: int, height: int) -> bytes:
    """The same JPEG with another size in its header: what follows is too short, but a decoder first makes room."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + jpeg[at + 4 :]


def mjpeg(
    jpegs: Callable[[], Iterator[bytes]], *, fps: float
) -> tuple[str, Callable[[threading.Event], Iterator[bytes]]]:
    """An MJPEG page: its pictures, as multipart, at ``fps``."""

    def chunks(closing: threading.Event) -> Iterator[bytes]:
        for jpeg in jpegs():
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
            yield b"--" + _BOUNDARY + b"\r\n" + head + jpeg + b"\r\n"
            if closing.wait(1 / fps):
                return

    return "multipart/x-mixed-replace; boundary=" + _BOUNDARY.decode(), chunks


def paced(
    pieces: Callable[[], Iterator[tuple[bytes, float]]], kind: str = "video/mp2t"
) -> tuple[str, Callable[[threading.Event], Iterator[bytes]]]:
    """A page of bytes, each piece followed by a wait in seconds."""

    def chunks(closing: threading.Event) -> Iterator[bytes]:
        for piece, wait_s in pieces():
            yield piece
            if closing.wait(wait_s):
                return

    return kind, chunks


def moving(number: int, width: int = 320, height: int = 240) -> Image:
    """(H, W, 3) uint8 BGR: a bright square that moves."""
    image = np.full((height, width, 3), 90, np.uint8)
    at = number * 8 % (width - 32)
    image[40:72, at : at + 32] = 220
    return image


def transport_stream(
    *, images: int, fps: int = 15, first_s: float = 0.0, sound_s: float = 0.0
) -> bytes:
    """MPEG-TS with H.264 from ``first_s`` on, a key frame a second, and ``sound_s`` seconds of sound if any."""
    content = BytesIO()
    with av.open(content, "w", format="mpegts") as container:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        video.options = {"preset": "ultrafast", "tune": "zerolatency"}
        video.codec_context.gop_size = fps
        audio = container.add_stream("aac", rate=8000, layout="mono") if sound_s else None
        for number in range(images):
            frame = av.VideoFrame.from_ndarray(moving(number), format="bgr24")
            frame.pts, frame.time_base = round((first_s + number / fps) * 90000), _TICK
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None:
            samples = np.zeros((1, 1024), np.float32)
            for block in range(int(sound_s * 8000 / 1024)):
                sound = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
                sound.sample_rate, sound.pts = 8000, block * 1024
                container.mux(audio.encode(sound))
            container.mux(audio.encode())
    return content.getvalue()


def write_segments(folder: Path, *, count: int, fps: int = 15) -> list[Path]:
    """Segments of one second each, one after the other in time."""
    paths = []
    for number in range(count):
        path = folder / f"segment{number}.ts"
        path.write_bytes(transport_stream(images=fps, fps=fps, first_s=10.0 + number))
        paths.append(path)
    return paths


def playlist(uris: list[str], *, first: int = 0, over: bool = False) -> bytes:
    """An HLS playlist of segments of one second."""
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:3",
        "#EXT-X-TARGETDURATION:1",
        f"#EXT-X-MEDIA-SEQUENCE:{first}",
    ]
    for uri in uris:
        lines += ["#EXTINF:1.0,", uri]
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if over else []), ""]).encode()
