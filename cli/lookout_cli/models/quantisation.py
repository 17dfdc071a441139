"""Int8 for convolutional models: weights rounded here, activations by ranges that were measured once.

The result is plain ONNX in the QDQ form (QuantizeLinear, DequantizeLinear): every tensor between two layers is
rounded to 8 bits unsigned, every convolution's weights to signed ones, per output channel. Weights of dense convolutions
use 7 of the 8 bits, because processors without VNNI add pairs of products in 16 bits and would overflow.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
from lookout.vision.arrays import FloatArray
from lookout.vision.errors import PackError
from onnx import helper, numpy_helper

Ranges = Mapping[str, tuple[float, float]]
"""Tensor name to the lowest and highest value it takes on real chips."""

_STEPS = 255
_DENSE, _DEPTHWISE = 63, 127
"""Largest rounded weight; depthwise convolutions add their products in 32 bits everywhere."""


class QuantisationError(PackError):
    """The model is not built of what can be rounded, or a range is missing."""


def quantise(
    model: onnx.ModelProto, ranges: Ranges, *, first_float: int, last_float: int
) -> onnx.ModelProto:
    """The model in int8; deterministic to the byte.

    Args:
        model: convolutions with biases, Clip, Relu and Add.
        ranges: of every tensor that `rounded_tensors` names.
        first_float: how many of the first convolutions stay in floating point.
        last_float: how many of the last ones do.

    Raises:
        QuantisationError: a range is missing, or a convolution has no constant weights and bias.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    work = _Work(graph=result.graph, ranges=ranges)
    rounded = set(rounded_tensors(model, first_float=first_float, last_float=last_float))
    readers = _readers(model, first_float=first_float, last_float=last_float)
    nodes = list(result.graph.node)
    del result.graph.node[:]
    if result.graph.input[0].name in rounded:
        result.graph.node.extend(work.activation(result.graph.input[0].name))
    for node in nodes:
        if node.output[0] in readers:
            if node.op_type == "Conv":
                result.graph.node.extend(work.weights(node))
            for place, name in enumerate(node.input):
                if name in rounded:
                    node.input[place] = _after(name)
        result.graph.node.append(node)
        for name in node.output:
            if name in rounded:
                result.graph.node.extend(work.activation(name))
    kept = [tensor for tensor in result.graph.initializer if tensor.name not in work.replaced]
    del result.graph.initializer[:]
    result.graph.initializer.extend(kept)
    result.graph.initializer.extend(work.added)
    return result


def rounded_tensors(model: onnx.ModelProto, *, first_float: int, last_float: int) -> list[str]:
    """The tensors that a rounded convolution or an addition reads, in the order of the graph."""
    readers = _readers(model, first_float=first_float, last_float=last_float)
    names: dict[str, None] = {}
    for node in model.graph.node:
        if node.output[0] in readers:
            read = node.input[:1] if node.op_type == "Conv" else node.input
            names.update(dict.fromkeys(read))
    return list(names)


def _readers(model: onnx.ModelProto, *, first_float: int, last_float: int) -> set[str]:
    """First outputs of the nodes that read rounded tensors."""
    convolutions = [node.output[0] for node in model.graph.node if node.op_type == "Conv"]
    additions = [node.output[0] for node in model.graph.node if node.op_type == "Add"]
    return {*convolutions[first_float : len(convolutions) - last_float], *additions}


@dataclass(slots=True, kw_only=True)
class _Work:
    graph: onnx.GraphProto
    ranges: Ranges
    added: list[onnx.TensorProto] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)

    def activation(self, name: str) -> Iterator[onnx.NodeProto]:
        """Rounding of a tensor, and back."""
        scale, zero = self._grid(name)
        self._add(f"{name}_scale", np.float32(scale))
        self._add(f"{name}_zero", np.uint8(zero))
        grid = [f"{name}_scale", f"{name}_zero"]
        yield helper.make_node("QuantizeLinear", [name, *grid], [f"{name}_rounded"])
        yield helper.make_node("DequantizeLinear", [f"{name}_rounded", *grid], [_after(name)])

    def weights(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """Rounded weights and bias of a convolution, and back; the node is made to read them."""
        weights, bias = (self._initializer(name) for name in self._constants(node))
        largest = np.abs(weights).reshape(len(weights), -1).max(axis=1)
        most = _DEPTHWISE if _groups(node) > 1 else _DENSE
        scales = np.maximum(largest, np.float32(1e-12)) / np.float32(most)
        column = scales.reshape(-1, *[1] * (weights.ndim - 1))
        incoming, _ = self._grid(node.input[0])
        bias_scales = (scales * np.float32(incoming)).astype(np.float32)
        whole = np.rint(bias.astype(np.float64) / bias_scales)
        limit = np.iinfo(np.int32).max
        yield from self._constant(node, 1, np.rint(weights / column).astype(np.int8), scales)
        yield from self._constant(
            node, 2, np.clip(whole, -limit, limit).astype(np.int32), bias_scales
        )

    def _constant(
        self,
        node: onnx.NodeProto,
        place: int,
        whole: npt.NDArray[np.int8] | npt.NDArray[np.int32],
        scales: FloatArray,
    ) -> Iterator[onnx.NodeProto]:
        name = node.input[place]
        self.replaced.add(name)
        self._add(f"{name}_rounded", whole)
        self._add(f"{name}_scale", scales.astype(np.float32))
        self._add(f"{name}_zero", np.zeros(len(scales), dtype=whole.dtype))
        yield helper.make_node(
            "DequantizeLinear",
            [f"{name}_rounded", f"{name}_scale", f"{name}_zero"],
            [_after(name)],
            axis=0,
        )
        node.input[place] = _after(name)

    def _constants(self, node: onnx.NodeProto) -> tuple[str, str]:
        if len(node.input) != 3:
            raise QuantisationError(f"convolution {node.name} must have weights and a bias")
        return node.input[1], node.input[2]

    def _initializer(self, name: str) -> FloatArray:
        for tensor in self.graph.initializer:
            if tensor.name == name:
                return np.asarray(numpy_helper.to_array(tensor), dtype=np.float32)
        raise QuantisationError(f"{name} must be a constant of the file")

    def _grid(self, name: str) -> tuple[float, int]:
        """Step and zero point; zero itself is always met exactly, so that padding stays zero."""
        if name not in self.ranges:
            raise QuantisationError(f"no range was measured for tensor {name}")
        low, high = min(self.ranges[name][0], 0.0), max(self.ranges[name][1], 0.0)
        scale = float(np.float32(max(high - low, 1e-6) / _STEPS))
        return scale, int(np.clip(round(-low / scale), 0, _STEPS))

    def _add(self, name: str, value: npt.NDArray[np.generic] | np.generic) -> None:
        self.added.append(numpy_helper.from_array(np.asarray(value), name))


def _groups(node: onnx.NodeProto) -> int:
    return next((int(each.i) for each in node.attribute if each.name == "group"), 1)


def _after(name: str) -> str:
    return f"{name}_dequantised"
