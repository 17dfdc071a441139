"""The input contract of a model: how BGR images become its tensor."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

import numpy as np
from pydantic import ConfigDict

from lookout.vision.arrays import FloatArray, Image


class ColourOrder(StrEnum):
    """Order of the colour channels that a model was trained on."""

    BGR = "bgr"
    RGB = "rgb"


class Layout(StrEnum):
    """Order of a model's input axes."""

    NCHW = "nchw"
    NHWC = "nhwc"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputContract:
    """What a model wants to see: (pixel - mean) / std, per channel in the model's own order.

    Attributes:
        colour: channel order.
        layout: axis order.
        mean: per channel, in pixel values of 0 to 255.
        std: per channel, in pixel values; above 0.
    """

    # A misspelt key in a manifest is an error.
    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    colour: ColourOrder
    layout: Layout = Layout.NCHW
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if min(self.std) <= 0:
            raise ValueError(f"std must be above 0 in every channel, but got {self.std}")

    def tensor(self, images_bgr: Sequence[Image]) -> FloatArray:
        """Images of one size, each (H, W, 3) uint8 BGR, as the model's float32 tensor."""
        # Imported here: what only reads a manifest does without OpenCV.
        import cv2  # noqa: PLC0415

        swap = self.colour is ColourOrder.RGB
        blob = np.asarray(cv2.dnn.blobFromImages(list(images_bgr), swapRB=swap), dtype=np.float32)
        if any(self.mean):
            blob -= np.array(self.mean, dtype=np.float32)[:, None, None]
        if any(std != 1 for std in self.std):
            blob *= (1 / np.array(self.std, dtype=np.float32))[:, None, None]
        if self.layout is Layout.NHWC:
            return np.ascontiguousarray(blob.transpose(0, 2, 3, 1))
        return blob
