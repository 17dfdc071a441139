"""What capture can be told. Read from the environment by `__main__` alone."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lookout_capture.domain import BackOff, CameraSpec, Pacing, ReadingRules, parse_cameras
from lookout_capture.stillness import StillRules


class Settings(BaseSettings):
    """Capture's own settings; times in seconds, sizes in pixels."""

    model_config = SettingsConfigDict(
        env_prefix="LOOKOUT_CAPTURE_",
        frozen=True,
        # An error of one field would otherwise show the whole input, the cameras' passwords included.
        hide_input_in_errors=True,
    )

    cameras: SecretStr | None = Field(
        default=None,
        description="Cameras as ID=SOURCE, one per line or separated by ';'. Sources: rtsp(s)://, http(s)://, a file, "
        "folder:PATH, a webcam's number. Secret, because URLs hold passwords.",
    )
    cameras_file: Path | None = Field(
        default=None, description="A file holding the cameras instead, one ID=SOURCE per line."
    )
    fps: float | None = Field(
        default=10.0, gt=0, le=120, description="Images a second and camera at most; empty for all."
    )
    pacing: Pacing = Field(
        default=Pacing.REAL_TIME,
        description="How recordings play: real_time, or as_taken (each image waits until the one before is sealed).",
    )
    loop: bool = Field(default=False, description="Play recordings again and again.")
    max_side: int = Field(
        default=1920,
        ge=64,
        le=8192,
        description="Larger images are scaled down to this longer side.",
    )
    jpeg_quality: int = Field(default=90, ge=50, le=100, description="Quality of the sealed JPEG.")
    still_change: float = Field(
        default=8.0,
        ge=0,
        le=255,
        description="Grey levels by which the brightness of a cell of 32 x 32 pixels must change to be movement; without any"
        " an image is not sent. 0 sends every image.",
    )
    still_every_s: float = Field(
        default=0.5,
        gt=0,
        description="A still view is sent as often all the same. Keep it below detection's max_gap_s: else whoever stands"
        " still is another track each time.",
    )
    stale_after_s: float = Field(
        default=2.0, gt=0, description="An image older than this is dropped instead of sealed."
    )
    max_unacknowledged: int = Field(
        default=8,
        ge=1,
        description="Frames on their way to the broker at most; beyond it images are dropped.",
    )
    open_timeout_s: float = Field(default=10.0, gt=0, description="Longest opening of a stream.")
    read_timeout_s: float = Field(default=5.0, gt=0, description="Longest single read of a stream.")
    stuck_after_s: float = Field(
        default=15.0,
        gt=0,
        description="A read or opening that shows no life for this long is given up from outside, and begun anew.",
    )
    rtsp_transport: str = Field(
        default="tcp", pattern="^(tcp|udp|http|https)$", description="How RTSP carries its data."
    )
    hardware_decoding: str = Field(
        default="off",
        pattern="^[a-z0-9]{1,20}$",
        description="Decoding by a device: off, auto (the first kind that works, else software), or a kind by name "
        "(cuda, vaapi, …), which is an error where it cannot be had.",
    )
    reopen_within_s: float = Field(
        default=5.0,
        gt=0,
        description="Longest wait before a camera that fails is tried again; waits grow up to it, and half is random.",
    )
    key_ttl_s: float = Field(
        default=60.0,
        gt=0,
        description="A frame's key expires by itself after this long, if nobody destroyed it before.",
    )

    @field_validator("fps", mode="before")
    @classmethod
    def _empty_is_unlimited(cls, value: object) -> object:
        return None if value == "" else value

    @model_validator(mode="after")
    def _one_list_of_cameras(self) -> "Settings":
        if (self.cameras is None) == (self.cameras_file is None):
            raise ValueError(
                "give the cameras in exactly one way: LOOKOUT_CAPTURE_CAMERAS or LOOKOUT_CAPTURE_CAMERAS_FILE"
            )
        if self.stuck_after_s <= max(self.open_timeout_s, self.read_timeout_s):
            raise ValueError(
                "stuck_after_s must be longer than open_timeout_s and read_timeout_s, which end a silent read first"
            )
        return self

    def camera_specs(self) -> tuple[CameraSpec, ...]:
        """The cameras. Raises `CameraSpecError` for a bad list, `OSError` for a file that cannot be read."""
        if self.cameras is not None:
            return parse_cameras(self.cameras.get_secret_value())
        if self.cameras_file is None:
            raise ValueError("no cameras are given")
        return parse_cameras(self.cameras_file.read_text(encoding="utf-8"))

    @property
    def rules(self) -> ReadingRules:
        """How the cameras are read."""
        return ReadingRules(
            pacing=self.pacing,
            loop=self.loop,
            stuck_after_s=self.stuck_after_s,
            back_off=BackOff(cap_s=self.reopen_within_s),
        )

    @property
    def still(self) -> StillRules | None:
        """When a view counts as still; None where every image is sent."""
        if not self.still_change:
            return None
        return StillRules(
            least_change=self.still_change, every=timedelta(seconds=self.still_every_s)
        )

    @property
    def stale_after(self) -> timedelta:
        """How old an image may be."""
        return timedelta(seconds=self.stale_after_s)

    @property
    def key_ttl(self) -> timedelta:
        """How long a frame's key lives at most."""
        return timedelta(seconds=self.key_ttl_s)
