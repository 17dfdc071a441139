"""Shot quality and its reasons."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.pack import LoadedPack
from lookout.vision.quality import (
    QualityLimits,
    RejectionReason,
    ShotQuality,
    measure_shot,
    pose,
    rejection_reason,
)
from lookout_cli.evaluate.degradations import degradations

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


def face_like() -> Image:
    """Blotches at every scale within the face's box, as skin, eyes and mouth have them."""
    rng = np.random.default_rng(11)
    image = np.full((200, 200), 120.0)
    for sigma, strength in ((1.2, 60.0), (3.0, 120.0), (8.0, 250.0)):
        image += strength * cv2.GaussianBlur(rng.normal(0, 1, (200, 200)), (0, 0), sigma)
    grey = np.clip(image, 0, 235).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def noisy(image: Image, sigma: float) -> Image:
    noise = np.random.default_rng(5).normal(0, sigma, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def smeared(image: Image, length: int, *, down: bool) -> Image:
    kernel = np.full((1, length), 1 / length, np.float32)
    return np.asarray(cv2.filter2D(image, -1, kernel.T if down else kernel), np.uint8)


@pytest.mark.parametrize("sigma", [10.0, 20.0, 40.0])
def test_noise_is_estimated_and_lowers_quality_instead_of_raising_it(sigma: float) -> None:
    clean, worse = measure_shot(face_like(), BOX, FRONTAL), noisy(face_like(), sigma)
    measured = measure_shot(worse, BOX, FRONTAL)

    # Less than sigma: grey is a mean of three colours, and a chip's pixel one of several pixels.
    assert measured.noise - clean.noise == pytest.approx(0.23 * sigma, rel=0.15)
    assert measured.overall < clean.overall


@pytest.mark.parametrize("down", [False, True])
def test_movement_in_either_direction_lowers_detail(down: bool) -> None:  # noqa: FBT001 - a parameter of the test
    clean = measure_shot(face_like(), BOX, FRONTAL)
    moved = measure_shot(smeared(face_like(), 9, down=down), BOX, FRONTAL)

    assert moved.detail < clean.detail / 3
    assert moved.overall < clean.overall


def test_a_smaller_picture_of_the_same_face_has_less_detail() -> None:
    small = cv2.resize(face_like(), None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    scale = np.float32(0.3)

    measured = measure_shot(np.asarray(small, np.uint8), BOX * scale, FRONTAL * scale)
    assert measured.detail < measure_shot(face_like(), BOX, FRONTAL).detail / 2


@pytest.mark.parametrize("point", [0, 1, 3])
def test_a_flat_thing_before_an_eye_or_the_mouth_lowers_features(point: int) -> None:
    clean, covered = measure_shot(face_like(), BOX, FRONTAL), face_like()
    # The mouth is as wide as from its left corner, 16 pixels from its middle.
    x, y = int(FRONTAL[point, 0]) + (16 if point == 3 else 0), int(FRONTAL[point, 1])
    covered[y - 16 : y + 16, x - 30 : x + 30] = 100

    measured = measure_shot(covered, BOX, FRONTAL)
    assert measured.features < clean.features / 2
    assert measured.overall < clean.overall


def test_an_overexposed_face_is_worse() -> None:
    clean = measure_shot(face_like(), BOX, FRONTAL)
    glaring = np.clip(face_like() * 2.2, 0, 255).astype(np.uint8)

    measured = measure_shot(glaring, BOX, FRONTAL)
    assert measured.blown > 0.3
    assert measured.overall < clean.overall


def test_landmarks_that_coincide_have_no_detail_and_no_chance() -> None:
    measured = measure_shot(face_like(), BOX, np.full((5, 2), 100, np.float32))

    assert (measured.detail, measured.features) == (0, 0)
    assert measured.overall < 1e-3


@pytest.mark.models
@pytest.mark.faces
def test_real_faces_spoilt_on_purpose_are_worse_than_before(
    mobile: LoadedPack, faces: dict[str, list[Path]]
) -> None:
    detector = mobile.detector()
    worse: dict[str, list[bool]] = {}
    for path in [paths[0] for paths in faces.values()][:15]:
        image = np.asarray(cv2.imread(str(path)), np.uint8)
        found = detector.detect(image)
        if not len(found):
            continue
        box, landmarks = found.boxes[0], found.landmarks[0]
        before = measure_shot(image, box, landmarks).overall
        for way in degradations(np.random.default_rng(1)):
            # Those that change the size of the picture are judged by other tests.
            if way.name in {"none", "scale 0.5", "scale 0.3", "scale 0.2", "jpeg 15"}:
                continue
            spoilt = measure_shot(way.apply(image, box, landmarks), box, landmarks).overall
            worse.setdefault(way.name, []).append(spoilt < before)
    shares = {name: np.mean(each) for name, each in worse.items()}
    assert len(shares) == 14
    assert min(shares[name] for name in ("blur 4", "movement 13", "noise 30", "mask")) >= 0.9
    assert np.mean(list(shares.values())) > 0.85
