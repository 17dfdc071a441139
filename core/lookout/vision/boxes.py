"""Pure functions on boxes: float32 arrays of shape (N, 4), xyxy, in pixels."""

import numpy as np
import numpy.typing as npt

from lookout.vision.arrays import FloatArray, require_shape


def box_area(boxes: FloatArray) -> FloatArray:
    """Areas, shape (N,), square pixels; a box turned inside out has none."""
    require_shape("boxes", boxes, ("N", 4))
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], dtype=np.float32)


def iou_matrix(first: FloatArray, second: FloatArray) -> FloatArray:
    """Intersection over union of every pair.

    Args:
        first: shape (N, 4), xyxy.
        second: shape (M, 4), xyxy.

    Returns:
        Shape (N, M); entry [i, j] is the overlap of first[i] and second[j], 0 to 1. Pairs without
        any area have none.
    """
    area_first, area_second = box_area(first), box_area(second)
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(bottom_right - top_left, 0)
    shared = sides[..., 0] * sides[..., 1]
    union = area_first[:, None] + area_second[None, :] - shared
    overlaps: FloatArray = np.zeros(shared.shape, dtype=np.float32)
    np.divide(shared, union, out=overlaps, where=union > 0)
    return overlaps


def clip_boxes(boxes: FloatArray, *, width: float, height: float) -> FloatArray:
    """Boxes cut to the image: x within [0, width], y within [0, height]; shape (N, 4)."""
    require_shape("boxes", boxes, ("N", 4))
    limits = np.array([width, height, width, height], dtype=np.float32)
    return np.clip(boxes, np.float32(0), limits)


def scale_boxes(boxes: FloatArray, factor: float) -> FloatArray:
    """Boxes in an image `factor` times as large; shape (N, 4)."""
    require_shape("boxes", boxes, ("N", 4))
    return np.asarray(boxes * np.float32(factor), dtype=np.float32)


def grow_boxes(boxes: FloatArray, margin: float) -> FloatArray:
    """Boxes wider and higher by `margin` of their own size on every side; shape (N, 4)."""
    require_shape("boxes", boxes, ("N", 4))
    sides = (boxes[:, 2:] - boxes[:, :2]) * np.float32(margin)
    return np.concatenate([boxes[:, :2] - sides, boxes[:, 2:] + sides], axis=1)


def visible_fraction(boxes: FloatArray, *, width: float, height: float) -> FloatArray:
    """The share of every box that lies inside the image; shape (N,), 0 to 1."""
    inside = box_area(clip_boxes(boxes, width=width, height=height))
    whole = box_area(boxes)
    shares: FloatArray = np.zeros(inside.shape, dtype=np.float32)
    np.divide(inside, whole, out=shares, where=whole > 0)
    return shares


def nms(boxes: FloatArray, scores: FloatArray, *, iou_threshold: float) -> npt.NDArray[np.intp]:
    """Greedy non-maximum suppression.

    Args:
        boxes: shape (N, 4), xyxy.
        scores: shape (N,).
        iou_threshold: a box that overlaps a kept one by more is dropped.

    Returns:
        Indices of the kept boxes, highest score first; of equal scores the earlier box wins.
    """
    require_shape("scores", scores, (len(boxes),))
    order = np.argsort(-scores, kind="stable")
    overlaps = iou_matrix(boxes[order], boxes[order])
    dropped = np.zeros(len(order), dtype=np.bool_)
    kept: list[int] = []
    for rank in range(len(order)):
        if dropped[rank]:
            continue
        kept.append(rank)
        dropped |= overlaps[rank] > iou_threshold
    return order[np.array(kept, dtype=np.intp)]
