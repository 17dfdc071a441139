"""Reads dlib's face recognition ResNet from its own file format.

The format (dlib's `serialize`, networks of `dnn/core.h`): integers are a control byte, its low
nibble the number of bytes and its top bit the sign, followed by the magnitude in little-endian
order; floating point numbers are an integer mantissa and an integer exponent of two; strings carry
their length before them; tensors are a version, four sizes and float32 values. A layer writes its
version, then everything below it, then its own parameters: a file therefore lists versions from
the output inwards and parameters from the input outwards.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from lookout.vision.arrays import FloatArray
from lookout.vision.errors import PackError

_MOST_VALUES = 1 << 28
"""A tensor larger than this is not a face model's: its sizes were misread."""


class DlibFormatError(PackError):
    """The file is not dlib's face recognition ResNet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Geometry of a convolution or pooling: kernel, stride and padding, each (rows, columns).

    A pooling kernel of (0, 0) spans the whole plane.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Input:
    """The image input: RGB means to subtract, and the size (rows, columns)."""

    means: tuple[float, float, float]
    size: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Convolution:
    """A convolution: weights of shape (filters, channels, rows, columns), biases (filters,)."""

    window: Window
    weights: FloatArray
    biases: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Affine:
    """A frozen batch normalisation: scale and shift per channel, each of shape (channels,)."""

    scale: FloatArray
    shift: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pooling, by maximum or by average."""

    window: Window
    average: bool


@dataclass(frozen=True, slots=True)
class Rectify:
    """A ReLU."""


@dataclass(frozen=True, slots=True)
class Tag:
    """Remembers what flows here under a number."""

    number: int


@dataclass(frozen=True, slots=True)
class Recall:
    """Goes on from what was remembered under a number."""

    number: int


@dataclass(frozen=True, slots=True)
class AddTagged:
    """Adds what was remembered under a number; the smaller is padded with zeros."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FullyConnected:
    """A linear layer without bias; weights of shape (inputs, outputs)."""

    weights: FloatArray


Layer = Convolution | Affine | Pool | Rectify | Tag | Recall | AddTagged | FullyConnected


def read_dlib_resnet(content: bytes) -> tuple[Input, list[Layer]]:
    """The input and the layers, in the order in which an image passes them.

    Raises:
        DlibFormatError: the content is something else, or truncated.
    """
    reader = _Reader(content)
    reader.expect_version("network", reader.integer(), {1})
    reader.expect("loss_metric_2")
    reader.numbers(2)  # margin and distance of the training loss
    kinds = list(_outside_in())
    versions = [reader.integer() for _ in kinds]
    entrance = _read_input(reader)
    layers = [
        _read_layer(reader, kind, version)
        for kind, version in zip(reversed(kinds), reversed(versions), strict=True)
    ]
    reader.expect_end()
    return entrance, layers


def _outside_in() -> Iterator[str]:
    """Kinds of the network's layers, from the output inwards."""
    yield from ("fc_2", "avg_pool_2")
    for steady in (0, 2, 2, 3):
        for _ in range(steady):
            yield from _residual(shrinks=False)
        yield from _residual(shrinks=True)
    for _ in range(3):
        yield from _residual(shrinks=False)
    yield from ("max_pool_2", "relu_", "affine_", "con_4")


def _residual(*, shrinks: bool) -> Iterator[str]:
    yield "relu_"
    if shrinks:
        yield from ("add_prev2", "avg_pool_2", "skip1", "tag2")
    else:
        yield "add_prev1"
    yield from ("affine_", "con_4", "relu_", "affine_", "con_4", "tag1")


def _read_input(reader: "_Reader") -> Input:
    reader.expect("input_rgb_image_sized")
    red, green, blue = reader.numbers(3)
    rows, columns = reader.integers(2)
    return Input(means=(red, green, blue), size=(rows, columns))


def _read_layer(reader: "_Reader", kind: str, version: int) -> Layer:
    if kind.startswith("tag"):
        return Tag(int(kind[-1]))
    if kind.startswith("skip"):
        return Recall(int(kind[-1]))
    layer = _read_details(reader, kind)
    reader.skip_flags(3)
    # Gradients and cached results of training: their places are kept, empty or not.
    for _ in range(3):
        reader.tensor()
    reader.expect_version(kind, version, {2, 3})
    if version == 3:
        reader.integer()
    return layer


def _read_details(reader: "_Reader", kind: str) -> Layer:
    if kind.startswith("add_prev"):
        reader.expect("add_prev_")
        return AddTagged(int(kind[-1]))
    reader.expect(kind)
    if kind == "relu_":
        return Rectify()
    if kind == "con_4":
        return _read_convolution(reader)
    if kind == "affine_":
        return _read_affine(reader)
    if kind == "fc_2":
        return _read_fully_connected(reader)
    return Pool(window=_read_window(reader), average=kind == "avg_pool_2")


