"""Landmark refinement: a second, closer look at faces already found, so that chips align well."""

from typing import Protocol

from lookout.vision.arrays import Image, require_image
from lookout.vision.detector import Detections


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
