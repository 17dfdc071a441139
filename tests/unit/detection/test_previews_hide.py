"""Previews show nobody: neither detection nor recognition works on them, measured with the models Lookout itself uses."""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from lookout.vision.alignment import align_chip
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.boxes import iou_matrix
from lookout.vision.detector import Detections
from lookout.vision.embedder import Embedder
from lookout.vision.pack import LoadedPack
from lookout_detection.imaging import preview_jpeg
from lookout_detection.settings import Settings
from lookout_detection.zones import CameraRules
from unit.detection.scenes import Scene, jpeg, previews_of
from unit.detection.test_detection_processor import shown

pytestmark = [pytest.mark.models, pytest.mark.faces]

PEOPLE = 40
WIDTH, HEIGHT = 1280, 720
# Left upper corners and sizes of the pictures on the street: in plain view, tiny, cut by the left and the upper border.
PLACES = ((500, 300, 250), (900, 400, 90), (-110, 350, 250), (850, -100, 250))


@dataclass(frozen=True, slots=True)
class Person:
    enrolled: FloatArray
    picture: Image
    face: Detections


@dataclass(frozen=True, slots=True)
class Templates:
    points: FloatArray
    embedder: Embedder

    def of(self, image: Image, landmarks: FloatArray) -> FloatArray:
        chip = align_chip(image, landmarks, self.points, self.embedder.size)
        return np.asarray(self.embedder.embed(chip[None])[0], np.float32)


@pytest.fixture(name="templates", scope="module")
def templates_fixture(mobile: LoadedPack) -> Templates:
    return Templates(mobile.pack.embedder.template_points, mobile.embedder())


@pytest.fixture(name="people", scope="module")
def people_fixture(
    mobile: LoadedPack, templates: Templates, faces: dict[str, list[Path]]
) -> list[Person]:
    """People with two pictures: one's template, and the other picture with its face."""
    detector, people = mobile.detector(), []
    for paths in faces.values():
        if len(paths) < 2:
            continue
        first, second = (np.asarray(cv2.imread(str(path)), np.uint8) for path in paths[:2])
        found, again = detector.detect(first), detector.detect(second)
        if len(found) == len(again) == 1:
            enrolled = templates.of(first, found.landmarks[0])
            people.append(Person(enrolled, second, again))
        if len(people) == PEOPLE:
            return people
    pytest.skip(f"the evaluation images hold fewer than {PEOPLE} people with two pictures")


def read(data: bytes) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def rank_one(people: list[Person], probes: list[FloatArray]) -> tuple[float, float]:
    """Share of probes that are likest their own person, and how much likelier than others they are on average."""
    scores = np.stack(probes) @ np.stack([person.enrolled for person in people]).T
    own = np.diag(scores)
    others = scores[~np.eye(len(people), dtype=bool)]
    share = (scores.argmax(axis=1) == np.arange(len(people))).mean()
    return float(share), float(own.mean() - others.mean())


@pytest.mark.parametrize("side", [30.0, 60.0, 120.0])
def test_nobody_is_recognised_or_even_found_on_a_pixelated_face(
    mobile: LoadedPack, templates: Templates, people: list[Person], side: float
) -> None:
    how = mobile.pack.detector.settings
    eager = mobile.detector(settings=replace(how, score_threshold=0.3))
    clear, hidden, found = [], [], 0
    for person in people:
        factor = side / float(np.sqrt(np.prod(person.face.boxes[0, 2:] - person.face.boxes[0, :2])))
        small = cv2.resize(person.picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        image = np.asarray(small, np.uint8)
        boxes, points = person.face.boxes * factor, person.face.landmarks[0] * factor
        preview = read(preview_jpeg(image, boxes.astype(np.float32), longest=640))
        # Not even enlarged to a comfortable size, with the true landmarks known.
        large = np.asarray(cv2.resize(preview, None, fx=96 / side, fy=96 / side), np.uint8)
        truth = (boxes * 96 / side).astype(np.float32)
        found += int(iou_matrix(truth, eager.detect(large).boxes).max(initial=0) >= 0.3)
        clear.append(templates.of(image, points.astype(np.float32)))
        hidden.append(templates.of(preview, points.astype(np.float32)))
    assert found == 0
    share, gain = rank_one(people, hidden)
    assert share <= 4 / PEOPLE
    assert abs(gain) < 0.04
    # The same faces in the clear are recognised: the measure would notice.
    assert rank_one(people, clear)[0] > 0.8


def test_a_preview_hides_faces_in_view_tiny_ones_those_on_the_border_and_those_outside_the_zone(
    mobile: LoadedPack, people: list[Person]
) -> None:
    settings = mobile.pack.detector.settings
    eager = mobile.detector(settings=replace(settings, score_threshold=0.3))
    street, truth = _street(mobile, people)
    assert len(truth) == len(PLACES)
    # Only the far left is in the zone: most of these faces are outside it.
    zone = ((0.0, 0.0), (0.1, 0.0), (0.1, 1.0), (0.0, 1.0))
    scene = Scene(settings=Settings(cameras={"gate": CameraRules(zone=zone)}))
    content, size = jpeg(street), (WIDTH, HEIGHT)
    scene.processor._detector = eager
    seen = scene.processor.process([scene.frame(0, content=content, size=size)])
    scene.now += timedelta(seconds=1)
    # The next frame shows them all again, but the detector finds none: they are only expected there.
    scene.processor._detector = scene.detector
    expected = scene.processor.process([scene.frame(1, content=content, size=size)])
    for preview in previews_of(seen, expected):
        image = np.asarray(cv2.resize(shown(preview), size), np.uint8)
        overlap = iou_matrix(truth, eager.detect(image).boxes)
        assert overlap.max(initial=0) < 0.3
    assert len(previews_of(seen, expected)) == 2


def _street(mobile: LoadedPack, people: list[Person]) -> tuple[Image, FloatArray]:
    """A street with people on it, and the boxes of the faces that the detector finds there."""
    street = np.random.default_rng(2).integers(90, 150, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    street = np.asarray(cv2.GaussianBlur(street, (0, 0), 3), np.uint8)
    for (left, top, side), person in zip(PLACES, people, strict=False):
        picture = cv2.resize(person.picture, (side, side), interpolation=cv2.INTER_AREA)
        low = max(0, -left), max(0, -top)
        part = picture[low[1] : HEIGHT - top, low[0] : WIDTH - left]
        y, x = max(0, top), max(0, left)
        street[y : y + part.shape[0], x : x + part.shape[1]] = part
    return street, mobile.detector().detect(street).boxes
