"""Pixelation of previews."""

import numpy as np
import pytest
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.pixelate import BLOCKS, pixelate_faces


def noise() -> Image:
    return np.random.default_rng(5).integers(0, 256, (120, 160, 3), dtype=np.uint8)


def faces(*rows: tuple[float, float, float, float]) -> FloatArray:
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


def test_without_faces_the_image_is_an_unchanged_copy() -> None:
    image = noise()

    result = pixelate_faces(image, faces())

    np.testing.assert_array_equal(result, image)
    assert not np.shares_memory(result, image)


@pytest.mark.parametrize(
    "box", [(40, 20, 100, 100), (50, 50, 62, 66), (-30, -30, 40, 40), (0, 0, 160, 10)]
)
def test_a_face_keeps_no_more_colours_than_blocks(box: tuple[float, float, float, float]) -> None:
    result = pixelate_faces(noise(), faces(box))

    x_low, y_low, x_high, y_high = np.clip(box, 0, [160, 120, 160, 120]).astype(int)
    inside = result[y_low:y_high, x_low:x_high].reshape(-1, 3)
    assert len(np.unique(inside, axis=0)) <= BLOCKS**2


def test_what_is_hidden_depends_on_block_means_alone() -> None:
    image, box = noise(), faces((40, 20, 100, 100))
    once = pixelate_faces(image, box)
    scrambled = image.copy()
    # Swapping pixels within a block keeps its mean: nothing of their order may remain.
    scrambled[40:44, 60:64] = scrambled[40:44, 60:64][::-1, ::-1]

    np.testing.assert_array_equal(pixelate_faces(scrambled, box), once)
    assert not np.array_equal(image, scrambled)


def test_the_margin_around_a_face_is_hidden_and_the_rest_is_not() -> None:
    image = noise()

    result = pixelate_faces(image, faces((60, 40, 100, 80)))

    changed = (result != image).any(axis=2)
    assert changed[31:89, 51:109].mean() > 0.9
    assert not changed[:29].any()
    assert not changed[:, :49].any()


def test_a_face_beside_the_image_changes_nothing() -> None:
    np.testing.assert_array_equal(pixelate_faces(noise(), faces((500, 500, 600, 600))), noise())
