"""How usable a shot of a face is, and why it is refused.

Every measure comes from the face's box and its five landmarks alone, costs about a millisecond in
all, and is an estimate: angles are good to about ten degrees.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import atan, degrees, exp, log, pi, sqrt
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lookout.vision.alignment import DegenerateLandmarksError, align_chip
from lookout.vision.arrays import FloatArray, Image, require_image, require_shape
from lookout.vision.boxes import visible_fraction

# Proportions of an average adult face, in units of the distance between the eyes.
_NOSE_DEPTH = 0.55
"""How far the nose tip stands before the plane of eyes and mouth."""
_NOSE_HEIGHT = 0.56
"""Where detectors put a frontal nose tip on the way from the eyes (0) to the mouth (1)."""
_EYES_TO_MOUTH = 1.1

_CROP_SIDE = 96
_NEAR_ZERO = 1e-6

# A chip as embedders see it, for measures that must not depend on where the detector drew its box.
_CHIP_SIDE = 112
_CHIP_POINTS = np.array(
    [[37.55, 51.04], [75.60, 51.38], [56.69, 72.55], [40.46, 88.97], [72.77, 89.16]],
    dtype=np.float32,
)
_INNER = (slice(22, 102), slice(18, 98))
"""The face without hair and background, rows and columns of the chip."""
_FEATURES = (
    (slice(16, 40), slice(6, 34)),
    (slice(16, 40), slice(42, 70)),
    (slice(56, 78), slice(14, 62)),
)
"""Left eye, right eye and mouth, rows and columns of the inner face."""
_BLOWN_FROM = 246
_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
"""Immerkaer (1996): blind to edges, its answer to noise is six times the noise."""
_NOISE_BLOCK = 8
_SMOOTH_SIGMA = 0.8
_SECOND = np.array([[1, -2, 1]], dtype=np.float32)
"""Second difference along a row."""
_NOISE_LEFT = 0.131
"""Of white noise's variance in the second difference of the smoothed chip; measured."""

# Weights of `overall`: a logistic regression, weights at least 0, on whether a shot was recognised.
# Fitted on half the identities; see docs/accuracy.md.
_BIAS, _W_DETAIL, _W_NOISE, _W_POSE, _W_BLOWN, _W_FEATURES = 2.35, 3.4, 0.85, 2.45, 1.1, 0.29
_LEAST_SCORE = 1e-4
_NOISE_VARIANCE = 100.0
"""Grey levels squared: without it, a flat face's noise would count as sharp."""


class RejectionReason(StrEnum):
    """Why a shot is not used."""

    PARTIAL = "partial"
    TOO_SMALL = "too_small"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    EXTREME_POSE = "extreme_pose"
    BLURRED = "blurred"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotQuality:
    """Measures of one shot.

    Attributes:
        inter_eye_px: distance between the eyes, pixels.
        sharpness: variance of the Laplacian over the variance of the grey face (plus 100), both at
            96 x 96; hardly moved by exposure, 0 upwards.
        yaw: degrees; positive when the nose points to the right of the image.
        pitch: degrees; positive when the face looks down.
        roll: degrees; positive when the eye line falls to the right of the image.
        brightness: mean of the grey face, 0 to 1.
        contrast: standard deviation of the grey face, 0 to 0.5.
        visible: share of the box inside the image, 0 to 1.
        detail: fine structure of the inner face at an embedder's size, free of noise: variance of
            the second difference over the variance (plus 100), along rows or along columns,
            whichever has less, 0 upwards. Size, focus and movement in one.
        noise: standard deviation of noise at an embedder's size, grey levels; about a quarter of
            what the sensor adds to each colour, as pixels are averaged on the way.
        blown: share of the inner face that is overexposed, 0 to 1.
        features: the least contrast of left eye, right eye and mouth, over that of the face; low
            where something flat hides one of them: a mask, dark glasses, a hand.
        overall: 0 to 1; see `measure_shot`.
    """

    inter_eye_px: float
    sharpness: float
    yaw: float
    pitch: float
    roll: float
    brightness: float
    contrast: float
    visible: float
    detail: float
    noise: float
    blown: float
    features: float
    overall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityLimits:
    """What a shot must reach; the units are those of `ShotQuality`."""

    min_inter_eye_px: float = 18.0
    min_sharpness: float = 0.008
    max_yaw: float = 50.0
    max_pitch: float = 45.0
    max_roll: float = 60.0
    min_brightness: float = 0.10
    max_brightness: float = 0.92
    min_visible: float = 0.85