def _read_window(reader: "_Reader") -> Window:
    rows, columns, down, right, pad_rows, pad_columns = reader.integers(6)
    return Window(kernel=(rows, columns), stride=(down, right), padding=(pad_rows, pad_columns))


def _read_convolution(reader: "_Reader") -> Convolution:
    values = reader.tensor().ravel()
    filters = reader.integer()
    window = _read_window(reader)
    shape, bias_shape = reader.alias(), reader.alias()
    reader.numbers(4)  # training multipliers
    weights, biases = reader.split(values, shape, bias_shape)
    if shape[0] != filters or tuple(shape[2:]) != window.kernel:
        raise DlibFormatError(f"a convolution of {filters} filters has weights of shape {shape}")
    return Convolution(window=window, weights=weights.reshape(shape), biases=biases)


def _read_affine(reader: "_Reader") -> Affine:
    values = reader.tensor().ravel()
    scale_shape, shift_shape = reader.alias(), reader.alias()
    reader.integer()  # per channel or per value: the shapes say it as well
    scale, shift = reader.split(values, scale_shape, shift_shape)
    return Affine(scale=scale, shift=shift)


def _read_fully_connected(reader: "_Reader") -> FullyConnected:
    reader.integers(2)  # outputs and inputs: the shape says it as well
    values = reader.tensor().ravel()
    shape, _ = reader.alias(), reader.alias()
    reader.expect_version("fully connected layer without bias", reader.integer(), {1})
    reader.numbers(4)  # training multipliers
    (weights,) = reader.split(values, shape)
    return FullyConnected(weights=weights.reshape(shape[0], -1))


class _Reader:
    """A cursor over the file."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    def take(self, count: int) -> bytes:
        piece = self._content[self._position : self._position + count]
        if count < 0 or len(piece) != count:
            raise DlibFormatError(f"the file ends early, after {len(self._content)} bytes")
        self._position += count
        return piece

    def integer(self) -> int:
        control = self.take(1)[0]
        length = control & 0x0F
        if control & 0x70 or not 1 <= length <= 8:
            raise DlibFormatError(f"no integer at byte {self._position - 1}")
        magnitude = int.from_bytes(self.take(length), "little")
        return -magnitude if control & 0x80 else magnitude

    def integers(self, count: int) -> list[int]:
        return [self.integer() for _ in range(count)]

    def numbers(self, count: int) -> list[float]:
        pairs = [(self.integer(), self.integer()) for _ in range(count)]
        try:
            return [mantissa * 2.0**exponent for mantissa, exponent in pairs]
        except OverflowError:
            raise DlibFormatError(f"a number before byte {self._position} is too large") from None

    def skip_flags(self, count: int) -> None:
        if not set(self.take(count)) <= set(b"01"):
            raise DlibFormatError(f"no flags before byte {self._position}")

    def tensor(self) -> FloatArray:
        self.expect_version("tensor", self.integer(), {2})
        shape = self._shape()
        return np.frombuffer(self.take(4 * prod(shape)), dtype="<f4").reshape(shape)

    def alias(self) -> tuple[int, ...]:
        """The shape of a part of a tensor."""
        self.expect_version("tensor alias", self.integer(), {1})
        return self._shape()

    def split(self, values: FloatArray, *shapes: tuple[int, ...]) -> list[FloatArray]:
        """Cut values into parts of these shapes, flat; they must use up all of them."""
        sizes = [prod(shape) for shape in shapes]
        if sum(sizes) != len(values):
            raise DlibFormatError(f"{len(values)} weights do not fill shapes {shapes}")
        ends = np.cumsum(sizes)[:-1]
        return [np.asarray(part, dtype=np.float32) for part in np.split(values, ends)]

    def expect(self, wanted: str) -> None:
        length = self.integer()
        got = self.take(length).decode("latin-1") if length <= 64 else f"{length} bytes"
        if got != wanted:
            raise DlibFormatError(
                f"expected {wanted!r} before byte {self._position}, but got {got!r}:"
                " not dlib's face recognition ResNet"
            )

    def expect_version(self, what: str, got: int, known: set[int]) -> None:
        if got not in known:
            raise DlibFormatError(
                f"{what} must have version or mode {sorted(known)}, but has {got}"
            )

    def expect_end(self) -> None:
        left = len(self._content) - self._position
        if left:
            raise DlibFormatError(f"{left} bytes are left after the network")

    def _shape(self) -> tuple[int, ...]:
        shape = tuple(self.integers(4))
        if min(shape) < 0 or prod(shape) > _MOST_VALUES:
            raise DlibFormatError(f"impossible tensor shape {shape} before byte {self._position}")
        return shape
