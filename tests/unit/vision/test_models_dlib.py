"""The converter of dlib's ResNet, on a network small enough to compute by hand."""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from lookout.vision.arrays import FloatArray
from lookout.vision.manifest import read_pack
from lookout.vision.pack import load_pack
from lookout.vision.sessions import OnnxRunner
from lookout_cli.models.dlib_graph import dlib_resnet_to_onnx
from lookout_cli.models.dlib_resnet import DlibFormatError, read_dlib_resnet

SIZE = 150
MEANS = (122.5, 117.0, 104.25)


@dataclass
class DatWriter:
    """Writes dlib's format: `versions` come from the output inwards, `body` the other way."""

    versions: bytearray = field(default_factory=bytearray)
    body: bytearray = field(default_factory=bytearray)

    @staticmethod
    def integer(value: int) -> bytes:
        length = max(1, (abs(value).bit_length() + 7) // 8)
        return bytes([length | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(length, "little")

    def integers(self, *values: int) -> bytes:
        return b"".join(map(self.integer, values))

    def number(self, value: float) -> bytes:
        above, below = value.as_integer_ratio()
        return self.integers(above, 1 - below.bit_length())

    def text(self, value: str) -> bytes:
        return self.integer(len(value)) + value.encode()

    def tensor(self, values: FloatArray) -> bytes:
        shape = (*values.shape, *([1] * (4 - values.ndim))) if values.size else (0, 0, 0, 0)
        return self.integers(2, *shape) + values.astype("<f4").tobytes()

    def layer(self, details: bytes, *, version: int) -> bytes:
        empty = self.tensor(np.zeros(0, dtype=np.float32))
        tail = self.integer(0) if version == 3 else b""
        return details + b"000" + empty * 3 + tail

    def convolution(self, weights: FloatArray, *, stride: int, padding: int) -> bytes:
        filters, channels, rows, columns = weights.shape
        values = np.concatenate([weights.ravel(), np.zeros(filters)]).astype(np.float32)
        details = self.text("con_4") + self.tensor(values)
        details += self.integers(filters, rows, columns, stride, stride, padding, padding)
        details += self.integers(1, filters, channels, rows, columns, 1, 1, filters, 1, 1)
        return self.layer(details + self.number(1.0) * 4, version=2)

    def affine(self, scale: FloatArray, shift: FloatArray) -> bytes:
        count = len(scale)
        details = self.text("affine_") + self.tensor(np.concatenate([scale, shift]))
        details += self.integers(1, 1, count, 1, 1, 1, 1, count, 1, 1, 0)
        return self.layer(details, version=2)

    def pool(self, kind: str, window: tuple[int, int, int]) -> bytes:
        side, stride, padding = window
        sizes = self.integers(side, side, stride, stride, padding, padding)
        return self.layer(self.text(kind) + sizes, version=3)

    def named(self, kind: str) -> bytes:
        return self.layer(self.text(kind), version=2)


def tiny_network(stem: FloatArray, shifts: list[float], head: FloatArray) -> bytes:
    """dlib's layers, with two channels throughout: every residual convolution has zero weights,
    so that a steady block adds its shift and a shrinking one only averages.
    """
    write = DatWriter()
    zero = np.zeros((2, 2, 3, 3), dtype=np.float32)
    ones, none = np.ones(2, dtype=np.float32), np.zeros(2, dtype=np.float32)
    parts: list[tuple[int, bytes]] = [  # version and content, from the input outwards
        (2, write.convolution(stem, stride=2, padding=0)),
        (2, write.affine(np.array([2, 1], dtype=np.float32), np.array([0, 1], dtype=np.float32))),
        (2, write.named("relu_")),
        (3, write.pool("max_pool_2", (3, 2, 0))),
    ]
    steady = iter(shifts)
    for kind in "sssdsssdssdssd":
        shrinks = kind == "d"
        shift = none if shrinks else ones * np.float32(next(steady))
        stride, padding = (2, 0) if shrinks else (1, 1)
        parts += [
            (1, b""),  # tag 1
            (2, write.convolution(zero, stride=stride, padding=padding)),
            (2, write.affine(ones, none)),
            (2, write.named("relu_")),
            (2, write.convolution(zero, stride=1, padding=1)),
            (2, write.affine(ones, shift)),
        ]
        if shrinks:
            average = write.pool("avg_pool_2", (2, 2, 0))
            parts += [(1, b""), (1, b""), (3, average)]  # tag 2, skip to tag 1
        parts += [(2, write.named("add_prev_")), (2, write.named("relu_"))]
    parts.append((3, write.pool("avg_pool_2", (0, 1, 0))))
    inputs, outputs = head.shape
    linear = write.text("fc_2") + write.integers(outputs, inputs) + write.tensor(head)
    linear += write.integers(1, inputs, outputs, 1, 1, 1, 0, 0, 0, 0, 1) + write.number(1.0) * 4
    parts.append((2, write.layer(linear, version=2)))
    top = write.integer(1) + write.text("loss_metric_2") + write.number(0.04) + write.number(0.6)
    versions = b"".join(write.integer(version) for version, _ in reversed(parts))
    entrance = write.text("input_rgb_image_sized") + b"".join(map(write.number, MEANS))
    entrance += write.integers(SIZE, SIZE)
    return top + versions + entrance + b"".join(content for _, content in parts)


STEM = np.random.default_rng(2).uniform(-0.01, 0.01, (2, 3, 7, 7)).astype(np.float32)
SHIFTS = [0.5, 0.25, 0.125, 1.0, 2.0, 0.5, 0.25, 0.125, 1.0, 0.5]
HEAD = np.array([[1, -1, 0.5], [0.25, 2, -0.5]], dtype=np.float32)


def test_a_converted_network_computes_what_its_layers_say() -> None:
    colours = np.array([[200, 90, 30], [10, 240, 128]], dtype=np.float32)
    chips = np.broadcast_to(colours[:, :, None, None], (2, 3, SIZE, SIZE))

    outputs = OnnxRunner(dlib_resnet_to_onnx(tiny_network(STEM, SHIFTS, HEAD))).run(
        np.ascontiguousarray(chips)
    )

    pixels = (colours - np.array(MEANS)) / 256
    flow = np.maximum(pixels @ STEM.sum(axis=(2, 3)).T * [2, 1] + [0, 1], 0)
    np.testing.assert_allclose(outputs["templates"], (flow + sum(SHIFTS)) @ HEAD, rtol=1e-4)


def test_the_layers_come_in_the_order_in_which_an_image_passes_them() -> None:
    entrance, layers = read_dlib_resnet(tiny_network(STEM, SHIFTS, HEAD))

    assert (entrance.means, entrance.size) == (MEANS, (SIZE, SIZE))
    names = [type(layer).__name__ for layer in layers]
    assert names[:4] == ["Convolution", "Affine", "Rectify", "Pool"]
    assert names[-2:] == ["Pool", "FullyConnected"]
    assert names.count("AddTagged") == 14


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(DlibFormatError, match="the file ends early, after 0 bytes"):
        dlib_resnet_to_onnx(b"")


@pytest.mark.parametrize("share", [0.001, 0.3, 0.6, 0.999])
def test_a_truncated_file_is_refused(share: float) -> None:
    content = tiny_network(STEM, SHIFTS, HEAD)

    with pytest.raises(DlibFormatError, match="ends early"):
        dlib_resnet_to_onnx(content[: int(len(content) * share)])


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b"loss_metric_2", b"loss_binary_1", "expected 'loss_metric_2'"),
        (b"input_rgb_image_sized", b"input_rgb_image_other", "expected 'input_rgb_image_sized'"),
        (b"max_pool_2", b"avg_pool_2", "expected 'max_pool_2'"),
    ],
)
def test_another_network_is_refused(old: bytes, new: bytes, problem: str) -> None:
    content = tiny_network(STEM, SHIFTS, HEAD)

    with pytest.raises(DlibFormatError, match=problem):
        dlib_resnet_to_onnx(content.replace(old, new, 1))


