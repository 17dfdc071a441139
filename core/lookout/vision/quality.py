"""How usable a shot of a face is, and why it is refused.

Every measure comes from the face's box and its five landmarks alone, costs well under a
millisecond, and is an estimate: angles are good to about ten degrees.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import atan, degrees, exp, prod

import cv2
import numpy as np

from lookout.vision.arrays import FloatArray, Image, require_image, require_shape
from lookout.vision.boxes import visible_fraction

# Proportions of an average adult face, in units of the distance between the eyes.
_NOSE_DEPTH = 0.55
"""How far the nose tip stands before the plane of eyes and mouth."""
_NOSE_HEIGHT = 0.56
"""Where detectors put a frontal nose tip on the way from the eyes (0) to the mouth (1)."""
_EYES_TO_MOUTH = 1.1

_CROP_SIDE = 96
_SHARP_ENOUGH = 0.05
_NEAR_ZERO = 1e-6
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

    `overall` is the geometric mean of five scores of 0 to 1, so that one bad score spoils it:
    size 1 - exp(-inter_eye / 25), sharpness s / (s + 0.05), pose cos(yaw) cos(pitch) with negative
    values cut, light 1 - |2 brightness - 1|^3, and the visible share squared.

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
    brightness, contrast = float(grey.mean()) / 255, float(grey.std()) / 255
    edges = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    sharpness = edges / (float(grey.var()) + _NOISE_VARIANCE)
    yaw, pitch, roll = pose(landmarks)
    inter_eye = float(np.linalg.norm(landmarks[1] - landmarks[0]))
    scores = (
        1 - exp(-inter_eye / 25),
        sharpness / (sharpness + _SHARP_ENOUGH),
        max(0.0, float(np.cos(np.radians(yaw)) * np.cos(np.radians(pitch)))),
        1 - abs(2 * brightness - 1) ** 3,
        visible**2,
    )
    return ShotQuality(
        inter_eye_px=inter_eye,
        sharpness=sharpness,
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        brightness=brightness,
        contrast=contrast,
        visible=visible,
        overall=prod(scores) ** (1 / len(scores)),
    )


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
