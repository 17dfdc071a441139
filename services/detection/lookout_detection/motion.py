"""Where a face is and where it goes, from the boxes it was detected in. Pure values."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from lookout.vision.arrays import FloatArray

State = npt.NDArray[np.float64]

LEAST_SIDE = 1.0
"""No face is taken for smaller, in pixels."""

# Spreads of the motion model, in face heights (and seconds): a face beside the camera may cross six of its own heights
# in a second, and its size changes far slower than its place. That people keep their pace is what tells them apart where
# they cross: with an acceleration of 4 instead of 1.5 a third more change tracks (measured, ADR 5).
_MEASURED = np.array([0.05, 0.05, 0.08, 0.08])
_FIRST_SPEED = np.array([4.0, 4.0, 0.5, 0.5])
_ACCELERATION = np.array([1.5, 1.5, 0.1, 0.1])


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Where a face is and where it goes: a Kalman filter of constant velocity for each of centre x, y, width, height.

    Attributes:
        mean: shape (4, 2), place and speed, pixels and pixels per second.
        covariance: shape (4, 2, 2).
    """

    mean: State
    covariance: State

    @classmethod
    def begin(cls, box: FloatArray) -> "Motion":
        """A face first seen in a box of shape (4,), xyxy, pixels: standing, as far as anyone knows."""
        measured = _centred(box)
        spread = measured[3] * np.stack([_MEASURED, _FIRST_SPEED], axis=1)
        covariance = np.zeros((4, 2, 2))
        covariance[:, [0, 1], [0, 1]] = spread**2
        return cls(np.stack([measured, np.zeros(4)], axis=1), covariance)

    def after(self, seconds: float) -> "Motion":
        """The prediction so many seconds later."""
        step = np.array([[1.0, seconds], [0.0, 1.0]])
        mean = self.mean @ step.T
        mean[2:, 0] = np.maximum(mean[2:, 0], LEAST_SIDE)
        noise = np.array([[seconds**3 / 3, seconds**2 / 2], [seconds**2 / 2, seconds]])
        strength = (_ACCELERATION * mean[3, 0]) ** 2
        return Motion(mean, step @ self.covariance @ step.T + strength[:, None, None] * noise[None])

    def seen(self, box: FloatArray) -> "Motion":
        """The estimate once the face was detected in a box of shape (4,), xyxy, pixels."""
        measured = _centred(box)
        noise = (_MEASURED * measured[3]) ** 2
        gain = self.covariance[:, :, 0] / (self.covariance[:, 0, 0] + noise)[:, None]
        mean = self.mean + gain * (measured - self.mean[:, 0])[:, None]
        mean[2:, 0] = np.maximum(mean[2:, 0], LEAST_SIDE)
        return Motion(mean, self.covariance - gain[:, :, None] * self.covariance[:, None, 0, :])

    def scaled(self, factor: float) -> "Motion":
        """The same face in an image so many times as large."""
        return Motion(self.mean * factor, self.covariance * factor**2)

    @property
    def box(self) -> FloatArray:
        """Shape (4,), xyxy, pixels."""
        centre, halves = self.mean[:2, 0], self.mean[2:, 0] / 2
        return np.concatenate([centre - halves, centre + halves]).astype(np.float32)


def _centred(box: FloatArray) -> State:
    """Centre x, centre y, width, height of a box of shape (4,), xyxy."""
    sides = np.maximum(box[2:] - box[:2], LEAST_SIDE)
    return np.concatenate([(box[:2] + box[2:]) / 2, sides]).astype(np.float64)
