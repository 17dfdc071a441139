"""The default pack on real faces: people are found, told apart, and recognised again."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from lookout.vision.alignment import align_chip
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.pack import LoadedPack
from lookout.vision.quality import QualityLimits, measure_shot, rejection_reason

pytestmark = [pytest.mark.models, pytest.mark.faces]

PEOPLE = 12


def read(path: Path) -> Image:
    image = cv2.imread(str(path))
    assert image is not None
    return np.asarray(image, dtype=np.uint8)


def middle_face(pack: LoadedPack, image: Image) -> tuple[FloatArray, FloatArray]:
    """Box and landmarks of the face nearest to the middle: the person the folder names."""
    found = pack.detector().detect(image)
    assert len(found) >= 1
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    middle = np.array([image.shape[1], image.shape[0]]) / 2
    nearest = int(np.linalg.norm(centres - middle, axis=1).argmin())
    return found.boxes[nearest], found.landmarks[nearest]


@pytest.fixture(name="pairs", scope="module")
def pairs_fixture(mobile: LoadedPack, faces: dict[str, list[Path]]) -> FloatArray:
    """Templates of the first two images of the first people that have two: (people, 2, dim)."""
    spec, embedder = mobile.pack.embedder, mobile.embedder()
    people = [images[:2] for images in faces.values() if len(images) > 1][:PEOPLE]
    chips = [
        align_chip(image, middle_face(mobile, image)[1], spec.template_points, spec.size)
        for images in people
        for image in map(read, images)
    ]
    return embedder.embed(np.stack(chips)).reshape(PEOPLE, 2, -1)


def test_two_images_of_one_person_score_above_the_threshold(
    mobile: LoadedPack, pairs: FloatArray
) -> None:
    scores = (pairs[:, 0] * pairs[:, 1]).sum(axis=1)

    # One in twenty mated pairs of this set misses the threshold; of twelve, at most two.
    assert (scores >= mobile.pack.threshold(0.01, 100)).sum() >= PEOPLE - 2


def test_two_people_score_below_the_threshold(mobile: LoadedPack, pairs: FloatArray) -> None:
    scores = pairs[:, 0] @ pairs[:, 1].T

    strangers = scores[~np.eye(PEOPLE, dtype=np.bool_)]
    assert strangers.max() < mobile.pack.threshold(0.01, 100)


def test_faces_of_ordinary_photographs_are_usable(
    mobile: LoadedPack, faces: dict[str, list[Path]]
) -> None:
    images = [read(images[0]) for images in list(faces.values())[:PEOPLE]]
    reasons = [
        rejection_reason(measure_shot(image, *middle_face(mobile, image)), QualityLimits())
        for image in images
    ]

    assert reasons.count(None) >= PEOPLE - 1


def test_a_face_is_found_in_a_large_frame_where_it_was_put(
    mobile: LoadedPack, faces: dict[str, list[Path]]
) -> None:
    portrait = read(next(iter(faces.values()))[0])
    box, landmarks = middle_face(mobile, portrait)
    frame = np.full((720, 1280, 3), 127, dtype=np.uint8)
    frame[300:550, 700:950] = portrait

    found = mobile.detector().detect(frame)

    nearest = np.abs(found.boxes[:, 0] - (box[0] + 700)).argmin()
    shift = np.array([700, 300], dtype=np.float32)
    np.testing.assert_allclose(found.landmarks[nearest], landmarks + shift, atol=8)
