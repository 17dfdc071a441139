"""Embedders, on a runner that computes something simple."""

import numpy as np
import pytest
from lookout.vision.arrays import FloatArray, Image, ShapeError
from lookout.vision.contract import ColourOrder, InputContract
from lookout.vision.embedder import MirroredEmbedder, ModelOutputError, OnnxEmbedder
from lookout.vision.errors import ModelShapeError

RGB = InputContract(colour=ColourOrder.RGB)


class ChannelMeans:
    """Template = mean of each channel plus one; remembers the batches it was given."""

    def __init__(self, *, plus: float = 1.0) -> None:
        self.plus = np.float32(plus)
        self.batches: list[int] = []

    def run(self, tensor: FloatArray) -> dict[str, FloatArray]:
        self.batches.append(len(tensor))
        return {"out": tensor.mean(axis=(2, 3)) + self.plus}


def embedder(runner: ChannelMeans, *, batchable: bool = True, dim: int = 3) -> OnnxEmbedder:
    return OnnxEmbedder(runner, contract=RGB, size=16, dim=dim, batchable=batchable)


def chips(count: int) -> Image:
    return np.random.default_rng(1).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize("count", [0, 1, 3, 8, 19])
@pytest.mark.parametrize("batchable", [True, False])
def test_templates_have_length_one_whatever_the_batch(count: int, *, batchable: bool) -> None:
    given = chips(count)

    templates = embedder(ChannelMeans(), batchable=batchable).embed(given)

    assert templates.shape == (count, 3)
    assert templates.dtype == np.float32
    means = given[..., ::-1].mean(axis=(1, 2)) + 1
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(templates, expected, rtol=1e-5)


def test_batches_are_powers_of_two_up_to_eight() -> None:
    runner = ChannelMeans()
    model = embedder(runner)
    runner.batches.clear()

    model.embed(chips(23))

    assert runner.batches == [8, 8, 4, 2, 1]


def test_a_model_that_takes_one_chip_gets_one_at_a_time() -> None:
    runner = ChannelMeans()
    model = embedder(runner, batchable=False)
    runner.batches.clear()

    model.embed(chips(3))

    assert runner.batches == [1, 1, 1]


def test_a_model_of_another_dimension_is_refused_with_wanted_and_got() -> None:
    with pytest.raises(ModelShapeError, match=r"shape \(2, 128\), but it answered \[\(2, 3\)\]"):
        embedder(ChannelMeans(), dim=128)


@pytest.mark.parametrize("shape", [(0,), (16, 16, 3), (1, 3, 16, 16), (1, 17, 16, 3)])
def test_chips_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"chips must be uint8 of shape \(N, 16, 16, 3\)"):
        embedder(ChannelMeans()).embed(np.zeros(shape, dtype=np.uint8))


@pytest.mark.parametrize("plus", [0.0, float("nan")])
def test_a_template_without_direction_is_refused(plus: float) -> None:
    model = embedder(ChannelMeans())
    broken = ChannelMeans(plus=plus)
    model._runner = broken

    with pytest.raises(ModelOutputError, match="no direction"):
        model.embed(np.zeros((1, 16, 16, 3), dtype=np.uint8))


class LeftAndRight:
    """Template = brightness of the chip's left half and of its right half."""

    def run(self, tensor: FloatArray) -> dict[str, FloatArray]:
        halves = tensor.mean(axis=(1, 2)).reshape(len(tensor), 2, -1).mean(axis=2)
        return {"out": halves + np.float32(0.1)}


def mirrored() -> MirroredEmbedder:
    return MirroredEmbedder(
        OnnxEmbedder(LeftAndRight(), contract=RGB, size=16, dim=2, batchable=True)
    )


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_chip_and_its_mirror_image_have_one_template(count: int) -> None:
    given = chips(count)
    given[:, :, :8] //= 4

    templates = mirrored().embed(given)

    np.testing.assert_allclose(templates, mirrored().embed(given[:, :, ::-1]), rtol=1e-6)
    np.testing.assert_allclose(templates, np.full((count, 2), np.sqrt(0.5)), rtol=1e-5)


def test_mirroring_keeps_size_and_dimension() -> None:
    assert (mirrored().size, mirrored().dim) == (16, 2)


def test_a_chip_without_its_batch_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(N, size, size, 3\)"):
        mirrored().embed(chips(1)[0])
