"""A real RTSP server on loopback that can be stopped, frozen and begun again on the same port."""

import functools
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

# Debian's, because python3-gi belongs to it.
PYTHON = "/usr/bin/python3"
_SERVER = Path(__file__).parent / "rtsp_server.py"
_WANTED = (
    "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0')\n"
    "from gi.repository import Gst, GstRtspServer; Gst.init(None)\n"
    "missing = [e for e in ('appsrc', 'x264enc', 'rtph264pay') if not Gst.ElementFactory.find(e)]\n"
    "raise SystemExit(f'GStreamer lacks {missing}' if missing else 0)\n"
)
_BITS_IN_A_ROW, _BLOCK = 16, 8


@functools.cache
def why_no_rtsp() -> str | None:
    """Why no RTSP server can be started here, or None when one can."""
    advice = (
        "apt-get install gir1.2-gst-rtsp-server-1.0 gir1.2-gst-plugins-base-1.0 "
        "gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly python3-gi"
    )
    try:
        done = subprocess.run(
            [PYTHON, "-c", _WANTED], capture_output=True, text=True, timeout=30, check=False
        )
    except OSError:
        return f"no RTSP server: {PYTHON} is missing; on Debian: {advice}"
    if done.returncode:
        return f"no RTSP server: {done.stderr.strip().splitlines()[-1]}; on Debian: {advice}"
    return None


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def clock_of(image_bgr: npt.NDArray[np.uint8]) -> int:
    """Milliseconds of the day's clock (modulo 2**32) that the server burnt into an image, (H, W, 3) uint8 BGR."""
    value = 0
    for half in range(2):
        for bit in range(_BITS_IN_A_ROW):
            y, x = half * _BLOCK + _BLOCK // 2, bit * _BLOCK + _BLOCK // 2
            value |= int(image_bgr[y, x, 1] > 128) << (half * _BITS_IN_A_ROW + bit)
    return value


@dataclass(slots=True)
class RtspCamera:
    """The server's process. ``credentials`` are "user:password"."""

    credentials: str = ""
    auth: Literal["basic", "digest"] = "basic"
    width: int = 320
    height: int = 240
    fps: int = 15
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it is, with its credentials."""
        return self.url_with(self.credentials)

    def url_with(self, credentials: str) -> str:
        """Where it is, with other credentials."""
        return f"rtsp://{credentials}{'@' * bool(credentials)}127.0.0.1:{self.port}/live"

    def start(self) -> None:
        """Begin to serve; returns once it listens."""
        user, _, password = self.credentials.partition(":")
        process = subprocess.Popen(
            [PYTHON, str(_SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        )
        self._process = process
        self._say(
            json.dumps(
                {
                    "port": self.port,
                    "width": self.width,
                    "height": self.height,
                    "fps": self.fps,
                    "user": user,
                    "password": password,
                    "auth": self.auth,
                }
            )
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    def stop(self) -> None:
        """End it at once, as when a camera loses power, whatever state it is in."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def freeze(self) -> None:
        """Stop it where it is: its connections stay, and nothing comes over them."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def resize(self, width: int, height: int) -> None:
        """Change the size in mid-stream."""
        self._say(f"size {width} {height}")

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _say(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


@contextmanager
def rtsp_camera(
    *, credentials: str = "", auth: Literal["basic", "digest"] = "basic"
) -> Iterator[RtspCamera]:
    """A server that serves, and is ended whatever happens."""
    camera = RtspCamera(credentials=credentials, auth=auth)
    camera.start()
    try:
        yield camera
    finally:
        camera.stop()
