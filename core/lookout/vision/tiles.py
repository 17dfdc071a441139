"""A closer look at far faces: overlapping, enlarged tiles of an image, and one list of faces out of all of them.

A detector without fully connected layers sees as much in a whole image as in its tiles, at the same scale. So tiles are
worth their time only enlarged, and only where faces may be that far away: a part of the image.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from lookout.vision.arrays import Image, require_image
from lookout.vision.boxes import nms
from lookout.vision.detector import Detections, FaceDetector

_SAME_FACE_IOU = 0.3
_SAME_FACE_COVER = 0.7
"""Share of the smaller of two boxes inside the larger, from which they are one face, seen whole and in part."""

_CUT = 2.0
"""A box that comes so close to an inner edge of its tile, in pixels, is taken for cut off by it."""

Window = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of an image; right and bottom are just outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileRules:
    """How tiles are cut.

    Attributes:
        side: of a square tile, pixels of the image.
        overlap: of neighbouring tiles, pixels of the image; faces whose side is a little less are whole in one of two
            neighbours. Larger ones are the whole image's to find.
        zoom: by how much a tile is enlarged.
    """

    side: int = 320
    overlap: int = 64
    zoom: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.side or self.side < 32:
            raise ValueError(
                "tiles need a side of 32 pixels or more, and an overlap below it,"
                f" but got side {self.side} and overlap {self.overlap}"
            )
        if not 1 <= self.zoom <= 4:
            raise ValueError(f"tiles are enlarged 1 to 4 times, but zoom is {self.zoom:g}")


class TiledLook:
    """Finds faces too small for the detector at its usual scale."""

    def __init__(self, detector: FaceDetector, rules: TileRules) -> None:
        """``detector`` must not shrink an image of `TileRules.side` times `TileRules.zoom` pixels."""
        self._detector, self._rules = detector, rules

    def add(self, image_bgr: Image, found: Detections, within: Window | None = None) -> Detections:
        """The faces found already, and those that tiles show besides; each face once, best score first.

        Blocks for one detection of a tile's size per tile.

        Args:
            image_bgr: shape (H, W, 3), uint8, BGR.
            found: what the whole image showed.
            within: where faces may be that are worth it; the whole image where None.

        Raises:
            ShapeError: the image has another shape or dtype.
        """
        require_image(image_bgr)
        height, width = image_bgr.shape[:2]
        part = _grown(within or (0, 0, width, height), self._rules.overlap, width, height)
        tiles = tile_windows(part, self._rules)
        return merge([found, *(self._whole_faces(image_bgr, window) for window in tiles)])

    def _whole_faces(self, image: Image, window: Window) -> Detections:
        """What one tile shows, in pixels of the image, without faces that an edge inside the image cuts."""
        left, top, right, bottom = window
        tile = image[top:bottom, left:right]
        zoom = self._rules.zoom
        if zoom != 1:
            size = max(1, round((right - left) * zoom)), max(1, round((bottom - top) * zoom))
            resized = cv2.resize(tile, size, interpolation=cv2.INTER_LINEAR)
            tile = np.asarray(resized, dtype=np.uint8)
        found = self._detector.detect(np.ascontiguousarray(tile))
        scale = np.array([right - left, bottom - top], dtype=np.float32) / tile.shape[1::-1]
        corner = np.array([left, top], dtype=np.float32)
        boxes = np.asarray(found.boxes * np.tile(scale, 2) + np.tile(corner, 2), dtype=np.float32)
        landmarks = np.asarray(found.landmarks * scale + corner, dtype=np.float32)
        moved = Detections(boxes, found.scores, landmarks)
        height, width = image.shape[:2]
        low = np.where([left > 0, top > 0], corner + _CUT, -np.inf)
        high = np.where([right < width, bottom < height], [right - _CUT, bottom - _CUT], np.inf)
        cut = (boxes[:, :2] < low).any(axis=1) | (boxes[:, 2:] > high).any(axis=1)
        return moved.take(np.flatnonzero(~cut))


def tile_windows(part: Window, rules: TileRules) -> tuple[Window, ...]:
    """The tiles that cover a part of an image, row by row: as few as can overlap enough, spread evenly."""
    left, top, right, bottom = part
    return tuple(
        (x_low, y_low, x_high, y_high)
        for y_low, y_high in _spans(top, bottom, rules)
        for x_low, x_high in _spans(left, right, rules)
    )


def merge(parts: list[Detections]) -> Detections:
    """The faces of several looks at one image, each once: the look with the higher score is kept."""
    boxes = np.concatenate([part.boxes for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    landmarks = np.concatenate([part.landmarks for part in parts])
    kept = nms(boxes, scores, iou_threshold=_SAME_FACE_IOU, cover_threshold=_SAME_FACE_COVER)
    return Detections(boxes[kept], scores[kept], landmarks[kept])


def _spans(low: int, high: int, rules: TileRules) -> list[tuple[int, int]]:
    length = high - low
    if length <= rules.side:
        return [(low, high)] if length > 0 else []
    count = -(-(length - rules.overlap) // (rules.side - rules.overlap))
    starts = np.linspace(low, high - rules.side, count).round().astype(int)
    return [(int(start), int(start) + rules.side) for start in starts]


def _grown(part: Window, margin: int, width: int, height: int) -> Window:
    """The part with a margin, so that faces on its edge are whole, within the image."""
    left, top, right, bottom = part
    return (
        max(0, left - margin),
        max(0, top - margin),
        min(width, right + margin),
        min(height, bottom + margin),
    )
