"""Zones of recognition: where in a camera's picture faces may be compared, and how large they must be there. Pure."""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from lookout.vision.arrays import FloatArray, require_shape
from pydantic import ConfigDict

Point = tuple[float, float]
Polygon = tuple[Point, ...]

_LEAST_AREA = 1e-4
"""Of the picture: a smaller zone is a slip of the pen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraRules:
    """What holds for one camera.

    Attributes:
        zone: corners of a polygon, each x, y as shares of the picture's width and height, 0 to 1 from the upper left;
            faces whose box's middle lies outside are followed and pixelated, and never compared. Without one, all may be.
        min_inter_eye_px: distance between the eyes at least, pixels of the frame; as for all cameras where None.
    """

    # A misspelt key in a setting is an error.
    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    zone: Polygon | None = None
    min_inter_eye_px: float | None = None

    def __post_init__(self) -> None:
        if self.zone is not None:
            _require_simple(self.zone)
        least = self.min_inter_eye_px
        if least is not None and not (isfinite(least) and least >= 0):
            raise ValueError(f"min_inter_eye_px must be 0 or more, but got {least:g}")

    def inside(self, boxes: FloatArray, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
        """Which boxes, (N, 4) xyxy in pixels of a frame of ``size`` (width, height), have their middle in the zone."""
        require_shape("boxes", boxes, ("N", 4))
        if self.zone is None:
            return np.ones(len(boxes), dtype=np.bool_)
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2 / np.array(size, dtype=np.float64)
        return _within(middles, np.array(self.zone))

    def window(self, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
        """The smallest window of a frame that holds the zone (left, top, right, bottom, pixels); None without a zone."""
        if self.zone is None:
            return None
        corners = np.array(self.zone) * np.array(size)
        low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])


EVERYWHERE = CameraRules()
"""Where nothing is said of a camera."""


def _within(
    points: npt.NDArray[np.float64], polygon: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Which points, (N, 2), lie in a polygon, (K, 2): a ray to the right crosses its edges an odd number of times."""
    x, y = points[:, :1], points[:, 1:]
    start, end = polygon, np.roll(polygon, -1, axis=0)
    crosses = (start[:, 1] > y) != (end[:, 1] > y)
    rise = np.where(end[:, 1] == start[:, 1], 1.0, end[:, 1] - start[:, 1])
    at = start[:, 0] + (y - start[:, 1]) * (end[:, 0] - start[:, 0]) / rise
    return np.asarray((crosses & (x < at)).sum(axis=1) % 2 == 1)


def _require_simple(zone: Polygon) -> None:
    """Refuse what is not one area of the picture."""
    if len(zone) < 3:
        raise ValueError(f"a zone needs three corners or more, but got {len(zone)}")
    for number, (x, y) in enumerate(zone, start=1):
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ValueError(
                "a zone's corners are shares of the picture's width and height, 0 to 1,"
                f" but corner {number} is {x:g}, {y:g}"
            )
    edges = list(zip(zone, (*zone[1:], zone[0]), strict=True))
    area = abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in edges)) / 2
    if area < _LEAST_AREA:
        raise ValueError("a zone's corners lie on one line or on one spot: it has no area")
    for first in range(len(edges)):
        for second in range(first + 2, len(edges)):
            beside = first == 0 and second == len(edges) - 1
            if not beside and _cross(*edges[first], *edges[second]):
                raise ValueError(
                    f"a zone's edges must not cross, but edge {first + 1} crosses edge {second + 1}:"
                    " name its corners in order, going round"
                )


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the lines a-b and c-d cross, ends apart."""

    def side(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
