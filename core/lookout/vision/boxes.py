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
    shared = _shared_area(first, second)
    return _shares(shared, box_area(first)[:, None] + box_area(second)[None, :] - shared)


def cover_matrix(first: FloatArray, second: FloatArray) -> FloatArray:
    """How much of the smaller box of every pair lies in the larger.

    Args:
        first: shape (N, 4), xyxy.
        second: shape (M, 4), xyxy.

    Returns:
        Shape (N, M), 0 to 1: intersection over the smaller area. Pairs without any area have none.
    """
    smaller = np.minimum(box_area(first)[:, None], box_area(second)[None, :])
    return _shares(_shared_area(first, second), smaller)


def _shared_area(first: FloatArray, second: FloatArray) -> FloatArray:
    require_shape("boxes", first, ("N", 4))
    require_shape("boxes", second, ("M", 4))
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(bottom_right - top_left, 0)
    return np.asarray(sides[..., 0] * sides[..., 1], dtype=np.float32)


def _shares(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Part over whole, entry by entry; 0 where there is no whole."""
    shares: FloatArray = np.zeros(part.shape, dtype=np.float32)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares


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
    return _shares(inside, box_area(boxes))


def nms(
    boxes: FloatArray, scores: FloatArray, *, iou_threshold: float, cover_threshold: float = 1.0
) -> npt.NDArray[np.intp]:
    """Greedy non-maximum suppression.

    Args:
        boxes: shape (N, 4), xyxy.
        scores: shape (N,).
        iou_threshold: a box that overlaps a kept one by more is dropped,
        cover_threshold: and so is one of which, or of the kept one in it, a larger share is
            covered; at 1 none is.

    Returns:
        Indices of the kept boxes, highest score first; of equal scores the earlier box wins.
    """
    require_shape("scores", scores, (len(boxes),))
    order = np.argsort(-scores, kind="stable")
    ranked = boxes[order]
    duplicates = iou_matrix(ranked, ranked) > iou_threshold
    if cover_threshold < 1:
        duplicates |= cover_matrix(ranked, ranked) > cover_threshold
    dropped = np.zeros(len(order), dtype=np.bool_)
    kept: list[int] = []
    for rank in range(len(order)):
        if dropped[rank]:
            continue
        kept.append(rank)
        dropped |= duplicates[rank]
    return order[np.array(kept, dtype=np.intp)]
