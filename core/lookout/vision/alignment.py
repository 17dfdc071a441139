"""Alignment: the chip that an embedder sees, cut so that five landmarks lie on a template.

Landmarks are float32 arrays of shape (5, 2), xy in pixels, in the order eye at the left of the
image, eye at the right, nose tip, mouth corner at the left, mouth corner at the right.
"""

import cv2
import numpy as np
import numpy.typing as npt

from lookout.vision.arrays import FloatArray, Image, ShapeError, require_image, require_shape

_LEAST_SPREAD = 1e-9
"""Mean squared distance from the middle, square pixels."""
_SHRINK_BELOW = 0.5
"""Bilinear sampling reads 2x2 pixels: shrinking more than two times would alias."""


class DegenerateLandmarksError(ValueError):
    """The landmarks coincide or are not finite: no similarity transform exists."""


def similarity_transform(source: FloatArray, target: FloatArray) -> npt.NDArray[np.float64]:
    """The rotation, uniform scale and shift that best carry `source` onto `target`.

    Least squares, as Umeyama (1991) has it for any number of dimensions; mirroring is never part of the answer.

    Args:
        source: points, shape (P, 2).
        target: where they should lie, shape (P, 2).

    Returns:
        Shape (2, 3): target ~ matrix[:, :2] @ point + matrix[:, 2].

    Raises:
        DegenerateLandmarksError: the source points coincide, or are not finite.
    """
    require_shape("source", source, ("P", 2))
    require_shape("target", target, (len(source), 2))
    start, goal = source.astype(np.float64), target.astype(np.float64)
    start_mean, goal_mean = start.mean(axis=0), goal.mean(axis=0)
    here, there = start - start_mean, goal - goal_mean
    spread = float(np.vdot(here, here))
    if not np.isfinite(spread) or spread < _LEAST_SPREAD * len(start):
        raise DegenerateLandmarksError("landmarks coincide or are not finite: no chip can be cut")
    # In the plane a rotation with a scale is one complex number, and its least squares a quotient: no decomposition needed.
    along = float(np.vdot(here, there)) / spread
    across = float(here[:, 0] @ there[:, 1] - here[:, 1] @ there[:, 0]) / spread
    linear = np.array([[along, -across], [across, along]])
    return np.column_stack([linear, goal_mean - linear @ start_mean])


def align_chip(image_bgr: Image, landmarks: FloatArray, template: FloatArray, size: int) -> Image:
    """Cut the chip in which the landmarks lie on the template.

    Args:
        image_bgr: shape (H, W, 3), uint8, BGR.
        landmarks: shape (5, 2), pixels of the image.
        template: shape (5, 2), pixels of the chip.
        size: the chip's side in pixels.

    Returns:
        Shape (size, size, 3), uint8, BGR; black where the chip reaches beyond the image.

    Raises:
        DegenerateLandmarksError: see `similarity_transform`.
    """
    require_image(image_bgr)
    require_shape("landmarks", landmarks, (5, 2))
    require_shape("template", template, (5, 2))
    if size < 1:
        raise ShapeError(f"size must be at least 1 pixel, but got {size}")
    return cut_square(image_bgr, similarity_transform(landmarks, template), size)


def cut_square(image_bgr: Image, matrix: npt.NDArray[np.float64], size: int) -> Image:
    """The square of an image that a similarity carries onto (0, 0) to (size, size).

    Args:
        image_bgr: shape (H, W, 3), uint8, BGR.
        matrix: shape (2, 3), from pixels of the image to pixels of the square.
        size: the square's side in pixels.

    Returns:
        Shape (size, size, 3), uint8, BGR; black where it reaches beyond the image.
    """
    if float(np.hypot(matrix[0, 0], matrix[1, 0])) < _SHRINK_BELOW:
        image_bgr, matrix = _shrunk(image_bgr, matrix, size)
    square = cv2.warpAffine(image_bgr, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return np.asarray(square, dtype=np.uint8)


def _shrunk(
    image: Image, matrix: npt.NDArray[np.float64], size: int
) -> tuple[Image, npt.NDArray[np.float64]]:
    """The part of the image that the square shows, about as large as the square, and the way from it."""
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], dtype=np.float64)
    places = np.linalg.solve(matrix[:, :2], (corners - matrix[:, 2]).T).T
    height, width = image.shape[:2]
    limit = np.array([width, height])
    low = np.clip(np.floor(places.min(axis=0)).astype(int) - 2, 0, limit - 1)
    high = np.clip(np.ceil(places.max(axis=0)).astype(int) + 2, low + 1, limit)
    part = image[low[1] : high[1], low[0] : high[0]]
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    target = np.maximum(1, np.round((high - low) * scale)).astype(int)
    resized = cv2.resize(part, (int(target[0]), int(target[1])), interpolation=cv2.INTER_AREA)
    # Pixel centres sit at +0.5: that half pixel shrinks with the image.
    back = (high - low) / target
    linear = matrix[:, :2] * back
    shift = matrix[:, :2] @ (0.5 * back - 0.5 + low) + matrix[:, 2]
    return np.asarray(resized, dtype=np.uint8), np.column_stack([linear, shift])
