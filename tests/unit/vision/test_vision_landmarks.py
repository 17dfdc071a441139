"""Closer looks at found faces."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from lookout.vision.arrays import FloatArray, Image, ShapeError
from lookout.vision.detector import Detections
from lookout.vision.landmarks import CloserLooks, DetectorLandmarks, Look

POINTS = np.array([[-20, -20], [20, -20], [0, 0], [-15, 20], [15, 20]], np.float32)
IMAGE = np.zeros((300, 400, 3), dtype=np.uint8)


@dataclass
class MarkSeeker:
    """Finds a face around every brightest spot of the crop, with eyes as far apart as told, in pixels of the crop."""

    span: float
    off: tuple[float, float] = (0.0, 0.0)
    blind: bool = False
    crops: list[Image] = field(default_factory=list)

    def detect(self, image_bgr: Image) -> Detections:
        self.crops.append(image_bgr)
        if self.blind:
            return Detections.none()
        rows, columns = np.nonzero(image_bgr[..., 0] > 60)
        if not len(rows):
            return Detections.none()
        groups: list[FloatArray] = []
        spots = np.stack([columns, rows], axis=1).astype(np.float32)
        while len(spots):
            near = np.linalg.norm(spots - spots[0], axis=1) < self.span / 2
            groups.append(spots[near].mean(axis=0))
            spots = spots[~near]
        half = np.array([self.span / 2, self.span / 2], np.float32)
        return Detections(
            np.array([np.concatenate([at - half, at + half]) for at in groups], np.float32),
            np.full(len(groups), 0.9, np.float32),
            np.array(
                [at + POINTS * self.span / 80 + np.array(self.off, np.float32) for at in groups],
                np.float32,
            ),
        )


def marked(*centres: tuple[int, int]) -> Image:
    image = IMAGE.copy()
    for x, y in centres:
        image[y - 2 : y + 3, x - 2 : x + 3] = 255
    return image


def found(*centres: tuple[float, float], side: float = 80) -> Detections:
    boxes = [[x - side / 2, y - side / 2, x + side / 2, y + side / 2] for x, y in centres]
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(centres), 0.7, np.float32),
        np.array([np.full((5, 2), 7.0)] * len(centres), np.float32).reshape(-1, 5, 2),
    )


def test_landmarks_come_back_in_pixels_of_the_image() -> None:
    # The box is 80 pixels, the crop twice that on 128: a pixel of the image is 0.8 of the crop.
    seeker = MarkSeeker(span=64)
    looks = CloserLooks([Look(detector=seeker, crop=2.0, side=128)])

    refined = looks.refine(marked((150, 120)), found((150, 120)))

    assert seeker.crops[0].shape == (128, 128, 3)
    np.testing.assert_allclose(
        refined.landmarks[0], POINTS + np.array([150, 120], np.float32), atol=0.7
    )


def test_boxes_scores_and_order_stay_what_they_were() -> None:
    faces = found((100, 100), (300, 200))
    looks = CloserLooks([Look(detector=MarkSeeker(span=64), crop=2.0, side=128)])

    refined = looks.refine(marked((100, 100), (300, 200)), faces)

    assert refined.boxes is faces.boxes
    assert refined.scores is faces.scores
    np.testing.assert_allclose(refined.landmarks[:, 2], [[100, 100], [300, 200]], atol=0.7)
    assert (faces.landmarks == 7).all()


def test_the_looks_are_averaged() -> None:
    looks = [
        Look(detector=MarkSeeker(span=64, off=(8, 0)), crop=2.0, side=128),
        Look(detector=MarkSeeker(span=64, off=(0, 4)), crop=2.0, side=128),
    ]

    refined = CloserLooks(looks).refine(marked((150, 120)), found((150, 120)))

    np.testing.assert_allclose(refined.landmarks[0, 2], [150 + 5, 120 + 2.5], atol=0.7)


def test_a_look_that_sees_nothing_is_left_out_and_one_that_does_is_enough() -> None:
    looks = [
        Look(detector=MarkSeeker(span=64, blind=True), crop=2.0, side=128),
        Look(detector=MarkSeeker(span=64), crop=2.0, side=128),
    ]

    refined = CloserLooks(looks).refine(marked((150, 120)), found((150, 120)))

    np.testing.assert_allclose(
        refined.landmarks[0], POINTS + np.array([150, 120], np.float32), atol=0.7
    )


def test_a_face_that_no_look_sees_again_keeps_the_detectors_landmarks() -> None:
    looks = CloserLooks([Look(detector=MarkSeeker(span=64, blind=True), crop=2.0, side=128)])

    refined = looks.refine(IMAGE, found((150, 120)))

    assert (refined.landmarks == 7).all()


def test_the_landmarks_of_a_neighbour_are_not_taken() -> None:
    # Only the neighbour is seen on the crop; it overlaps the face meant too little.
    looks = CloserLooks([Look(detector=MarkSeeker(span=64), crop=2.0, side=128)])

    refined = looks.refine(marked((215, 120)), found((150, 120)))

    assert (refined.landmarks == 7).all()


def test_of_two_faces_on_a_crop_the_one_meant_is_taken() -> None:
    looks = CloserLooks([Look(detector=MarkSeeker(span=64), crop=2.0, side=128)])

    refined = looks.refine(marked((215, 120), (150, 120)), found((150, 120)))

    np.testing.assert_allclose(refined.landmarks[0, 2], [150, 120], atol=0.7)


def test_a_large_face_is_shrunk_without_losing_its_place() -> None:
    image = np.zeros((1500, 1500, 3), dtype=np.uint8)
    image[680:721, 780:821] = 255
    looks = CloserLooks([Look(detector=MarkSeeker(span=64), crop=2.0, side=128)])

    refined = looks.refine(image, found((800, 700), side=640))

    np.testing.assert_allclose(refined.landmarks[0, 2], [800, 700], atol=6)


@pytest.mark.parametrize("value", [np.nan, np.inf, 150.0])
def test_a_box_without_extent_keeps_its_landmarks(value: float) -> None:
    faces = found((150, 120))
    faces.boxes[0] = value
    looks = CloserLooks([Look(detector=MarkSeeker(span=64), crop=2.0, side=128)])

    assert (looks.refine(marked((150, 120)), faces).landmarks == 7).all()


def test_no_faces_cost_no_look() -> None:
    seeker = MarkSeeker(span=64)

    refined = CloserLooks([Look(detector=seeker, crop=2.0, side=128)]).refine(
        IMAGE, Detections.none()
    )

    assert (len(refined), seeker.crops) == (0, [])


def test_a_pack_without_closer_looks_takes_the_detectors_landmarks() -> None:
    faces = found((150, 120))

    assert DetectorLandmarks().refine(IMAGE, faces) is faces


@pytest.mark.parametrize("refiner", [DetectorLandmarks(), CloserLooks([])])
def test_an_image_of_another_shape_is_refused(refiner: DetectorLandmarks | CloserLooks) -> None:
    with pytest.raises(ShapeError, match="image must be uint8"):
        refiner.refine(np.zeros((40, 40), dtype=np.uint8), Detections.none())
