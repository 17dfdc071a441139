"""What capture can be told."""

from pathlib import Path

import pytest
from lookout_capture.domain import CameraSpecError, Pacing
from lookout_capture.settings import Settings
from pydantic import ValidationError

SECRET = "hunter2"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOOKOUT_CAPTURE_CAMERAS", raising=False)
    monkeypatch.delenv("LOOKOUT_CAPTURE_CAMERAS_FILE", raising=False)


def test_without_cameras_it_says_how_to_give_them() -> None:
    with pytest.raises(ValidationError, match="LOOKOUT_CAPTURE_CAMERAS or"):
        Settings()


def test_cameras_given_in_two_ways_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOOKOUT_CAPTURE_CAMERAS", f"van-1=rtsp://user:{SECRET}@host/x")
    monkeypatch.setenv("LOOKOUT_CAPTURE_CAMERAS_FILE", str(tmp_path / "cameras"))
    with pytest.raises(ValidationError, match="exactly one way") as refused:
        Settings()
    assert SECRET not in str(refused.value)


def test_settings_come_from_the_environment_and_never_show_a_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOOKOUT_CAPTURE_CAMERAS", f"van-1=rtsp://user:{SECRET}@host/x")
    monkeypatch.setenv("LOOKOUT_CAPTURE_PACING", "as_taken")
    settings = Settings()
    (camera,) = settings.camera_specs()
    assert camera.location == f"rtsp://user:{SECRET}@host/x"
    assert settings.pacing is Pacing.AS_TAKEN
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()


def test_cameras_may_be_listed_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "cameras"
    path.write_text("# the van\nvan-1=0\nvan-2=1\n")
    monkeypatch.setenv("LOOKOUT_CAPTURE_CAMERAS_FILE", str(path))
    assert [camera.camera_id for camera in Settings().camera_specs()] == ["van-1", "van-2"]


def test_an_empty_file_of_cameras_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "cameras"
    path.touch()
    monkeypatch.setenv("LOOKOUT_CAPTURE_CAMERAS_FILE", str(path))
    with pytest.raises(CameraSpecError, match="no camera"):
        Settings().camera_specs()


def test_the_watchdog_must_be_slower_than_the_time_outs_it_backs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOOKOUT_CAPTURE_CAMERAS", "van-1=0")
    monkeypatch.setenv("LOOKOUT_CAPTURE_STUCK_AFTER_S", "10")
    with pytest.raises(ValidationError, match="stuck_after_s must be longer"):
        Settings()


@pytest.mark.parametrize(
    ("name", "value"), [("FPS", "fast"), ("FPS", "0"), ("MAX_SIDE", "1"), ("RTSP_TRANSPORT", "ip")]
)
def test_a_setting_out_of_range_is_refused_without_showing_the_cameras(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("LOOKOUT_CAPTURE_CAMERAS", f"van-1=rtsp://user:{SECRET}@host/x")
    monkeypatch.setenv(f"LOOKOUT_CAPTURE_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()) as refused:
        Settings()
    assert SECRET not in str(refused.value)


def test_rate_may_be_left_unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKOUT_CAPTURE_CAMERAS", "van-1=0")
    monkeypatch.setenv("LOOKOUT_CAPTURE_FPS", "")
    assert Settings().fps is None
