"""Embedders: aligned chips in, unit templates out."""

from typing import Protocol

import numpy as np

from lookout.vision.arrays import FloatArray, Image, ShapeError
from lookout.vision.contract import InputContract
from lookout.vision.errors import ModelShapeError
from lookout.vision.sessions import ModelRunner

LARGEST_BATCH = 8
"""Chips per run; more gains nothing on a CPU and only holds memory."""


class ModelOutputError(ArithmeticError):
    """The model answered with something that is no template: not finite, or of length zero."""


class Embedder(Protocol):
    """Turns chips into templates."""

    @property
    def size(self) -> int:
        """Side of the chips, pixels."""
        ...

    @property
    def dim(self) -> int:
        """Length of a template."""
        ...

    def embed(self, chips: Image) -> FloatArray:
        """Templates of chips; blocks until done.

        Args:
            chips: shape (N, size, size, 3), uint8, BGR, aligned to the pack's template.

        Returns:
            Shape (N, dim), float32, each of length 1: compare by the dot product.

        Raises:
            ShapeError: the chips have another shape or dtype.
            ModelOutputError: the model's answer is not finite or of length zero.
        """
        ...


class OnnxEmbedder:
    """An embedder described by its manifest alone."""

    def __init__(
        self, runner: ModelRunner, *, contract: InputContract, size: int, dim: int, batchable: bool
    ) -> None:
        """Dry-run the model and check its output.

        Raises:
            ModelShapeError: the output is not one (N, dim) tensor.
        """
        self._runner, self._contract = runner, contract
        self._size, self._dim, self._batchable = size, dim, batchable
        self._check(2 if batchable else 1)

    @property
    def size(self) -> int:
        """Side of the chips, pixels."""
        return self._size

    @property
    def dim(self) -> int:
        """Length of a template."""
        return self._dim

    def embed(self, chips: Image) -> FloatArray:
        """See `Embedder.embed`."""
        wanted = (self._size, self._size, 3)
        if chips.ndim != 4 or chips.shape[1:] != wanted or chips.dtype != np.uint8:
            raise ShapeError(
                f"chips must be uint8 of shape (N, {self._size}, {self._size}, 3),"
                f" but got {chips.dtype} of shape {chips.shape}"
            )
        templates = np.empty((len(chips), self._dim), dtype=np.float32)
        start = 0
        while start < len(chips):
            count = self._next_batch(len(chips) - start)
            templates[start : start + count] = self._run(chips[start : start + count])
            start += count
        return _unit(templates)

    def _next_batch(self, left: int) -> int:
        """Powers of two up to the largest batch: few shapes keep the runtime's memory flat."""
        if not self._batchable:
            return 1
        return min(LARGEST_BATCH, 1 << (left.bit_length() - 1))

    def _run(self, chips: Image) -> FloatArray:
        (output,) = self._runner.run(self._contract.tensor(list(chips))).values()
        return output

    def _check(self, count: int) -> None:
        black = [np.zeros((self._size, self._size, 3), dtype=np.uint8)] * count
        outputs = self._runner.run(self._contract.tensor(black))
        got = [tensor.shape for tensor in outputs.values()]
        if got != [(count, self._dim)]:
            raise ModelShapeError(
                f"for {count} chips the embedder must answer one tensor of shape"
                f" ({count}, {self._dim}), but it answered {got}: correct the manifest's dim"
                " or batchable"
            )


class MirroredEmbedder:
    """Averages the template of every chip with that of its mirror image: twice the work, fewer people missed."""

    def __init__(self, plain: Embedder) -> None:
        self._plain = plain

    @property
    def size(self) -> int:
        """Side of the chips, pixels."""
        return self._plain.size

    @property
    def dim(self) -> int:
        """Length of a template."""
        return self._plain.dim

    def embed(self, chips: Image) -> FloatArray:
        """See `Embedder.embed`."""
        if chips.ndim != 4:
            raise ShapeError(f"chips must be of shape (N, size, size, 3), but got {chips.shape}")
        both = self._plain.embed(np.concatenate([chips, chips[:, :, ::-1]]))
        return _unit(both[: len(chips)] + both[len(chips) :])


def _unit(templates: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(templates, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths < 1e-6).any():
        raise ModelOutputError("the embedder answered with a template that has no direction")
    return np.asarray(templates / lengths, dtype=np.float32)
