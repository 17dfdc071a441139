"""Frames in; best shots of tracked faces, previews and track summaries out; the frames' keys destroyed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from lookout.authority import Authority
from lookout.events import (
    ErasureReason,
    Event,
    Face,
    Frame,
    Preview,
    ServiceState,
    Track,
)
from lookout.sealing.envelope import open_sealed
from lookout.sealing.ports import CannotOpenError, DataKey, Destruction, Issuer, Keyring
from lookout.stream.ports import Clock, Partition
from lookout.stream.processor import Delivery, Outcome, Rejection
from lookout.telemetry.share import WorkedShare
from lookout.vision.arrays import Image
from lookout.vision.boxes import box_area
from lookout.vision.tiles import TiledLook

from lookout_detection.admission import Admission, Admitted, Camera
from lookout_detection.domain import (
    CameraView,
    Followed,
    LiveTrack,
    Look,
    Refusal,
    Skip,
    follow,
    is_begun,
)
from lookout_detection.imaging import BadImageError, decode_jpeg, preview_jpeg
from lookout_detection.metrics import Metrics
from lookout_detection.ports import ChipContract, Detections, FaceDetector, LandmarkRefiner
from lookout_detection.settings import Settings
from lookout_detection.shots import Shot, ShotCutter, Sight
from lookout_detection.zones import EVERYWHERE

_WHY_DESTROYED = {
    Skip.NO_AUTHORITY: ErasureReason.DEPLOYMENT_CLOSED,
    Skip.WRONG_PACK: ErasureReason.DEPLOYMENT_CLOSED,
    Skip.STALE: ErasureReason.STALE,
    Skip.FROM_THE_FUTURE: ErasureReason.STALE,
    Skip.SHED: ErasureReason.STALE,
    Skip.OUT_OF_ORDER: ErasureReason.STALE,
}
"""What is skipped and not named here has no key of its own to destroy: another record's work covers it, or it is gone."""


@dataclass(slots=True)
class _Work:
    """One batch under way. Nothing in it touches the processor until all of it has succeeded."""

    views: dict[Camera, CameraView]
    outcome: Outcome = field(default_factory=Outcome)
    shots: list[Shot] = field(default_factory=list)
    skipped: Counter[Skip] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    ignored: Counter[Refusal] = field(default_factory=Counter)
    faces: list[tuple[str, int]] = field(default_factory=list)
    partitions: dict[Camera, Partition] = field(default_factory=dict)

    def skip(self, frame: Frame, why: Skip) -> None:
        self.skipped[why] += 1
        reason = _WHY_DESTROYED.get(why)
        if reason is not None:
            self.outcome.destroy.append(_destruction(frame, reason))


