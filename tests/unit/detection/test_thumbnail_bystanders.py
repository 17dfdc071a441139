"""A thumbnail is of one person: whoever stands beside them raised no alert, and is not shown."""

import cv2
import numpy as np
import pytest
from lookout.vision.arrays import FloatArray, Image
from lookout_detection.imaging import thumbnail_jpeg

OWN = np.array([100, 100, 200, 220], np.float32)
NOBODY = np.zeros((0, 4), np.float32)


def street() -> Image:
    """Fine detail everywhere, (400, 600, 3): what is pixelated loses it."""
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (400, 600, 3), dtype=np.uint8)


def shown(others: FloatArray) -> Image:
    jpeg = thumbnail_jpeg(street(), OWN, others)
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, dtype=np.uint8)


def detail(image: Image) -> float:
    return float(cv2.Laplacian(image, cv2.CV_32F).std())


@pytest.mark.parametrize(
    "others",
    [NOBODY, np.array([[400, 100, 500, 220]], np.float32)],
    ids=["nobody", "somebody elsewhere"],
)
def test_without_a_bystander_the_thumbnail_is_as_it_was(others: FloatArray) -> None:
    assert np.array_equal(shown(others), shown(NOBODY))


def test_a_bystander_in_the_margin_is_pixelated_and_the_subject_is_not() -> None:
    alone, beside = shown(NOBODY), shown(np.array([[205, 100, 305, 220]], np.float32))
    scale = alone.shape[1] / 150
    edge = round(125 * scale) + 2
    middle = slice(round(30 * scale), round(120 * scale))

    assert detail(beside[:, edge:]) < 0.3 * detail(alone[:, edge:])
    assert np.abs(beside[middle, middle].astype(int) - alone[middle, middle]).mean() < 2


def test_where_they_overlap_the_subject_stays_whole() -> None:
    beside = shown(np.array([[150, 100, 250, 220]], np.float32))
    alone = shown(NOBODY)
    scale = alone.shape[1] / 150
    own = slice(round(30 * scale), round(120 * scale))

    assert np.abs(beside[own, own].astype(int) - alone[own, own]).mean() < 2