def measure_shot(image_bgr: Image, box: FloatArray, landmarks: FloatArray) -> ShotQuality:
    """Measure one shot.

    `overall` estimates how likely an embedder is to recognise the face (at FPIR 1 %, among 420):
    1 / (1 + exp(-z)), times the visible share squared, with z the weighted sum of the logarithms of
    five scores of 0 to 1, so that one bad score spoils it: detail d / (d + 0.001), noise
    1 / (1 + (n / 8)^2), pose cos(yaw) cos(pitch), exposure 1 - blown, features f / (f + 0.4).

    Args:
        image_bgr: shape (H, W, 3), uint8, BGR.
        box: shape (4,), xyxy, pixels.
        landmarks: shape (5, 2), pixels; their order is that of `lookout.vision.alignment`.
    """
    require_image(image_bgr)
    require_shape("box", box, (4,))
    require_shape("landmarks", landmarks, (5, 2))
    height, width = image_bgr.shape[:2]
    visible = float(visible_fraction(box[None], width=width, height=height)[0])
    grey = _grey_face(image_bgr, box)
    mean, deviation = _spread(grey)
    sharpness = _variance(cv2.Laplacian(grey, cv2.CV_32F)) / (deviation**2 + _NOISE_VARIANCE)
    yaw, pitch, roll = pose(landmarks)
    detail, noise, blown, features = _chip_measures(image_bgr, landmarks)
    turned = max(0.0, float(np.cos(np.radians(yaw)) * np.cos(np.radians(pitch))))
    return ShotQuality(
        inter_eye_px=float(np.linalg.norm(landmarks[1] - landmarks[0])),
        sharpness=sharpness,
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        brightness=mean / 255,
        contrast=deviation / 255,
        visible=visible,
        detail=detail,
        noise=noise,
        blown=blown,
        features=features,
        overall=visible**2
        * _chance(
            (_W_DETAIL, detail / (detail + 0.001)),
            (_W_NOISE, 1 / (1 + (noise / 8) ** 2)),
            (_W_POSE, turned),
            (_W_BLOWN, 1 - blown),
            (_W_FEATURES, features / (features + 0.4)),
        ),
    )


def _chance(*weighed: tuple[float, float]) -> float:
    z = _BIAS + sum(weight * log(max(score, _LEAST_SCORE)) for weight, score in weighed)
    return 1 / (1 + exp(-z))


def _chip_measures(image: Image, landmarks: FloatArray) -> tuple[float, float, float, float]:
    """Detail, noise, blown and features, as `ShotQuality` has them; all 0 where no chip can be cut."""
    try:
        chip = align_chip(image, landmarks, _CHIP_POINTS, _CHIP_SIDE)
    except DegenerateLandmarksError:
        return 0.0, 0.0, 0.0, 0.0
    face = cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY)[_INNER].astype(np.float32)
    smooth = cv2.GaussianBlur(face, (0, 0), _SMOOTH_SIGMA)
    noise = _noise(face)
    # Movement wipes out detail along its own direction only.
    edges = min(_variance(cv2.filter2D(smooth, -1, kernel)) for kernel in (_SECOND, _SECOND.T))
    least = min(_spread(smooth[place])[1] for place in _FEATURES)
    deviation = _spread(face)[1]
    return (
        max(0.0, edges - _NOISE_LEFT * noise**2) / (deviation**2 + _NOISE_VARIANCE),
        noise,
        float((face >= _BLOWN_FROM).mean()),
        least / (deviation + 2),
    )


def _spread(grey: npt.NDArray[Any]) -> tuple[float, float]:
    """Mean and standard deviation. OpenCV's own: of such small images NumPy's take ten times as long."""
    mean, deviation = cv2.meanStdDev(grey)
    return float(mean[0, 0]), float(deviation[0, 0])


