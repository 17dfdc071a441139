"""Detection and embedding together, on real faces: from a sealed frame to a template that tells people apart."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from lookout.events import Embedding, Frame
from lookout.sealing.envelope import open_sealed
from lookout.stream.ports import Partition, Position
from lookout.stream.processor import Delivery
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.pack import LoadedPack
from lookout_detection.metrics import Metrics as DetectionMetrics
from lookout_detection.ports import ChipContract
from lookout_detection.processor import DetectionProcessor
from lookout_detection.settings import Settings as DetectionSettings
from lookout_embedding.metrics import Metrics as EmbeddingMetrics
from lookout_embedding.processor import EmbeddingProcessor
from lookout_embedding.settings import Settings as EmbeddingSettings
from prometheus_client import CollectorRegistry
from unit.detection.scenes import NOW, Scene, deployment, faces_of, jpeg, previews_of

pytestmark = [pytest.mark.models, pytest.mark.faces]

PEOPLE = 3
SIDE = 400


@dataclass(slots=True)
class Line:
    """Both processors on one keyring."""

    scene: Scene
    detection: DetectionProcessor
    embedding: EmbeddingProcessor


@pytest.fixture(name="line")
def line_fixture(mobile: LoadedPack) -> Line:
    pack = mobile.pack
    scene = Scene()
    live = deployment(cameras=("gate", "door"), pack_sha256=pack.sha256)
    scene.authority.deployments = [live]
    spec = pack.embedder
    detection = DetectionProcessor(
        detector=mobile.detector(),
        far=None,
        refiner=mobile.refiner(),
        chips=ChipContract(pack_sha256=pack.sha256, size=spec.size, template=spec.template_points),
        authority=scene.authority,
        keyring=scene.keyring,
        issuer=scene.issuer,
        metrics=DetectionMetrics(CollectorRegistry()),
        clock=lambda: NOW,
        settings=DetectionSettings(),
    )
    embedding = EmbeddingProcessor(
        embedder=mobile.embedder(),
        pack_sha256=pack.sha256,
        authority=scene.authority,
        keyring=scene.keyring,
        metrics=EmbeddingMetrics(CollectorRegistry()),
        clock=lambda: NOW,
        settings=EmbeddingSettings(),
    )
    return Line(scene, detection, embedding)


def composed(paths: list[Path]) -> Image:
    """A frame of 1280 x 720 with the pictures side by side on grey."""
    frame = np.full((720, 1280, 3), 110, dtype=np.uint8)
    for number, path in enumerate(paths):
        picture = cv2.imread(str(path))
        assert picture is not None
        left = 20 + number * 420
        frame[160 : 160 + SIDE, left : left + SIDE] = cv2.resize(picture, (SIDE, SIDE))
    return frame


def templates(line: Line, image: Image, camera: str) -> FloatArray:
    """The template of the person in each picture of the frame, from left to right; shape (people, dim)."""
    scene = line.scene
    frame: Delivery[Frame] = scene.frame(0, camera=camera, content=jpeg(image), size=(1280, 720))
    outcome = line.detection.process([frame])
    boxes = {face.face_id: face.box for face in faces_of(outcome)}
    faces = [
        Delivery(face, Position(Partition("faces", 0), offset))
        for offset, face in enumerate(faces_of(outcome))
    ]
    made = line.embedding.process(faces)
    assert made.reject == []
    embeddings = [each for each in made.produce if isinstance(each, Embedding)]
    return np.stack([opened(line, nearest(embeddings, boxes, n)) for n in range(PEOPLE)])


def nearest(
    embeddings: list[Embedding], boxes: dict[str, tuple[float, ...]], number: int
) -> Embedding:
    """The embedding of the face nearest to the middle of a picture: the person it is of."""
    middle: npt.NDArray[np.float64] = np.array([20 + number * 420 + SIDE / 2, 160 + SIDE / 2])

    def distance(embedding: Embedding) -> float:
        box = np.array(boxes[embedding.face_id])
        return float(np.linalg.norm((box[:2] + box[2:]) / 2 - middle))

    return min(embeddings, key=distance)


def opened(line: Line, embedding: Embedding) -> FloatArray:
    (key,) = line.scene.keyring.get([embedding.template.key_id])
    assert key is not None
    data = open_sealed(key, embedding.template, what="template", whose=embedding.face_id)
    return np.frombuffer(data, dtype="<f4").astype(np.float32)


def test_a_person_seen_by_two_cameras_is_told_from_the_others(
    line: Line, mobile: LoadedPack, faces: dict[str, list[Path]]
) -> None:
    people = [images[:2] for images in faces.values() if len(images) > 1][:PEOPLE]
    first = templates(line, composed([images[0] for images in people]), "gate")
    second = templates(line, composed([images[1] for images in people]), "door")
    scores = first @ second.T
    threshold = mobile.pack.threshold(0.01, 100)
    assert np.diag(scores).min() >= threshold
    assert scores[~np.eye(PEOPLE, dtype=np.bool_)].max() < threshold


def test_no_face_can_be_found_again_in_the_preview(
    line: Line, mobile: LoadedPack, faces: dict[str, list[Path]]
) -> None:
    image = composed([images[0] for images in list(faces.values())[:PEOPLE]])
    assert len(mobile.detector().detect(image)) >= PEOPLE
    frame = line.scene.frame(0, content=jpeg(image), size=(1280, 720))
    (preview,) = previews_of(line.detection.process([frame]))
    shown = cv2.imdecode(np.frombuffer(preview.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert preview.faces >= PEOPLE
    assert len(mobile.detector().detect(np.asarray(shown, dtype=np.uint8))) == 0
