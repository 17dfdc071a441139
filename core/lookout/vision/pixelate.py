"""Pixelation of faces for previews: what it hides cannot be computed back."""

import cv2
import numpy as np

from lookout.vision.arrays import FloatArray, Image, require_image
from lookout.vision.boxes import clip_boxes, grow_boxes

BLOCKS = 6
"""Blocks across the longer side of a face: 36 mean colours at most, far below any embedder."""

MARGIN = 0.25
"""Added on every side, so that hair, ears and chin go too."""


def pixelate_faces(image: Image, boxes: FloatArray) -> Image:
    """A copy of the image in which every box shows at most 6 x 6 flat blocks.

    Each block is the mean of its pixels: information is discarded, not scrambled. Overlapping
    boxes are pixelated one after the other, which only removes more.

    Args:
        image: shape (H, W, 3), uint8, BGR; not changed.
        boxes: faces, shape (N, 4), xyxy, pixels; grown by a quarter of their size on every side.

    Returns:
        Shape (H, W, 3), uint8, BGR.
    """
    require_image(image)
    result = image.copy()
    height, width = image.shape[:2]
    grown = clip_boxes(grow_boxes(boxes, MARGIN), width=width, height=height)
    for box in grown:
        x_low, y_low = np.floor(box[:2]).astype(int)
        x_high, y_high = np.ceil(box[2:]).astype(int)
        if x_high > x_low and y_high > y_low:
            region = result[y_low:y_high, x_low:x_high]
            result[y_low:y_high, x_low:x_high] = _blocks(region)
    return result


def _blocks(region: Image) -> Image:
    height, width = region.shape[:2]
    side = max(height, width) / BLOCKS
    blocks_high = max(1, min(BLOCKS, int(height / side)))
    blocks_wide = max(1, min(BLOCKS, int(width / side)))
    small = cv2.resize(region, (blocks_wide, blocks_high), interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, dtype=np.uint8)
