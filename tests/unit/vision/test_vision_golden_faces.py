"""The default pack on real faces: people are found, told apart, and recognised again."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from lookout.vision.alignment import align_chip
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.detector import Detections
from lookout.vision.pack import LoadedPack
from lookout.vision.quality import QualityLimits, measure_shot, rejection_reason

pytestmark = [pytest.mark.models, pytest.mark.faces]

PEOPLE = 12


def read(path: Path) -> Image:
    image = cv2.imread(str(path))
    assert image is not None
    return np.asarray(image, dtype=np.uint8)


def middle_face(pack: LoadedPack, image: Image) -> Detections:
    """The face nearest to the middle: the person the folder names."""
    found = pack.detector().detect(image)
    assert len(found) >= 1
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    middle = np.array([image.shape[1], image.shape[0]]) / 2
    return found.take(np.array([np.linalg.norm(centres - middle, axis=1).argmin()]))


@pytest.fixture(name="pairs", scope="module")
def pairs_fixture(mobile: LoadedPack, faces: dict[str, list[Path]]) -> FloatArray:
    """Templates of the first two images of the first people that have two: (people, 2, dim)."""
    spec, embedder = mobile.pack.embedder, mobile.embedder()
    people = [images[:2] for images in faces.values() if len(images) > 1][:PEOPLE]
    refiner = mobile.refiner()
    chips = [
        align_chip(
            image,
            refiner.refine(image, middle_face(mobile, image)).landmarks[0],
            spec.template_points,
            spec.size,
        )
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
        rejection_reason(measure_shot(image, face.boxes[0], face.landmarks[0]), QualityLimits())
        for image in images
        for face in [middle_face(mobile, image)]
    ]

    assert reasons.count(None) >= PEOPLE - 1


def test_a_face_is_found_in_a_large_frame_where_it_was_put(
    mobile: LoadedPack, faces: dict[str, list[Path]]
) -> None:
    portrait = read(next(iter(faces.values()))[0])
    ((box, _, landmarks),) = middle_face(mobile, portrait)
    frame = np.full((720, 1280, 3), 127, dtype=np.uint8)
    frame[300:550, 700:950] = portrait

    found = mobile.detector().detect(frame)

    nearest = np.abs(found.boxes[:, 0] - (box[0] + 700)).argmin()
    shift = np.array([700, 300], dtype=np.float32)
    np.testing.assert_allclose(found.landmarks[nearest], landmarks + shift, atol=8)


def test_closer_looks_see_a_face_and_its_mirror_image_more_alike_than_the_detector_does(
    mobile: LoadedPack, faces: dict[str, list[Path]]
) -> None:
    refiner, swapped = mobile.refiner(), [1, 0, 2, 4, 3]
    plain: list[float] = []
    refined: list[float] = []
    for images in list(faces.values())[: 2 * PEOPLE]:
        image = read(images[0])
        mirror_image = np.ascontiguousarray(image[:, ::-1])
        face, mirrored = middle_face(mobile, image), middle_face(mobile, mirror_image)
        for differences, one, other in (
            (plain, face, mirrored),
            (refined, refiner.refine(image, face), refiner.refine(mirror_image, mirrored)),
        ):
            back = other.landmarks[0][swapped]
            back[:, 0] = image.shape[1] - 1 - back[:, 0]
            differences.append(float(np.linalg.norm(back - one.landmarks[0], axis=1).mean()))

    assert np.median(refined) < 0.8 * np.median(plain)
