"""Capture on FFmpeg's Video4Linux input, with a driver of the tests' own below it."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.webcam_driver import INDEX, built_driver, with_driver

_READ = f"""
import json, sys, time
from datetime import UTC, datetime
from lookout_capture.adapters import webcam
from lookout_capture.adapters.jpeg import JpegEncoder
from lookout_capture.domain import CameraSpec
from lookout_capture.ports import SourceError
from lookout_capture.readings import RawFrame

webcam._SILENT_S = 0.5
source = webcam.WebcamSource(CameraSpec("van-1", "{INDEX}"), clock=lambda: datetime.now(UTC))
found = {{"items": []}}
kept = []
started = time.monotonic(), time.process_time()
try:
    for item in source.frames(lambda seconds: bool(time.sleep(seconds))):
        found["items"].append(type(item).__name__)
        if isinstance(item, RawFrame):
            kept.append(item)
        else:
            found.setdefault("told", []).append(getattr(item, "detail", "") or item.pixel_format)
except SourceError as error:
    found["kind"] = error.kind
found["took_s"] = time.monotonic() - started[0]
found["busy_s"] = time.process_time() - started[1]
# The camera is closed by now, and its memory gone.
found["luma"] = [bytes(frame.picture.planes[0])[0] for frame in kept]
found["jpegs"] = [len(JpegEncoder().encode(frame).jpeg) for frame in kept]
json.dump(found, sys.stdout)
"""

_KEPT_WITHOUT_A_COPY = f"""
import time
from lookout_capture.adapters import webcam

device = webcam.open_device({INDEX})
frames = []
while not frames:
    try:
        frames = next(device._container.demux(device._stream)).decode()
    except BlockingIOError:
        time.sleep(0.01)
device.close()
bytes(frames[0].planes[0])
"""


@pytest.fixture(name="driver", scope="module")
def driver_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_driver(tmp_path_factory.mktemp("driver"))


def _read(driver: Path, *, goes: bool) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", _READ],
        env=with_driver(driver, images=5, goes=goes),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("goes", "kind"), [(True, "ended"), (False, "timeout")])
def test_a_webcam_gives_its_images_which_outlive_it_and_then_says_what_happened(
    driver: Path, *, goes: bool, kind: str
) -> None:
    found = _read(driver, goes=goes)
    assert found["items"] == [
        "StreamDescription",
        "RawFrame",
        "Unreadable",
        *["RawFrame"] * 3,
    ]
    assert found["told"] == ["yuyv422", "damaged image: the driver says so"]
    assert found["luma"] == [16, 56, 76, 96]
    assert len(found["jpegs"]) == 4
    assert found["kind"] == kind
    assert found["took_s"] < 5
    if kind == "timeout":
        # Silence is not waited for in a busy loop.
        assert found["busy_s"] < found["took_s"] / 2


def test_the_drivers_memory_is_gone_with_the_camera(driver: Path) -> None:
    # What the test above rests on: without a copy, looking at an image that was kept ends the process.
    done = subprocess.run(
        [sys.executable, "-c", _KEPT_WITHOUT_A_COPY],
        env=with_driver(driver, images=5, goes=False),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGSEGV
