"""Shot quality and its reasons."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.quality import (
    QualityLimits,
    RejectionReason,
    ShotQuality,
    measure_shot,
    pose,
    rejection_reason,
)

FRONTAL: FloatArray = np.array(
    [[80, 90], [120, 90], [100, 114.6], [84, 134], [116, 134]], dtype=np.float32
)
BOX: FloatArray = np.array([60, 60, 140, 160], dtype=np.float32)
GOOD = ShotQuality(
    inter_eye_px=40,
    sharpness=0.1,
    yaw=0,
    pitch=0,
    roll=0,
    brightness=0.5,
    contrast=0.2,
    visible=1,
    detail=0.03,
    noise=0.5,
    blown=0,
    features=0.5,
    overall=0.9,
)


def textured() -> Image:
    """A chequered image of strong contrast, about as sharp as a face in focus."""
    rows, columns = np.indices((200, 200)) // 12
    pattern = np.where((rows + columns) % 2, 200, 60).astype(np.uint8)
    image = np.repeat(pattern[:, :, None], 3, axis=2)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.0), dtype=np.uint8)


def turned(points: FloatArray, angle: float) -> FloatArray:
    radians = np.radians(angle)
    turn = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
    return np.asarray((points - 100) @ turn.T + 100, dtype=np.float32)


def test_a_frontal_face_has_no_angles() -> None:
    np.testing.assert_allclose(pose(FRONTAL), (0, 0, 0), atol=1.5)


@pytest.mark.parametrize("angle", [-50.0, 20.0, 50.0])
def test_roll_is_measured_and_leaves_yaw_and_pitch_alone(angle: float) -> None:
    yaw, pitch, roll = pose(turned(FRONTAL, angle))

    assert roll == pytest.approx(angle, abs=0.5)
    np.testing.assert_allclose((yaw, pitch), (0, 0), atol=1.5)


def test_a_nose_to_the_right_is_positive_yaw_and_a_low_nose_positive_pitch() -> None:
    right, low = FRONTAL.copy(), FRONTAL.copy()
    right[2, 0] += 15
    low[2, 1] += 12

    assert pose(right)[0] > 25
    assert pose(low)[1] > 20


def test_blur_lowers_sharpness_and_overall_but_not_light() -> None:
    sharp = measure_shot(textured(), BOX, FRONTAL)
    soft_image = np.asarray(cv2.GaussianBlur(textured(), (0, 0), 5), dtype=np.uint8)
    soft = measure_shot(soft_image, BOX, FRONTAL)

    assert soft.sharpness < sharp.sharpness / 4
    assert soft.overall < sharp.overall
    assert soft.brightness == pytest.approx(sharp.brightness, abs=0.01)


def test_the_noise_of_a_flat_face_is_not_sharpness() -> None:
    noise = np.random.default_rng(3).integers(127, 130, (200, 200, 3), dtype=np.uint8)

    sharp = measure_shot(textured(), BOX, FRONTAL).sharpness
    assert measure_shot(noise, BOX, FRONTAL).sharpness < sharp / 2


def test_exposure_alone_hardly_changes_sharpness() -> None:
    dimmed = (textured() * 0.5).astype(np.uint8)

    expected = measure_shot(textured(), BOX, FRONTAL).sharpness
    assert measure_shot(dimmed, BOX, FRONTAL).sharpness == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("value", [0, 255])
def test_a_flat_face_is_measured_without_division_by_zero(value: int) -> None:
    flat = np.full((200, 200, 3), value, dtype=np.uint8)

    quality = measure_shot(flat, BOX, FRONTAL)

    assert (quality.sharpness, quality.brightness) == (0, value / 255)
    assert quality.overall == pytest.approx(0, abs=1e-6)


def test_a_box_outside_the_image_is_partial() -> None:
    quality = measure_shot(textured(), BOX + np.float32(500), FRONTAL + np.float32(500))

    assert quality.visible == 0
    assert rejection_reason(quality, QualityLimits()) is RejectionReason.PARTIAL


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"visible": 0.5}, RejectionReason.PARTIAL),
        ({"inter_eye_px": 5.0}, RejectionReason.TOO_SMALL),
        ({"brightness": 0.02}, RejectionReason.TOO_DARK),
        ({"brightness": 0.99}, RejectionReason.TOO_BRIGHT),
        ({"yaw": -80.0}, RejectionReason.EXTREME_POSE),
        ({"pitch": 70.0}, RejectionReason.EXTREME_POSE),
        ({"roll": 100.0}, RejectionReason.EXTREME_POSE),
        ({"sharpness": 0.001}, RejectionReason.BLURRED),
        ({"sharpness": 0.001, "visible": 0.1}, RejectionReason.PARTIAL),  # the first counts
    ],
)
def test_every_limit_has_its_reason(
    change: dict[str, float], reason: RejectionReason | None
) -> None:
    assert rejection_reason(replace(GOOD, **change), QualityLimits()) is reason
