"""How models are made to look: what settings and manifests say, without the libraries that then do it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict

STRIDE = 32
"""Detectors halve their input five times: its sides are multiples of this."""


class ExecutionProvider(StrEnum):
    """What computes: a setting of the process, for every model it opens."""

    CPU = "cpu"
    CUDA = "cuda"

    @property
    def in_onnxruntime(self) -> str:
        """Its name there."""
        return {self.CPU: "CPUExecutionProvider", self.CUDA: "CUDAExecutionProvider"}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSettings:
    """How a detector looks.

    Attributes:
        longest_side: larger images are shrunk to this many pixels on the longer side; smaller
            ones are never enlarged. A multiple of 32.
        score_threshold: faces scored lower are dropped, 0 to 1.
        nms_iou: boxes that overlap a better one by more are dropped, 0 to 1.
    """

    # A misspelt key in a manifest is an error.
    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    longest_side: int = 640
    score_threshold: float = 0.6
    nms_iou: float = 0.3

    def __post_init__(self) -> None:
        if self.longest_side < STRIDE or self.longest_side % STRIDE:
            raise ValueError(
                f"longest_side must be a multiple of {STRIDE}, but got {self.longest_side}"
            )
