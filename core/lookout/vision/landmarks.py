"""Landmark refinement: a second, closer look at faces already found, so that chips align well."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lookout.vision.alignment import cut_square
from lookout.vision.arrays import FloatArray, Image, require_image
from lookout.vision.boxes import iou_matrix
from lookout.vision.detector import Detections, FaceDetector

_SAME_FACE = 0.3
"""Overlap of the box found first and the one found on the crop: less, and it is a neighbour's face."""


class LandmarkRefiner(Protocol):
    """Makes the landmarks of found faces good enough to align by."""

    def refine(self, image_bgr: Image, found: Detections) -> Detections:
        """The same faces, same order, same boxes and scores, with landmarks good enough to align.

        Blocks until done; costs time per face, so callers pass only those they will embed:
        `refine(image, found.take(wanted))`.

        Args:
            image_bgr: the image in which the faces were found, shape (H, W, 3), uint8, BGR.
            found: some or all of its faces.

        Raises:
            ShapeError: the image has another shape or dtype.
        """
        ...


class DetectorLandmarks:
    """Takes the detector's landmarks as they are: for packs that name no refinement."""

    def refine(self, image_bgr: Image, found: Detections) -> Detections:
        """See `LandmarkRefiner.refine`."""
        require_image(image_bgr)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One closer look: a detector on a square crop around the face.

    Attributes:
        detector: what looks; it must take crops of `side` without shrinking them.
        crop: side of the square, in longer sides of the face's box.
        side: of the crop that the detector gets, pixels.
    """

    detector: FaceDetector
    crop: float
    side: int

    def landmarks(self, image_bgr: Image, box: FloatArray) -> FloatArray | None:
        """The landmarks of the face in this box, (5, 2), pixels of the image; None where it is not seen again."""
        if not np.isfinite(box).all():
            return None
        centre = (box[:2] + box[2:]) / 2
        extent = float((box[2:] - box[:2]).max()) * self.crop
        if extent < 1:
            return None
        scale = self.side / extent
        shift = (self.side - 1) / 2 - centre * scale
        matrix: npt.NDArray[np.float64] = np.array(
            [[scale, 0, shift[0]], [0, scale, shift[1]]], dtype=np.float64
        )
        seen = self.detector.detect(cut_square(image_bgr, matrix, self.side))
        if len(seen) == 0:
            return None
        moved = (box.reshape(2, 2) * scale + shift).reshape(1, 4).astype(np.float32)
        overlaps = iou_matrix(moved, seen.boxes)[0]
        best = int(overlaps.argmax())
        if overlaps[best] < _SAME_FACE:
            return None
        return np.asarray((seen.landmarks[best] - shift) / scale, dtype=np.float32)


class CloserLooks:
    """The mean of several looks; a face that none of them sees again keeps the detector's landmarks."""

    def __init__(self, looks: Sequence[Look]) -> None:
        self._looks = tuple(looks)

    def refine(self, image_bgr: Image, found: Detections) -> Detections:
        """See `LandmarkRefiner.refine`."""
        require_image(image_bgr)
        landmarks = found.landmarks.copy()
        for row, box in enumerate(found.boxes):
            seen = [look.landmarks(image_bgr, box) for look in self._looks]
            points = [each for each in seen if each is not None]
            if points:
                landmarks[row] = np.mean(points, axis=0)
        return Detections(found.boxes, found.scores, landmarks)
