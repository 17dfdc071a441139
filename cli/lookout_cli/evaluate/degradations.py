"""What a street does to a picture, done to good pictures on purpose: blur, noise, distance, darkness, glare, things in front."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from lookout.vision.arrays import FloatArray, Image

_SKIN_SHADE, _DARK, _CLOTH = (90, 100, 110), (20, 20, 20), (150, 120, 90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Degradation:
    """One way of spoiling a picture: its name, and what does it to an image, given box (4,) and landmarks (5, 2)."""

    name: str
    apply: Callable[[Image, FloatArray, FloatArray], Image]


def degradations(rng: np.random.Generator) -> tuple[Degradation, ...]:
    """All of them, the untouched picture first; the noise is drawn from ``rng``."""
    plain = [
        ("none", lambda image: image),
        *((f"blur {sigma:g}", _blur(sigma)) for sigma in (1.2, 2.4, 4.0)),
        *((f"movement {length}", _movement(length)) for length in (7, 13)),
        *((f"noise {sigma:g}", _light(1, sigma, rng)) for sigma in (12.0, 30.0)),
        *((f"scale {factor:g}", _scale(factor)) for factor in (0.5, 0.3, 0.2)),
        *((f"light {gain:g}", _light(gain, 2, rng)) for gain in (0.35, 0.12, 1.7, 2.6)),
        ("jpeg 15", _jpeg),
    ]
    hidden = (("mask", _mask), ("dark glasses", _glasses), ("half hidden", _half))
    return (
        *(Degradation(name=name, apply=_ignoring_face(how)) for name, how in plain),
        *(Degradation(name=name, apply=how) for name, how in hidden),
    )


def _ignoring_face(
    how: Callable[[Image], Image],
) -> Callable[[Image, FloatArray, FloatArray], Image]:
    return lambda image, _box, _landmarks: how(image)


def _image(array: npt.NDArray[np.generic]) -> Image:
    return np.asarray(np.clip(array, 0, 255), dtype=np.uint8)


def _blur(sigma: float) -> Callable[[Image], Image]:
    return lambda image: _image(cv2.GaussianBlur(image, (0, 0), sigma))


def _movement(length: int) -> Callable[[Image], Image]:
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    return lambda image: _image(cv2.filter2D(image, -1, kernel))


def _scale(factor: float) -> Callable[[Image], Image]:
    return lambda image: _image(
        cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    )


def _light(gain: float, noise: float, rng: np.random.Generator) -> Callable[[Image], Image]:
    return lambda image: _image(image * gain + rng.normal(0, noise, image.shape))


def _jpeg(image: Image) -> Image:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 15])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return image if decoded is None else _image(decoded)


def _mask(image: Image, box: FloatArray, landmarks: FloatArray) -> Image:
    """A cloth from the bridge of the nose down."""
    top = 0.6 * landmarks[2, 1] + 0.4 * landmarks[:2, 1].mean()
    return _covered(image, (box[0], top, box[2], box[3]), _CLOTH)


def _half(image: Image, box: FloatArray, _landmarks: FloatArray) -> Image:
    """The left half behind something."""
    return _covered(image, (box[0], box[1], (box[0] + box[2]) / 2, box[3]), _SKIN_SHADE)


def _covered(
    image: Image, place: tuple[float, float, float, float], colour: tuple[int, int, int]
) -> Image:
    left, top, right, bottom = (round(float(value)) for value in place)
    return _image(cv2.rectangle(image.copy(), (left, top), (right, bottom), colour, -1))


def _glasses(image: Image, _box: FloatArray, landmarks: FloatArray) -> Image:
    apart = float(np.linalg.norm(landmarks[0] - landmarks[1]))
    spoilt = image.copy()
    for x, y in landmarks[:2]:
        axes = (round(0.42 * apart), round(0.3 * apart))
        cv2.ellipse(spoilt, (round(float(x)), round(float(y))), axes, 0, 0, 360, _DARK, -1)
    return spoilt
