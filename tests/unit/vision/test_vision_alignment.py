"""Alignment of chips."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookout.vision.alignment import DegenerateLandmarksError, align_chip, similarity_transform
from lookout.vision.arrays import FloatArray, Image, ShapeError

TEMPLATE: FloatArray = np.array(
    [[38, 52], [74, 52], [56, 72], [42, 92], [70, 92]], dtype=np.float32
)


def dots(centres: FloatArray, *, width: int, height: int, radius: int) -> Image:
    """Grey image with a white dot at every centre."""
    image = np.full((height, width, 3), 40, dtype=np.uint8)
    for x, y in centres:
        cv2.circle(image, (round(float(x)), round(float(y))), radius, (255, 255, 255), -1)
    return image


@given(
    angle=st.floats(-3.1, 3.1),
    scale=st.floats(0.05, 20),
    shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
)
def test_the_transform_of_moved_points_is_recovered(
    angle: float, scale: float, shift: tuple[float, float]
) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = TEMPLATE @ turn.T + np.array(shift)

    matrix = similarity_transform(TEMPLATE, moved)

    np.testing.assert_allclose(TEMPLATE @ matrix[:, :2].T + matrix[:, 2], moved, atol=1e-3)


def test_mirrored_points_are_never_answered_by_mirroring() -> None:
    mirrored = TEMPLATE * np.array([-1, 1], dtype=np.float32)

    matrix = similarity_transform(TEMPLATE, mirrored)

    assert np.linalg.det(matrix[:, :2]) > 0


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_landmarks_without_a_shape_are_refused(value: float) -> None:
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(DegenerateLandmarksError, match="no chip can be cut"),
    ):
        similarity_transform(np.full((5, 2), value, dtype=np.float32), TEMPLATE)


@pytest.mark.parametrize("scale", [1.0, 2.0, 6.0])
def test_a_chip_shows_the_landmarks_on_the_template(scale: float) -> None:
    landmarks = TEMPLATE * np.float32(scale) + np.array([37, 11], dtype=np.float32)
    image = dots(landmarks, width=900, height=800, radius=round(4 * scale))

    chip = align_chip(image, landmarks, TEMPLATE, 112)

    assert chip.shape == (112, 112, 3)
    assert chip.dtype == np.uint8
    for x, y in TEMPLATE.astype(int):
        assert chip[y, x].min() > 200
    assert chip[72, 38].max() < 60  # between the dots


def test_strong_shrinking_averages_instead_of_aliasing() -> None:
    stripes = np.zeros((1200, 1200, 3), dtype=np.uint8)
    stripes[:, ::2] = 200

    chip = align_chip(stripes, TEMPLATE * np.float32(8), TEMPLATE, 112)

    assert np.abs(chip[10:100, 10:100].astype(int) - 100).max() <= 8


def test_a_chip_beyond_the_image_is_black_there() -> None:
    image = np.full((60, 60, 3), 90, dtype=np.uint8)

    chip = align_chip(image, TEMPLATE - np.float32(40), TEMPLATE, 112)

    assert chip[0, 0].max() == 0
    assert chip[60, 60].min() == 90


def test_what_is_not_an_image_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"image must be uint8 of shape \(H, W, 3\), but got"):
        align_chip(np.zeros((0, 0, 3), dtype=np.uint8), TEMPLATE, TEMPLATE, 112)