def test_what_is_no_dlib_file_is_refused() -> None:
    with pytest.raises(DlibFormatError, match="no integer at byte 0"):
        dlib_resnet_to_onnx(b"\x89PNG")


def test_bytes_after_the_network_are_refused() -> None:
    with pytest.raises(DlibFormatError, match="1 bytes are left"):
        dlib_resnet_to_onnx(tiny_network(STEM, SHIFTS, HEAD) + b"!")


def test_impossible_sizes_are_refused_before_memory_is_asked_for() -> None:
    write = DatWriter()
    whole = tiny_network(STEM, SHIFTS, HEAD)
    start = whole.index(b"con_4") + len(b"con_4")
    huge = write.integers(2, 1 << 40, 1 << 40, 1, 1)

    with pytest.raises(DlibFormatError, match="impossible tensor shape"):
        dlib_resnet_to_onnx(whole[:start] + huge + whole[start:])


@pytest.mark.models
def test_the_real_network_converts_to_the_file_that_the_manifest_names() -> None:
    folder = Path(os.environ.get("LOOKOUT_MODEL_MIRROR", ""))
    file = read_pack("dlib").embedder.file
    assert file.source is not None
    published = folder / file.source.name
    if not published.is_file():
        pytest.skip(f"{file.source.name} is not in LOOKOUT_MODEL_MIRROR")

    converted = dlib_resnet_to_onnx(published.read_bytes())

    assert hashlib.sha256(converted).hexdigest() == file.sha256


@pytest.mark.models
def test_the_real_pack_opens_and_answers_with_its_dimension() -> None:
    cache = Path("~/.cache/lookout/models").expanduser()
    if not all((cache / file.name).is_file() for file in read_pack("dlib").files):
        pytest.skip("pack dlib is not in the cache: run lookout models pull dlib")
    loaded = load_pack("dlib", cache)

    templates = loaded.embedder().embed(np.zeros((1, 150, 150, 3), dtype=np.uint8))

    assert templates.shape == (1, 128)
    assert len(loaded.detector().detect(np.zeros((240, 320, 3), dtype=np.uint8))) == 0
