"""Detection's own settings, each by an environment variable ``LOOKOUT_DETECTION_…``."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Self

from lookout.vision.execution import STRIDE, DetectorSettings
from lookout.vision.quality import QualityLimits
from lookout.vision.tiles import TileRules
from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lookout_detection.domain import ShotRules, TrackRules
from lookout_detection.zones import CameraRules

_TRACKS, _SHOTS, _LIMITS, _TILES = TrackRules(), ShotRules(), QualityLimits(), TileRules()


class Settings(BaseSettings):
    """How frames are looked at."""

    model_config = SettingsConfigDict(env_prefix="LOOKOUT_DETECTION_", frozen=True)

    freshness_s: float = Field(
        default=2.0,
        gt=0,
        description="Frames captured longer ago are destroyed without being opened.",
    )
    shed_after_s: float = Field(
        default=0.3,
        gt=0,
        description="When a camera's oldest waiting frame is older, only its newest is looked at.",
    )
    turn_s: float = Field(
        default=0.1,
        gt=0,
        description="While a camera lags, time for one turn, the longest neglected cameras first: longer ones hold up what"
        " was found, shorter ones cost more round trips. One frame is always looked at.",
    )
    longest_side: int | None = Field(
        default=None,
        ge=STRIDE,
        multiple_of=STRIDE,
        description="Larger frames are shrunk to this many pixels to find faces; chips are cut from the whole frame."
        " As the pack says where not set.",
    )
    least_score: float = Field(
        default=0.3,
        gt=0,
        le=1,
        description="Detections scored lower are nothing; up to first_score they continue tracks and are pixelated.",
    )
    tiles: bool = Field(
        default=False,
        description="Look again at enlarged tiles of each camera's zone, for far faces. Costs a detection per tile.",
    )
    tile_side: int = Field(
        default=_TILES.side, ge=32, description="Side of a tile, pixels of the frame."
    )
    tile_overlap: int = Field(
        default=_TILES.overlap, ge=0, description="Pixels that neighbouring tiles share."
    )
    tile_zoom: float = Field(
        default=_TILES.zoom, ge=1, le=4, description="By how much tiles are enlarged."
    )
    cameras: Mapping[str, CameraRules] = Field(
        default={},
        description="By camera, as JSON: its zone of recognition (corners as shares of width and height) and its"
        ' min_inter_eye_px, e.g. {"van-1": {"zone": [[0, 0.3], [1, 0.3], [1, 1], [0, 1]], "min_inter_eye_px": 30}}.',
    )
    preview_interval_s: float = Field(
        default=1.0, gt=0, description="Time between a camera's previews."
    )
    preview_side: int = Field(
        default=640,
        ge=64,
        description="Longer side of a preview at most, pixels; never above longest_side, so that no face is shown"
        " sharper than it was looked for.",
    )
    begin_score: float = Field(
        default=_TRACKS.begin_score,
        gt=0,
        le=1,
        description="Detections scored lower begin no track.",
    )
    first_score: float = Field(
        default=_TRACKS.first_score,
        gt=0,
        le=1,
        description="Detections scored lower continue tracks that no better one continues, and are never compared.",
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

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.least_score <= self.first_score <= self.begin_score:
            raise ValueError(
                "least_score, first_score and begin_score must not fall in this order,"
                f" but are {self.least_score:g}, {self.first_score:g}, {self.begin_score:g}"
            )
        if self.longest_side is not None and self.preview_side > self.longest_side:
            raise ValueError(
                f"preview_side must be at most longest_side, {self.longest_side}, but is {self.preview_side}:"
                " a preview would show faces that are too small to be found and pixelated"
            )
        if self.tiles:
            self.tile_rules  # noqa: B018 - refuses what cannot be tiled
        return self

    def detector(self, of_pack: DetectorSettings) -> DetectorSettings:
        """How the whole frame is looked at, by these settings and the pack's."""
        side = self.longest_side or of_pack.longest_side
        return replace(of_pack, longest_side=side, score_threshold=self.least_score)

    def tile_detector(self, of_pack: DetectorSettings) -> DetectorSettings:
        """How a tile is looked at: never shrunk, and nothing doubtful, as there are many tiles and few far faces."""
        side = -(-round(self.tile_side * self.tile_zoom) // STRIDE) * STRIDE
        return replace(of_pack, longest_side=side, score_threshold=self.first_score)

    @property
    def tile_rules(self) -> TileRules:
        """How tiles are cut."""
        return TileRules(side=self.tile_side, overlap=self.tile_overlap, zoom=self.tile_zoom)

    @property
    def freshness(self) -> timedelta:
        """`freshness_s` as a span."""
        return timedelta(seconds=self.freshness_s)

    @property
    def shed_after(self) -> timedelta:
        """`shed_after_s` as a span."""
        return timedelta(seconds=self.shed_after_s)

    @property
    def turn(self) -> timedelta:
        """`turn_s` as a span."""
        return timedelta(seconds=self.turn_s)

    @property
    def preview_interval(self) -> timedelta:
        """`preview_interval_s` as a span."""
        return timedelta(seconds=self.preview_interval_s)

    @property
    def tracks(self) -> TrackRules:
        """How faces are followed."""
        return TrackRules(
            begin_score=self.begin_score,
            first_score=self.first_score,
            max_gap=timedelta(seconds=self.max_gap_s),
        )

    @property
    def shots(self) -> ShotRules:
        """Which shots are sent."""
        return ShotRules(
            most=self.most_shots,
            min_interval=timedelta(seconds=self.shot_interval_s),
            margin=self.shot_margin,
            min_score=self.first_score,
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