def _variance(grey: npt.NDArray[Any]) -> float:
    return _spread(grey)[1] ** 2


def _noise(face: FloatArray) -> float:
    """Immerkaer's estimate in the flattest fifth of blocks: texture is not noise."""
    answer = np.abs(cv2.filter2D(face, cv2.CV_32F, _NOISE_KERNEL))
    blocks = len(face) // _NOISE_BLOCK
    # Shrunk by whole pixels, areas are the means of blocks.
    means = cv2.resize(answer, (blocks, blocks), interpolation=cv2.INTER_AREA)
    return _fifth(np.sort(means, axis=None)) * sqrt(pi / 2) / 6


def _fifth(ascending: npt.NDArray[Any]) -> float:
    """The 20th percentile of sorted values, between the two nearest, as `numpy.percentile` has it in ten times the time."""
    place = (len(ascending) - 1) / 5
    low = int(place)
    high = min(low + 1, len(ascending) - 1)
    return float(ascending[low] + (ascending[high] - ascending[low]) * (place - low))


def pose(landmarks: FloatArray) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees, from five landmarks of shape (5, 2).

    After the roll is undone, a turned head moves its nose tip against the middle of eyes and
    mouth by depth * tan(angle); depth is that of an average face.
    """
    require_shape("landmarks", landmarks, (5, 2))
    points = landmarks.astype(np.float64)
    eye_line = points[1] - points[0]
    angle = float(np.arctan2(eye_line[1], eye_line[0]))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    level = (points - points[:2].mean(axis=0)) @ turn.T
    mouth = level[3:].mean(axis=0)
    eyes_apart, eyes_to_mouth = float(level[1, 0] - level[0, 0]), float(mouth[1])
    axis_x = float(mouth[0]) * _NOSE_HEIGHT
    yaw = atan((float(level[2, 0]) - axis_x) / max(eyes_apart, _NEAR_ZERO) / _NOSE_DEPTH)
    nose_at = float(level[2, 1]) / max(eyes_to_mouth, _NEAR_ZERO)
    pitch = atan((nose_at - _NOSE_HEIGHT) * _EYES_TO_MOUTH / _NOSE_DEPTH)
    return degrees(yaw), degrees(pitch), degrees(angle)


def rejection_reason(quality: ShotQuality, limits: QualityLimits) -> RejectionReason | None:
    """The first limit that the shot misses, or None when it is usable."""
    checks = (
        (quality.visible < limits.min_visible, RejectionReason.PARTIAL),
        (quality.inter_eye_px < limits.min_inter_eye_px, RejectionReason.TOO_SMALL),
        (quality.brightness < limits.min_brightness, RejectionReason.TOO_DARK),
        (quality.brightness > limits.max_brightness, RejectionReason.TOO_BRIGHT),
        (
            abs(quality.yaw) > limits.max_yaw
            or abs(quality.pitch) > limits.max_pitch
            or abs(quality.roll) > limits.max_roll,
            RejectionReason.EXTREME_POSE,
        ),
        (quality.sharpness < limits.min_sharpness, RejectionReason.BLURRED),
    )
    return next((reason for missed, reason in checks if missed), None)


def _grey_face(image: Image, box: FloatArray) -> Image:
    """The box's grey pixels at 96 x 96; black where the box misses the image altogether."""
    height, width = image.shape[:2]
    x_low, y_low = np.clip(np.floor(box[:2]).astype(int), 0, [width, height])
    x_high, y_high = np.clip(np.ceil(box[2:]).astype(int), 0, [width, height])
    if x_high <= x_low or y_high <= y_low:
        return np.zeros((_CROP_SIDE, _CROP_SIDE), dtype=np.uint8)
    crop = cv2.cvtColor(image[y_low:y_high, x_low:x_high], cv2.COLOR_BGR2GRAY)
    shrinks = min(crop.shape[:2]) > _CROP_SIDE
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, (_CROP_SIDE, _CROP_SIDE), interpolation=how), dtype=np.uint8)