class DetectionProcessor:
    """Looks at frames under authority, follows faces camera by camera and sends their best shots, sealed.

    A batch either succeeds as a whole or leaves the trackers as they were, so it can be repeated.
    """

    def __init__(
        self,
        *,
        detector: FaceDetector,
        far: TiledLook | None,
        refiner: LandmarkRefiner,
        chips: ChipContract,
        authority: Authority,
        keyring: Keyring,
        issuer: Issuer,
        metrics: Metrics,
        clock: Clock,
        settings: Settings,
    ) -> None:
        """``far`` looks for faces that the detector misses at its scale, where a camera's zone is; None: not at all."""
        self._detector, self._far = detector, far
        self._chips, self._authority = chips, authority
        self._keyring, self._issuer = keyring, issuer
        self._metrics, self._clock, self._settings = metrics, clock, settings
        self._admission = Admission(
            authority=authority,
            pack_sha256=chips.pack_sha256,
            freshness=settings.freshness,
            shed_after=settings.shed_after,
            turn=settings.turn,
        )
        self._cutter = ShotCutter(
            chips=chips,
            refiner=refiner,
            rules=settings.shots,
            limits=settings.limits,
            cameras=settings.cameras,
            metrics=metrics,
        )
        self._tracks = settings.tracks
        self._views: dict[Camera, CameraView] = {}
        self._partitions: dict[Camera, Partition] = {}
        self._supplied: set[str] = set()
        self._share = WorkedShare("frames")

    def process(self, batch: Sequence[Delivery[Frame]]) -> Outcome:
        """See `Processor.process`. Raises `KeyringUnavailableError` when there are no keys to be had."""
        work = _Work(dict(self._views))
        began = self._clock()
        admitted = self._admission.admit(
            batch,
            began,
            looked_at=lambda camera: self._views.get(camera, _NOTHING_SEEN).seen_at,
            is_begun=self._is_begun,
            skip=work.skip,
        )
        for item, image in self._open(admitted, work):
            self._look(item, image, work)
        self._seal(work)
        self._views = work.views
        self._partitions |= work.partitions
        self._count(work)
        self._admission.worked(len(work.faces), self._clock() - began)
        return work.outcome

    def tick(self, now: datetime) -> Outcome:
        """End tracks that no frame can continue any more: what could is too old to be looked at.

        Raises `KeyringUnavailableError` while the unused keys of a deployment that is over cannot be receipted.
        """
        # First: if it fails, nothing has been taken out of the views yet.
        for deployment_id in sorted(self._supplied):
            if self._authority.deployment(deployment_id, now) is None:
                self._issuer.retire(deployment_id)
                self._supplied.discard(deployment_id)
        latest = now - self._settings.freshness - self._tracks.max_gap
        outcome = Outcome()
        for camera, view in list(self._views.items()):
            over = [track for track in view.tracks if track.last_seen < latest]
            outcome.produce += _summaries(view, over)
            live = tuple(track for track in view.tracks if track.last_seen >= latest)
            self._views[camera] = replace(view, tracks=live)
            if not live and (view.seen_at is None or view.seen_at < latest):
                self._forget(camera)
        self._count_produced(outcome)
        return outcome

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """Forget the cameras of these partitions: their tracks go on elsewhere, under other ids."""
        gone = [camera for camera, place in self._partitions.items() if place in partitions]
        for camera in gone:
            self._metrics.tracks_dropped.inc(len(self._views[camera].tracks))
            self._forget(camera)

    def drain(self) -> Outcome:
        """End every track."""
        outcome = Outcome()
        for camera, view in list(self._views.items()):
            outcome.produce += _summaries(view, view.tracks)
            self._forget(camera)
        self._count_produced(outcome)
        return outcome

    def state(self, now: datetime) -> tuple[ServiceState, str]:
        """How this service stands, and why, in words for people; empty when all is well."""
        in_force = self._authority.in_force(now)
        if not in_force:
            return ServiceState.NOT_RUNNING, self._authority.why_not(now)
        ours = self._chips.pack_sha256
        foreign = [each for each in in_force if each.pack_sha256 != ours]
        if not foreign:
            degraded = self._share.why_degraded()
            return (ServiceState.DEGRADED if degraded else ServiceState.LIVE), degraded
        reason = "; ".join(
            f"deployment {each.deployment_id} asks for pack {each.pack_name}"
            f" ({each.pack_sha256[:12]}), this service has {ours[:12]}"
            for each in foreign
        )
        none_left = len(foreign) == len(in_force)
        return (ServiceState.NOT_RUNNING if none_left else ServiceState.DEGRADED), reason

    def _open(self, admitted: list[Admitted], work: _Work) -> Iterator[tuple[Admitted, Image]]:
        """Frame after frame, decoded: no two of them are held in the clear at a time."""
        wanted = [item.delivery.event.image.key_id for item in admitted]
        keys = self._keyring.get(wanted) if wanted else ()
        for item, key in zip(admitted, keys, strict=True):
            frame = item.delivery.event
            if key is None:
                work.skip(frame, Skip.KEY_GONE)
            elif work.views.get(item.camera, _NOTHING_SEEN).is_old(
                frame.sequence, frame.captured_at
            ):
                work.skip(frame, Skip.OUT_OF_ORDER)
            else:
                image = self._decoded(item.delivery, key, work.outcome)
                if image is not None:
                    yield item, image

    def _decoded(self, delivery: Delivery[Frame], key: DataKey, outcome: Outcome) -> Image | None:
        frame = delivery.event
        try:
            with self._metrics.stage("open"):
                data = open_sealed(key, frame.image, what="frame", whose=frame.frame_id)
            with self._metrics.stage("decode"):
                return decode_jpeg(data, width=frame.width, height=frame.height)
        except (CannotOpenError, BadImageError) as error:
            kind = error.kind if isinstance(error, BadImageError) else "cannot_open"
            keys = (_destruction(frame, ErasureReason.REJECTED),)
            outcome.reject.append(
                Rejection(position=delivery.position, kind=kind, detail=str(error), keys=keys)
            )
            return None

    def _look(self, item: Admitted, image: Image, work: _Work) -> None:
        """Detect, follow, choose shots, and be done with the frame."""
        frame = item.delivery.event
        with self._metrics.stage("detect"):
            found, unsound = _sound(self._detect(frame, image))
        sight = Sight(frame=frame, deployment=item.deployment, image=image, found=found)
        view = work.views.get(item.camera) or CameraView(
            deployment_id=frame.deployment_id, camera_id=frame.camera_id
        )
        with self._metrics.stage("track"):
            look = Look(
                frame_id=frame.frame_id,
                sequence=frame.sequence,
                at=frame.captured_at,
                size=(frame.width, frame.height),
                boxes=found.boxes,
                scores=found.scores,
            )
            followed = follow(view, look, self._tracks)
        work.outcome.produce += _summaries(view, followed.ended)
        view, shots = self._cutter.choose(sight, followed.view, followed.seen, work.refused)
        work.shots += shots
        work.views[item.camera] = self._show(sight, view, followed, work.outcome)
        work.partitions[item.camera] = item.delivery.position.partition
        work.outcome.destroy.append(_destruction(frame, ErasureReason.PROCESSED))
        work.faces.append((frame.camera_id, followed.faces))
        work.ignored[Refusal.UNSOUND] += unsound
        work.ignored[Refusal.LOW_SCORE] += len(found) - followed.faces

    def _is_begun(self, item: Admitted) -> bool:
        at, needed = item.delivery.event.captured_at, item.deployment.confirm_shots
        return any(
            is_begun(track.shots, at, self._settings.shots, needed=needed)
            for track in self._views.get(item.camera, _NOTHING_SEEN).tracks
        )

    def _detect(self, frame: Frame, image: Image) -> Detections:
        found = self._detector.detect(image)
        if self._far is None:
            return found
        zone = self._settings.cameras.get(frame.camera_id, EVERYWHERE)
        return self._far.add(image, found, zone.window((frame.width, frame.height)))

    def _show(
        self, sight: Sight, view: CameraView, followed: Followed, outcome: Outcome
    ) -> CameraView:
        """The view once a preview has been made, if one is due."""
        frame = sight.frame
        last = view.previewed_at
        # A last preview in the future is one from before the camera's clock was set back.
        if last is not None and last <= frame.captured_at < last + self._settings.preview_interval:
            return view
        with self._metrics.stage("preview"):
            # What the detector doubts, and what lies outside the zone, is pixelated all the same.
            boxes = np.concatenate([sight.found.boxes, followed.hidden])
            jpeg = preview_jpeg(sight.image, boxes, longest=self._settings.preview_side)
        outcome.produce.append(
            Preview(
                deployment_id=frame.deployment_id,
                camera_id=frame.camera_id,
                frame_id=frame.frame_id,
                captured_at=frame.captured_at,
                faces=followed.faces,
                jpeg=jpeg,
            )
        )
        return replace(view, previewed_at=frame.captured_at)

    def _seal(self, work: _Work) -> None:
        """Faces of all chosen shots, each under a key of its own."""
        by_deployment: dict[str, list[Shot]] = {}
        for shot in work.shots:
            by_deployment.setdefault(shot.frame.deployment_id, []).append(shot)
        for deployment_id, shots in by_deployment.items():
            with self._metrics.stage("issue"):
                self._supplied.add(deployment_id)
                keys = self._issuer.make(deployment_id, len(shots))
            with self._metrics.stage("seal"):
                for shot, key in zip(shots, keys, strict=True):
                    work.outcome.produce.append(self._cutter.face(shot, key))

    def _count(self, work: _Work) -> None:
        """Count a batch once it has succeeded, so that a repeated one counts once."""
        shed = work.skipped[Skip.SHED] + work.skipped[Skip.STALE]
        self._share.count(worked=len(work.faces), shed=shed)
        for why, count in work.skipped.items():
            self._metrics.frames_skipped.labels(why).inc(count)
        for reason, count in work.refused.items():
            self._metrics.shots_rejected.labels(reason).inc(count)
        for refusal, count in work.ignored.items():
            self._metrics.faces_ignored.labels(refusal).inc(count)
        for camera_id, faces in work.faces:
            self._metrics.frames.labels(camera_id).inc()
            self._metrics.faces_detected.labels(camera_id).inc(faces)
        self._count_produced(work.outcome)

    def _count_produced(self, outcome: Outcome) -> None:
        for event in outcome.produce:
            match event:
                case Face():
                    self._metrics.shots_sent.labels(event.camera_id).inc()
                case Track():
                    self._metrics.tracks_ended.labels(event.camera_id).inc()
                case Preview():
                    self._metrics.previews.labels(event.camera_id).inc()
                case _:
                    pass

    def _forget(self, camera: Camera) -> None:
        self._views.pop(camera, None)
        self._partitions.pop(camera, None)


_NOTHING_SEEN = CameraView(deployment_id="", camera_id="")


def _destruction(frame: Frame, reason: ErasureReason) -> Destruction:
    return Destruction(
        key_id=frame.image.key_id,
        reason=reason,
        deployment_id=frame.deployment_id,
        captured_at=frame.captured_at,
    )


def _summaries(view: CameraView, over: Iterable[LiveTrack]) -> list[Event]:
    return [track.summary(view.deployment_id, view.camera_id) for track in over]


def _sound(found: Detections) -> tuple[Detections, int]:
    """Without faces whose numbers mean nothing, and how many those were."""
    finite = np.isfinite(found.boxes).all(axis=1) & np.isfinite(found.landmarks).all(axis=(1, 2))
    good = finite & (box_area(found.boxes) > 0)
    return found if good.all() else found.take(good), int((~good).sum())
