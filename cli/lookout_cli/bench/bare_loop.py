"""The same steps as the pipeline in one loop of one process: no Kafka, no Avro, no sealing, no keyring.

It is the floor that the pipeline is measured against: the same decoding, one JPEG round trip by capture's own encoder, detection, following, choice
of shots, thumbnails, previews, templates, an exact comparison by one product of matrices, and confirmation.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from av.video.frame import VideoFrame
from lookout.events import UNSIGNED, Deployment, DeploymentState, Embedding, Frame, Sealed
from lookout.vision.arrays import FloatArray
from lookout.vision.pack import LoadedPack
from lookout_capture.adapters.jpeg import JpegEncoder
from lookout_capture.readings import RawFrame
from lookout_detection.domain import CameraView, Look, TrackRules, follow
from lookout_detection.imaging import decode_jpeg, preview_jpeg
from lookout_detection.metrics import Metrics
from lookout_detection.ports import ChipContract
from lookout_detection.settings import Settings
from lookout_detection.shots import Shot, ShotCutter, Sight
from lookout_matching.domain import Candidate, Confirmation, Confirmed, TrackScores
from lookout_matching.domain import Shot as Comparison
from prometheus_client import CollectorRegistry

_CAMERA = "bare-loop"
_BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
_NOTHING = Sealed(key_id="", nonce=b"", ciphertext=b"")


@dataclass(frozen=True, slots=True)
class Gallery:
    """Enrolled templates: ``entries`` names each row of ``templates``, (N, D) float32, L2-normalised."""

    entries: tuple[str, ...]
    templates: FloatArray
    threshold: float


@dataclass(slots=True)
class LoopResult:
    """What a loop did. ``cpu_s`` is the process's own, all its threads together; ``alerted`` counts matches by entry."""

    frames: int = 0
    faces: int = 0
    embedded: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    alerted: Counter[str] = field(default_factory=Counter)
    stage_s: dict[str, float] = field(default_factory=dict)

    @property
    def frames_per_s(self) -> float:
        """Frames per second of wall-clock time."""
        return self.frames / self.wall_s

    @property
    def cpu_ms_per_frame(self) -> float:
        """Milliseconds of processor time per frame."""
        return 1000 * self.cpu_s / self.frames


