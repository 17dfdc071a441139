"""A camera of the tool's own: MJPEG over HTTP, on the loopback, in which one enrolled person passes again and again.

Everybody else in its pictures is a stranger. When the person was to be seen is written down as it is shown, whether or not anybody
was looking.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame

from lookout_cli.chaos.account import PlantedPass

CAMERA: Final = "street"
# Of the demonstration's footage: the enrolled person's second pass, and strangers.
_SHOWN_S: Final = (15.4, 19.4)
_EMPTY_S: Final = 6.0
_LATE: Final = timedelta(seconds=1)
_BOUNDARY: Final = b"picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reel:
    """JPEGs at ``fps``, shown in a loop; the person is to be seen in the first ``shown`` of them."""

    jpegs: Sequence[bytes]
    shown: int
    fps: float


def reel_of(footage: Path, fps: float) -> Reel:
    """The pass cut from the demonstration's footage, and then an empty street. Blocks for some seconds."""
    begin_s, end_s = _SHOWN_S
    with av.open(str(footage)) as container:
        pictures: list[bytes] = []
        empty = b""
        for frame in container.decode(video=0):
            at_s = float(frame.time or 0.0)
            if not empty:
                empty = _jpeg(frame)
            if at_s >= begin_s + len(pictures) / fps and at_s < end_s:
                pictures.append(_jpeg(frame))
    return Reel(jpegs=[*pictures, *[empty] * round(_EMPTY_S * fps)], shown=len(pictures), fps=fps)


class PlantedCamera:
    """Plays a reel in a loop at its own pace, as a camera does, to whoever is connected."""

    def __init__(self, reel: Reel, *, entry_id: str, clock: Callable[[], datetime]) -> None:
        self._reel, self._entry_id, self._clock = reel, entry_id, clock
        self._changed = threading.Condition()
        self._number = 0
        self._stop = threading.Event()
        self._planted: list[PlantedPass] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._threads = [
            threading.Thread(target=self._play, name="reel", daemon=True),
            threading.Thread(target=self._server.serve_forever, name="camera", daemon=True),
        ]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to play."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._server.shutdown()
        for thread in self._threads:
            thread.join()
        self._server.server_close()

    def planted(self) -> tuple[PlantedPass, ...]:
        """The passes that are over."""
        return tuple(self._planted)

    def _play(self) -> None:
        began, shown_at = time.monotonic(), self._clock()
        count = len(self._reel.jpegs)
        while not self._stop.is_set():
            with self._changed:
                self._number += 1
                self._changed.notify_all()
            place = self._number % count
            if place == 0:
                shown_at = self._clock()
            elif place == self._reel.shown:
                self._passed(shown_at)
            due = began + self._number / self._reel.fps
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _passed(self, shown_at: datetime) -> None:
        self._planted.append(
            PlantedPass(
                pass_id=f"{CAMERA}-{len(self._planted)}",
                entry_id=self._entry_id,
                camera_id=CAMERA,
                begins=shown_at,
                ends=self._clock() + _LATE,
                frames=self._reel.shown,
            )
        )

    def _next(self, after: int) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self._number > after or self._stop.is_set(), 1.0)
            return self._number

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                kind = f"multipart/x-mixed-replace; boundary={_BOUNDARY.decode()}"
                self.send_header("Content-Type", kind)
                self.end_headers()
                number = camera._number
                with contextlib.suppress(OSError):  # the reader may have left
                    while not camera._stop.is_set():
                        number = camera._next(number)
                        self.wfile.write(
                            _part(camera._reel.jpegs[number % len(camera._reel.jpegs)])
                        )

            def log_message(self, *_: object) -> None:
                """Who connects is no news."""

        return Handler


def _part(jpeg: bytes) -> bytes:
    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
    return b"--" + _BOUNDARY + b"\r\n" + head + jpeg + b"\r\n"


def _jpeg(frame: VideoFrame) -> bytes:
    image = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return encoded.tobytes()
