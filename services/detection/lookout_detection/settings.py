"""Detection's own settings, each by an environment variable ``LOOKOUT_DETECTION_…``."""

from datetime import timedelta

from lookout.vision.quality import QualityLimits
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from lookout_detection.domain import ShotRules, TrackRules

_TRACKS, _SHOTS, _LIMITS = TrackRules(), ShotRules(), QualityLimits()


class Settings(BaseSettings):
    """How frames are looked at."""

    model_config = SettingsConfigDict(env_prefix="LOOKOUT_DETECTION_", frozen=True)

    freshness_s: float = Field(
        default=2.0,
        gt=0,
        description="Frames captured longer ago are destroyed without being opened.",
    )
    shed_after_s: float = Field(
        default=0.5,
        gt=0,
        description="When a camera's oldest waiting frame is older, only its newest is looked at.",
    )
    preview_interval_s: float = Field(
        default=1.0, gt=0, description="Time between a camera's previews."
    )
    preview_width: int = Field(default=640, ge=64, description="Previews are no wider, in pixels.")
    begin_score: float = Field(
        default=_TRACKS.begin_score,
        gt=0,
        le=1,
        description="Detections scored lower begin no track.",
    )
    max_gap_s: float = Field(
        default=_TRACKS.max_gap.total_seconds(),
        gt=0,
        description="A face unseen for longer is another track when it is seen again.",
    )
    most_shots: int = Field(
        default=_SHOTS.most,
        ge=1,
        description="Shots sent of a track, unless a deployment's confirmation needs more.",
    )
    shot_interval_s: float = Field(
        default=_SHOTS.min_interval.total_seconds(),
        ge=0,
        description="Time between two shots of a track.",
    )
    shot_margin: float = Field(
        default=_SHOTS.margin,
        ge=0,
        le=1,
        description="Quality by which a later shot must surpass what it improves on.",
    )
    min_inter_eye_px: float = Field(
        default=_LIMITS.min_inter_eye_px, ge=0, description="Distance between the eyes at least."
    )
    min_sharpness: float = Field(
        default=_LIMITS.min_sharpness, ge=0, description="Sharpness at least."
    )
    max_yaw: float = Field(
        default=_LIMITS.max_yaw, gt=0, description="Degrees turned aside at most."
    )
    max_pitch: float = Field(
        default=_LIMITS.max_pitch, gt=0, description="Degrees up or down at most."
    )

    @property
    def freshness(self) -> timedelta:
        """`freshness_s` as a span."""
        return timedelta(seconds=self.freshness_s)

    @property
    def shed_after(self) -> timedelta:
        """`shed_after_s` as a span."""
        return timedelta(seconds=self.shed_after_s)

    @property
    def preview_interval(self) -> timedelta:
        """`preview_interval_s` as a span."""
        return timedelta(seconds=self.preview_interval_s)

    @property
    def tracks(self) -> TrackRules:
        """How faces are followed."""
        return TrackRules(begin_score=self.begin_score, max_gap=timedelta(seconds=self.max_gap_s))

    @property
    def shots(self) -> ShotRules:
        """Which shots are sent."""
        return ShotRules(
            most=self.most_shots,
            min_interval=timedelta(seconds=self.shot_interval_s),
            margin=self.shot_margin,
        )

    @property
    def limits(self) -> QualityLimits:
        """What a shot must reach."""
        return QualityLimits(
            min_inter_eye_px=self.min_inter_eye_px,
            min_sharpness=self.min_sharpness,
            max_yaw=self.max_yaw,
            max_pitch=self.max_pitch,
        )