class BareLoop:
    """One camera's images, one after another, through every step."""

    def __init__(
        self, loaded: LoadedPack, gallery: Gallery, *, fps: float, settings: Settings
    ) -> None:
        """``fps`` says how far apart the images are: shots and previews are chosen by time."""
        pack = loaded.pack
        self._detector = loaded.detector(settings=settings.detector(pack.detector.settings))
        self._embedder = loaded.embedder()
        self._encoder = JpegEncoder()
        self._gallery, self._fps, self._settings = gallery, fps, settings
        self._tracks: TrackRules = settings.tracks
        self._cutter = ShotCutter(
            chips=ChipContract(
                pack_sha256=pack.sha256,
                size=pack.embedder.size,
                template=pack.embedder.template_points,
            ),
            refiner=loaded.refiner(),
            rules=settings.shots,
            limits=settings.limits,
            cameras=settings.cameras,
            metrics=Metrics(CollectorRegistry()),
        )
        self._deployment = _deployment(pack.name, pack.sha256)
        self._rule = Confirmation(self._deployment.confirm_shots, self._deployment.confirm_of)
        self._view = CameraView(deployment_id=self._deployment.deployment_id, camera_id=_CAMERA)
        self._scores: dict[str, TrackScores] = {}
        self._sequence = 0

    def run(self, images: Iterable[VideoFrame]) -> LoopResult:
        """Work through decoded images; decoding them is part of the loop where ``images`` decodes as it goes."""
        result = LoopResult()
        began, cpu = time.perf_counter(), time.process_time()
        for image in images:
            self._frame(image, result)
        result.wall_s = time.perf_counter() - began
        result.cpu_s = time.process_time() - cpu
        return result

    def _frame(self, decoded: VideoFrame, result: LoopResult) -> None:
        frame = self._stamp(decoded)
        raw = RawFrame(
            picture=decoded,
            jpeg=None,
            captured_at=frame.captured_at,
            width=decoded.width,
            height=decoded.height,
        )
        at = time.perf_counter()
        encoded = self._encoder.encode(raw)
        at = _lap(result, "jpeg_encode", at)
        image = decode_jpeg(encoded.jpeg, width=frame.width, height=frame.height)
        at = _lap(result, "jpeg_decode", at)
        found = self._detector.detect(image)
        at = _lap(result, "detect", at)
        look = Look(
            frame_id=frame.frame_id,
            sequence=frame.sequence,
            at=frame.captured_at,
            size=(frame.width, frame.height),
            boxes=found.boxes,
            scores=found.scores,
        )
        followed = follow(self._view, look, self._tracks)
        at = _lap(result, "track", at)
        sight = Sight(frame=frame, deployment=self._deployment, image=image, found=found)
        view, shots = self._cutter.choose(sight, followed.view, followed.seen, Counter())
        at = _lap(result, "choose_refine_and_cut", at)
        self._view = self._previewed(sight, view, followed.hidden)
        at = _lap(result, "preview", at)
        if shots:
            self._compare(shots, result)
        _lap(result, "embed_and_match", at)
        for track in followed.ended:
            self._scores.pop(track.track_id, None)
        result.frames += 1
        result.faces += len(found)
        result.embedded += len(shots)

    def _stamp(self, decoded: VideoFrame) -> Frame:
        self._sequence += 1
        return Frame(
            deployment_id=self._deployment.deployment_id,
            frame_id=str(self._sequence),
            camera_id=_CAMERA,
            sequence=self._sequence,
            captured_at=_BEGIN + timedelta(seconds=self._sequence / self._fps),
            width=decoded.width,
            height=decoded.height,
            image=_NOTHING,
        )

    def _previewed(self, sight: Sight, view: CameraView, hidden: FloatArray) -> CameraView:
        at = sight.frame.captured_at
        last = view.previewed_at
        if last is not None and at < last + self._settings.preview_interval:
            return view
        boxes = np.concatenate([sight.found.boxes, hidden])
        preview_jpeg(sight.image, boxes, longest=self._settings.preview_side)
        return replace(view, previewed_at=at)

    def _compare(self, shots: Sequence[Shot], result: LoopResult) -> None:
        size = self._embedder.size
        chips = [np.frombuffer(shot.chip, np.uint8).reshape(size, size, 3) for shot in shots]
        templates = self._embedder.embed(np.stack(chips))
        scores = templates @ self._gallery.templates.T
        for shot, row in zip(shots, scores, strict=True):
            best = np.argsort(-row)[:2]
            found = tuple(Candidate(self._gallery.entries[int(i)], float(row[i])) for i in best)
            comparison = Comparison(
                embedding=_embedding(shot),
                candidates=found,
                threshold=self._gallery.threshold,
            )
            track = self._scores.setdefault(shot.track_id, TrackScores())
            for verdict in track.pool(comparison, self._rule):
                if isinstance(verdict, Confirmed):
                    result.alerted[verdict.entry_id] += 1


def _lap(result: LoopResult, stage: str, since: float) -> float:
    now = time.perf_counter()
    result.stage_s[stage] = result.stage_s.get(stage, 0.0) + now - since
    return now


def _deployment(pack_name: str, pack_sha256: str) -> Deployment:
    return Deployment(
        deployment_id="bench",
        state=DeploymentState.LIVE,
        opens_at=_BEGIN,
        closes_at=_BEGIN + timedelta(days=1),
        cameras=(_CAMERA,),
        target_fpir=0.001,
        pack_name=pack_name,
        pack_sha256=pack_sha256,
        watchlist_hash="",
        confirm_shots=2,
        confirm_of=3,
        authority="benchmark",
        demonstration=True,
        updated_at=_BEGIN,
        signature=UNSIGNED,
    )


def _embedding(shot: Shot) -> Embedding:
    return Embedding(
        deployment_id=shot.frame.deployment_id,
        face_id=f"{shot.track_id}/{shot.number}",
        track_id=shot.track_id,
        camera_id=_CAMERA,
        captured_at=shot.frame.captured_at,
        shot=shot.number,
        quality=shot.quality,
        pack_sha256="",
        template=_NOTHING,
        thumbnail=_NOTHING,
    )
