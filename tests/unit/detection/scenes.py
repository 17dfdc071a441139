"""Scenes for detection's tests: frames of painted cameras, a detector that finds what it is told to, an authority."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
from lookout.authority import why_not_in_force
from lookout.events import (
    UNSIGNED,
    Deployment,
    DeploymentState,
    Face,
    Frame,
    Preview,
    Track,
)
from lookout.sealing.envelope import seal
from lookout.sealing.ports import DataKey, KeyringUnavailableError
from lookout.stream.ports import Partition, Position
from lookout.stream.processor import Delivery, Outcome
from lookout.vision.arrays import Image
from lookout.vision.detector import Detections
from lookout.vision.landmarks import DetectorLandmarks, LandmarkRefiner
from lookout.vision.tiles import TiledLook
from lookout_detection.metrics import Metrics
from lookout_detection.ports import ChipContract
from lookout_detection.processor import DetectionProcessor
from lookout_detection.settings import Settings
from prometheus_client import CollectorRegistry
from support.keyrings import MemoryKeyring

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
PACK = "a" * 64
TTL = timedelta(seconds=60)

# Where eyes, nose and mouth corners of a face that looks straight ahead lie in its box.
_PROPORTIONS = np.array(
    [[0.31, 0.40], [0.69, 0.40], [0.50, 0.59], [0.35, 0.78], [0.65, 0.78]], dtype=np.float32
)
TEMPLATE = (_PROPORTIONS * 112).astype(np.float32)


def deployment(
    name: str = "market", *, cameras: Sequence[str] = ("gate",), pack_sha256: str = PACK
) -> Deployment:
    """A live deployment of an hour before and after `NOW`."""
    return Deployment(
        deployment_id=name,
        state=DeploymentState.LIVE,
        opens_at=NOW - timedelta(hours=1),
        closes_at=NOW + timedelta(hours=1),
        cameras=tuple(cameras),
        target_fpir=0.001,
        pack_name="test",
        pack_sha256=pack_sha256,
        watchlist_hash="",
        confirm_shots=2,
        confirm_of=5,
        authority="test",
        demonstration=True,
        updated_at=NOW,
        signature=UNSIGNED,
    )


@dataclass(slots=True)
class FixedAuthority:
    """An authority over the deployments it is given."""

    deployments: list[Deployment]

    def in_force(self, now: datetime) -> Collection[Deployment]:
        return [each for each in self.deployments if why_not_in_force(each, now) is None]

    def deployment(self, deployment_id: str, now: datetime) -> Deployment | None:
        found = (each for each in self.in_force(now) if each.deployment_id == deployment_id)
        return next(found, None)

    def for_camera(self, camera_id: str, now: datetime) -> Deployment | None:
        return next((each for each in self.in_force(now) if camera_id in each.cameras), None)

    def why_not(self, now: datetime) -> str:
        return "" if self.in_force(now) else "no deployment is in force"


@dataclass(slots=True)
class KeyringIssuer:
    """Keys straight from a keyring, one block for each deployment."""

    keyring: MemoryKeyring
    made: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    fails: bool = False

    def make(self, deployment_id: str, count: int) -> Sequence[DataKey]:
        if self.fails:
            raise KeyringUnavailableError("the keyring does not answer (fake): let it")
        block = f"block-{deployment_id}"
        self.keyring.open_block(
            block_id=block, deployment_id=deployment_id, service="detection", count=100_000
        )
        keys = self.keyring.make(block, count, TTL)
        self.made += [key.key_id for key in keys]
        return keys

    def retire(self, deployment_id: str) -> None:
        self.retired.append(deployment_id)

    def close(self) -> None:
        """Nothing is left over."""


@dataclass(slots=True)
class ToldDetector:
    """Finds what the next entry of its script says; nothing once the script is over."""

    script: list[Detections] = field(default_factory=list)
    looks: int = 0

    def detect(self, image_bgr: Image) -> Detections:
        self.looks += 1
        return self.script.pop(0) if self.script else Detections.none()


def faces_at(*boxes: tuple[float, float, float, float], score: float = 0.95) -> Detections:
    """Faces that look straight ahead, in these boxes (xyxy)."""
    if not boxes:
        return Detections.none()
    array = np.array(boxes, dtype=np.float32)
    sides = array[:, 2:] - array[:, :2]
    landmarks = array[:, None, :2] + _PROPORTIONS[None] * sides[:, None]
    scores = np.full(len(boxes), score, dtype=np.float32)
    return Detections(array, scores, landmarks.astype(np.float32))


def face_at(x: float, y: float, side: float = 100, *, score: float = 0.95) -> Detections:
    """One face, by its upper left corner and size."""
    return faces_at((x, y, x + side, y + side), score=score)


def picture(width: int = 960, height: int = 540) -> Image:
    """A noisy picture, sharp enough for any face."""
    noise = np.random.default_rng(7).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.2), dtype=np.uint8)


def jpeg(image: Image) -> bytes:
    """The picture as a camera would send it."""
    good, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    assert good
    return data.tobytes()


PICTURE = picture()
PICTURE_JPEG = jpeg(PICTURE)


@dataclass(slots=True)
class Scene:
    """A detection processor with everything around it."""

    settings: Settings = field(default_factory=Settings)
    authority: FixedAuthority = field(
        default_factory=lambda: FixedAuthority([deployment(cameras=("gate", "door"))])
    )
    script: Sequence[Detections] = ()
    far: TiledLook | None = None
    refiner: LandmarkRefiner = field(default_factory=DetectorLandmarks)
    keyring: MemoryKeyring = field(default_factory=MemoryKeyring)
    now: datetime = NOW
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    detector: ToldDetector = field(init=False)
    issuer: KeyringIssuer = field(init=False)
    processor: DetectionProcessor = field(init=False)
    _offset: int = 0

    def __post_init__(self) -> None:
        self.detector = ToldDetector(list(self.script))
        self.issuer = KeyringIssuer(self.keyring)
        self.processor = DetectionProcessor(
            detector=self.detector,
            far=self.far,
            refiner=self.refiner,
            chips=ChipContract(pack_sha256=PACK, size=112, template=TEMPLATE),
            authority=self.authority,
            keyring=self.keyring,
            issuer=self.issuer,
            metrics=Metrics(self.registry),
            clock=lambda: self.now,
            settings=self.settings,
        )
        self.keyring.open_block(
            block_id="frames", deployment_id="market", service="capture", count=100_000
        )

    def frame(
        self,
        sequence: int,
        *,
        camera: str = "gate",
        at: datetime | None = None,
        content: bytes = PICTURE_JPEG,
        deployment_id: str = "market",
        size: tuple[int, int] = (960, 540),
    ) -> Delivery[Frame]:
        """A sealed frame, captured at `now` unless said otherwise."""
        (key,) = self.keyring.make("frames", 1, TTL)
        frame_id = f"{deployment_id}-{camera}-{sequence}-{secrets.token_hex(4)}"
        event = Frame(
            deployment_id=deployment_id,
            frame_id=frame_id,
            camera_id=camera,
            sequence=sequence,
            captured_at=at or self.now,
            width=size[0],
            height=size[1],
            image=seal(key, content, what="frame", whose=frame_id),
        )
        return self.delivery(event)

    def delivery(self, event: Frame) -> Delivery[Frame]:
        """The frame as the stream would bring it: a partition for each camera."""
        self._offset += 1
        index = 0 if event.camera_id == "gate" else 1
        return Delivery(event, Position(Partition("frames", index), self._offset))

    def passes(self, *found: Detections, seconds: float = 0.1, sequence: int = 0) -> list[Outcome]:
        """Frame after frame of the gate, each at once and so many seconds after the one before."""
        outcomes = []
        for number, detections in enumerate(found, start=sequence):
            self.detector.script = [detections]
            outcomes.append(self.processor.process([self.frame(number)]))
            self.now += timedelta(seconds=seconds)
        return outcomes

    def carry_out(self, outcome: Outcome) -> int:
        """Destroy what the outcome says; the number of keys that were still there."""
        orders = [*outcome.destroy, *(key for bad in outcome.reject for key in bad.keys)]
        return self.keyring.destroy(orders, by="detection", at=self.now)

    def count(self, name: str, **labels: str) -> float:
        """A metric's value, 0 where it was never touched."""
        return self.registry.get_sample_value(f"lookout_detection_{name}", labels) or 0.0


def faces_of(*outcomes: Outcome) -> list[Face]:
    """The faces produced, in order."""
    return [each for outcome in outcomes for each in outcome.produce if isinstance(each, Face)]


def tracks_of(*outcomes: Outcome) -> list[Track]:
    """The track summaries produced, in order."""
    return [each for outcome in outcomes for each in outcome.produce if isinstance(each, Track)]


def previews_of(*outcomes: Outcome) -> list[Preview]:
    """The previews produced, in order."""
    return [each for outcome in outcomes for each in outcome.produce if isinstance(each, Preview)]
