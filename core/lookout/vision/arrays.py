"""Array types of vision, and the checks that run once, where an array enters."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float32]
"""Coordinates, scores or templates."""

Image: TypeAlias = npt.NDArray[np.uint8]
"""An image of shape (H, W, 3), BGR, 0 to 255."""


class ShapeError(ValueError):
    """An array has another shape or dtype than its consumer can use."""


def require_image(image: Image) -> None:
    """Refuse what is not a BGR image of shape (H, W, 3), uint8, at least one pixel."""
    good = image.ndim == 3 and image.shape[2] == 3 and image.size > 0
    if not good or image.dtype != np.uint8:
        raise ShapeError(
            f"image must be uint8 of shape (H, W, 3), but got {image.dtype} of shape {image.shape}"
        )


def require_shape(name: str, array: npt.NDArray[np.generic], wanted: tuple[int | str, ...]) -> None:
    """Refuse an array whose shape differs from `wanted`; a letter stands for any length.

    The same letter twice is not checked for equality: that is the caller's rule to state.
    """
    matches = array.ndim == len(wanted) and all(
        isinstance(want, str) or want == got for want, got in zip(wanted, array.shape, strict=True)
    )
    if not matches:
        text = ", ".join(map(str, wanted))
        raise ShapeError(f"{name} must have shape ({text}), but got shape {array.shape}")
