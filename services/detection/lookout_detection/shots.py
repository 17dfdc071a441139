"""Cutting the shots that are worth sending, and sealing them as faces."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from lookout import ids
from lookout.events import Deployment, Face, Frame
from lookout.sealing.envelope import seal
from lookout.sealing.ports import DataKey
from lookout.vision.alignment import DegenerateLandmarksError, align_chip
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.quality import QualityLimits, measure_shot, rejection_reason

from lookout_detection.domain import (
    CameraView,
    LiveTrack,
    Refusal,
    ShotRules,
    may_send,
    worth_sending,
)
from lookout_detection.imaging import thumbnail_jpeg
from lookout_detection.metrics import Metrics
from lookout_detection.ports import ChipContract, Detections, LandmarkRefiner
from lookout_detection.zones import EVERYWHERE, CameraRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One frame in the clear, and what was found on it."""

    frame: Frame
    deployment: Deployment
    image: Image
    found: Detections


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A shot that is to be sent, in the clear: ``chip`` raw BGR bytes, ``thumbnail`` a JPEG."""

    frame: Frame
    track_id: str
    number: int
    box: tuple[float, ...]
    landmarks: tuple[float, ...]
    quality: float
    chip: bytes
    thumbnail: bytes


class ShotCutter:
    """Measures faces, and cuts those whose shot is worth sending."""

    def __init__(
        self,
        *,
        chips: ChipContract,
        refiner: LandmarkRefiner,
        rules: ShotRules,
        limits: QualityLimits,
        cameras: Mapping[str, CameraRules],
        metrics: Metrics,
    ) -> None:
        self._chips, self._refiner, self._metrics = chips, refiner, metrics
        self._rules, self._limits, self._cameras = rules, limits, cameras

    def choose(
        self, sight: Sight, view: CameraView, seen: Sequence[str | None], refused: Counter[str]
    ) -> tuple[CameraView, list[Shot]]:
        """The shots to send of the tracks ``seen`` on a frame, and the view that remembers them.

        ``refused`` counts the shots that were not usable, by reason.
        """
        tracks = {track.track_id: track for track in view.tracks}
        needed, at = sight.deployment.confirm_shots, sight.frame.captured_at
        allowed = self._of(sight.frame.camera_id).inside(
            sight.found.boxes, (sight.frame.width, sight.frame.height)
        )
        shots: list[Shot] = []
        for index, track_id in enumerate(seen):
            if track_id is None:
                continue
            track = tracks[track_id]
            if not may_send(track.shots, at, self._rules, needed=needed):
                continue
            taken = self._take(sight, index, track) if allowed[index] else Refusal.OUTSIDE_ZONE
            if isinstance(taken, Shot):
                tracks[track_id] = replace(track, shots=track.shots.sent(taken.quality, at))
                shots.append(taken)
            elif taken is not None:
                tracks[track_id] = track.refused(taken)
                refused[taken] += 1
        return replace(view, tracks=tuple(tracks.values())), shots

    def _take(self, sight: Sight, index: int, track: LiveTrack) -> Shot | str | None:
        """The shot, or why it is not usable; None for a usable one that would add nothing."""
        box, landmarks = sight.found.boxes[index], sight.found.landmarks[index]
        at, needed = sight.frame.captured_at, sight.deployment.confirm_shots
        if sight.found.scores[index] < self._rules.min_score:
            return Refusal.LOW_SCORE
        with self._metrics.stage("quality"):
            quality = measure_shot(sight.image, box, landmarks)
            reason = rejection_reason(quality, self._limits_of(sight.frame.camera_id))
        if reason is not None:
            return reason
        if not worth_sending(track.shots, quality.overall, at, self._rules, needed=needed):
            return None
        with self._metrics.stage("refine"):
            # Only here: a closer look costs milliseconds, and few of the faces on a frame come so far.
            closer = sight.found.take(np.array([index]))
            landmarks = self._refiner.refine(sight.image, closer).landmarks[0]
        with self._metrics.stage("cut"):
            try:
                chip = align_chip(sight.image, landmarks, self._chips.template, self._chips.size)
            except DegenerateLandmarksError:
                return Refusal.DEGENERATE_LANDMARKS
            return Shot(
                frame=sight.frame,
                track_id=track.track_id,
                number=len(track.shots.qualities) + 1,
                box=_numbers(box),
                landmarks=_numbers(landmarks),
                quality=quality.overall,
                chip=chip.tobytes(),
                thumbnail=thumbnail_jpeg(
                    sight.image, box, np.delete(sight.found.boxes, index, axis=0)
                ),
            )

    def _of(self, camera_id: str) -> CameraRules:
        return self._cameras.get(camera_id, EVERYWHERE)

    def _limits_of(self, camera_id: str) -> QualityLimits:
        least = self._of(camera_id).min_inter_eye_px
        return self._limits if least is None else replace(self._limits, min_inter_eye_px=least)

    def face(self, shot: Shot, key: DataKey) -> Face:
        """The shot, sealed under a key of its own."""
        face_id = ids.face_id(shot.track_id, shot.frame.frame_id)
        return Face(
            deployment_id=shot.frame.deployment_id,
            face_id=face_id,
            track_id=shot.track_id,
            camera_id=shot.frame.camera_id,
            frame_id=shot.frame.frame_id,
            captured_at=shot.frame.captured_at,
            shot=shot.number,
            box=shot.box,
            landmarks=shot.landmarks,
            quality=shot.quality,
            pack_sha256=self._chips.pack_sha256,
            chip_size=self._chips.size,
            chip=seal(key, shot.chip, what="chip", whose=face_id),
            thumbnail=seal(key, shot.thumbnail, what="thumbnail", whose=face_id),
        )


def _numbers(array: FloatArray) -> tuple[float, ...]:
    return tuple(float(value) for value in array.ravel())
