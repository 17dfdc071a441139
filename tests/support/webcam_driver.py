"""A webcam for a process of its own, by a driver of the tests' own under FFmpeg's Video4Linux input (see webcam_driver.c)."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_name("webcam_driver.c")
INDEX = 9


def built_driver(folder: Path) -> Path:
    """The driver, compiled; skips the test where nothing compiles it."""
    compiler = shutil.which("cc")
    if compiler is None or not Path("/usr/include/linux/videodev2.h").exists():
        pytest.skip("no webcam: apt-get install gcc linux-libc-dev")
    driver = folder / "webcam_driver.so"
    command = [compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(driver), str(_SOURCE)]
    subprocess.run([*command, "-ldl"], check=True)
    return driver


def with_driver(driver: Path, *, images: int, goes: bool) -> dict[str, str]:
    """The environment of a process that has the webcam: it sends ``images``, and then falls silent, or ``goes``."""
    loaded = {**os.environ, "LD_PRELOAD": str(driver), "WEBCAM_IMAGES": str(images)}
    return {**loaded, "WEBCAM_GOES": "1"} if goes else loaded
