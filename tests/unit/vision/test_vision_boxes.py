"""Box geometry."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookout.vision.arrays import FloatArray, ShapeError
from lookout.vision.boxes import (
    clip_boxes,
    grow_boxes,
    iou_matrix,
    nms,
    scale_boxes,
    visible_fraction,
)

Rows = list[tuple[float, float, float, float]]


def boxes(rows: Rows) -> FloatArray:
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([], [], np.zeros((0, 0))),
        ([], [(0, 0, 1, 1)], np.zeros((0, 1))),
        ([(0, 0, 2, 2)], [(0, 0, 2, 2)], [[1.0]]),
        ([(0, 0, 2, 2)], [(1, 0, 3, 2)], [[1 / 3]]),
        ([(0, 0, 1, 1)], [(1, 1, 2, 2)], [[0.0]]),  # touching corners
        ([(3, 3, 3, 3)], [(3, 3, 3, 3)], [[0.0]]),  # no area: no overlap, and no division by zero
        ([(2, 2, 0, 0)], [(0, 0, 2, 2)], [[0.0]]),  # turned inside out
    ],
)
def test_iou_is_shared_area_over_union(first: Rows, second: Rows, expected: object) -> None:
    np.testing.assert_allclose(
        iou_matrix(boxes(first), boxes(second)), np.asarray(expected), atol=1e-6
    )


coordinate = st.floats(-100, 100, width=32)
some_boxes = st.lists(st.tuples(coordinate, coordinate, coordinate, coordinate), max_size=6)


@given(some_boxes, some_boxes)
def test_iou_is_symmetric_and_between_zero_and_one(first: Rows, second: Rows) -> None:
    overlaps = iou_matrix(boxes(first), boxes(second))

    np.testing.assert_allclose(overlaps, iou_matrix(boxes(second), boxes(first)).T, atol=1e-5)
    assert ((overlaps >= 0) & (overlaps <= 1 + 1e-5)).all()


@pytest.mark.parametrize(
    ("rows", "scores", "kept"),
    [
        ([], [], []),
        ([(0, 0, 10, 10)], [0.5], [0]),
        ([(0, 0, 10, 10), (1, 0, 11, 10)], [0.5, 0.9], [1]),
        ([(0, 0, 10, 10), (50, 0, 60, 10)], [0.5, 0.9], [1, 0]),
        ([(0, 0, 10, 10), (0, 0, 10, 10)], [0.7, 0.7], [0]),  # a tie goes to the earlier
        # The middle box falls to the first; the last overlaps only the middle and stays.
        ([(0, 0, 10, 10), (4, 0, 14, 10), (8, 0, 18, 10)], [0.9, 0.8, 0.7], [0, 2]),
    ],
)
def test_nms_keeps_the_best_of_every_cluster(
    rows: Rows, scores: list[float], kept: list[int]
) -> None:
    result = nms(boxes(rows), np.array(scores, dtype=np.float32), iou_threshold=0.3)

    assert result.tolist() == kept


def test_nms_refuses_scores_of_another_length() -> None:
    with pytest.raises(ShapeError, match=r"scores must have shape \(1\), but got shape \(2,\)"):
        nms(boxes([(0, 0, 1, 1)]), np.zeros(2, dtype=np.float32), iou_threshold=0.3)


def test_clip_keeps_boxes_inside_the_image() -> None:
    clipped = clip_boxes(boxes([(-5, 2, 30, 99), (40, 40, 50, 50)]), width=20, height=10)

    assert clipped.tolist() == [[0, 2, 20, 10], [20, 10, 20, 10]]


def test_scale_and_grow_move_every_side() -> None:
    assert scale_boxes(boxes([(1, 2, 3, 4)]), 2).tolist() == [[2, 4, 6, 8]]
    assert grow_boxes(boxes([(10, 10, 20, 30)]), 0.5).tolist() == [[5, 0, 25, 40]]


def test_visible_fraction_is_the_share_inside_the_image() -> None:
    rows = boxes([(0, 0, 10, 10), (-5, 0, 5, 10), (30, 0, 40, 10), (5, 5, 5, 5)])

    assert visible_fraction(rows, width=20, height=20).tolist() == [1.0, 0.5, 0.0, 0.0]


@pytest.mark.parametrize("shape", [(0,), (4,), (2, 5), (1, 2, 4)])
def test_what_is_not_a_list_of_boxes_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"boxes must have shape \(N, 4\), but got shape"):
        scale_boxes(np.zeros(shape, dtype=np.float32), 1)
