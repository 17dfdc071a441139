"""``lookout doctor --camera`` on a real RTSP server."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.rtsp_camera import RtspCamera, rtsp_camera, why_no_rtsp

pytestmark = pytest.mark.rtsp

USER, SECRET = "operator-7", "hunter2-s3cret"
LOOKOUT = Path(sys.executable).parent / "lookout"


@pytest.fixture(autouse=True, scope="module")
def _rtsp_can_be_served() -> None:
    if reason := why_no_rtsp():
        pytest.skip(reason)


def _doctor(source: str, *more: str) -> tuple[int, str]:
    done = subprocess.run(
        [str(LOOKOUT), "doctor", "--camera", "-", "--seconds", "1.5", *more],
        input=source + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"COLUMNS": "200", "PATH": "/usr/bin:/bin", "HOME": str(Path.home())},
    )
    return done.returncode, done.stdout + done.stderr


def _told(camera: RtspCamera, credentials: str, *more: str) -> tuple[int, str]:
    code, told = _doctor(camera.url_with(credentials), *more)
    assert SECRET not in told
    assert USER not in told
    return code, told


def test_a_camera_is_described_and_its_credentials_are_not_shown() -> None:
    with rtsp_camera(credentials=f"{USER}:{SECRET}", auth="digest") as camera:
        code, told = _told(camera, camera.credentials, "--transport", "udp")
        assert code == 0, told
        for word in ("h264", "rtsp over udp", "320 x 240", "software", "images a second"):
            assert word in told

        code, told = _told(camera, f"{USER}:not-{SECRET}")
        assert code == 1
        assert "refuses the credentials" in told
        assert "check user and password" in told

        camera.stop()
        code, told = _told(camera, camera.credentials)
        assert code == 1
        assert "nothing listens there" in told


def test_a_source_that_is_none_and_hardware_that_is_not_there_are_told_in_a_sentence() -> None:
    code, told = _doctor(f"rtsp://{USER}:{SECRET}@camera:port/x")
    assert (code, SECRET in told) == (1, False)
    assert "percent-encode" in told

    code, told = _doctor("rtsp://127.0.0.1/x", "--hardware", "abacus")
    assert code == 1
    assert "this build of FFmpeg knows only" in told
    assert "Traceback" not in told
