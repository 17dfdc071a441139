"""Writes dlib's face recognition ResNet as ONNX.

Input `chips`: float32 (N, 3, rows, columns), RGB, 0 to 255; dlib's own means and scale are part of
the graph. Output `templates`: float32 (N, outputs), not of unit length. Frozen batch normalisation
is folded into the convolution before it.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from lookout_cli.models.dlib_resnet import (
    AddTagged,
    Affine,
    Convolution,
    DlibFormatError,
    FullyConnected,
    Input,
    Layer,
    Pool,
    Recall,
    Rectify,
    Tag,
    Window,
    read_dlib_resnet,
)

_OPSET = 17
_IR_VERSION = 8
_PIXEL_SCALE = 1 / 256

Shape = tuple[int, int, int]


def dlib_resnet_to_onnx(content: bytes) -> bytes:
    """Convert the content of a `.dat` file to an ONNX file.

    Raises:
        DlibFormatError: the content is not dlib's face recognition ResNet.
    """
    entrance, layers = read_dlib_resnet(content)
    return _GraphBuilder(entrance).build(layers)


@dataclass(frozen=True, slots=True)
class _Flow:
    """A tensor's name, and its shape without the batch: (channels, rows, columns)."""

    name: str
    shape: Shape


@dataclass(slots=True)
class _GraphBuilder:
    """Follows an image through the layers, writing one node after another."""

    entrance: Input
    _nodes: list[onnx.NodeProto] = field(default_factory=list)
    _constants: list[onnx.TensorProto] = field(default_factory=list)
    _tags: dict[int, _Flow] = field(default_factory=dict)

    def build(self, layers: list[Layer]) -> bytes:
        flow = self._normalised()
        for layer in _folded(layers):
            flow = self._follow(layer, flow)
        self._nodes.append(helper.make_node("Identity", [flow.name], ["templates"]))
        rows, columns = self.entrance.size
        image = helper.make_tensor_value_info("chips", TensorProto.FLOAT, ["N", 3, rows, columns])
        result = helper.make_tensor_value_info("templates", TensorProto.FLOAT, ["N", flow.shape[0]])
        graph = helper.make_graph(
            self._nodes, "dlib_face_recognition_resnet_v1", [image], [result], self._constants
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
            producer_name="lookout",
        )
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))

    def _normalised(self) -> _Flow:
        means = np.array(self.entrance.means, dtype=np.float32).reshape(1, 3, 1, 1)
        scale = np.array(_PIXEL_SCALE, dtype=np.float32)
        centred = self._emit("Sub", "chips", self._constant(means))
        scaled = self._emit("Mul", centred, self._constant(scale))
        return _Flow(scaled, (3, *self.entrance.size))

    def _follow(self, layer: Layer, flow: _Flow) -> _Flow:
        match layer:
            case Convolution():
                flow = self._convolution(layer, flow)
            case Rectify():
                flow = _Flow(self._emit("Relu", flow.name), flow.shape)
            case Pool():
                flow = self._pool(layer, flow)
            case Tag():
                self._tags[layer.number] = flow
            case Recall():
                flow = self._tags[layer.number]
            case AddTagged():
                flow = self._add(flow, self._tags[layer.number])
            case FullyConnected():
                flat = self._emit("Flatten", flow.name)
                name = self._emit("MatMul", flat, self._constant(layer.weights))
                flow = _Flow(name, (layer.weights.shape[1], 1, 1))
            case Affine():
                raise DlibFormatError("an affine layer must follow a convolution")
        return flow

    def _convolution(self, layer: Convolution, flow: _Flow) -> _Flow:
        if layer.weights.shape[1] != flow.shape[0]:
            raise DlibFormatError(
                f"a convolution of {layer.weights.shape[1]} channels follows {flow.shape[0]}"
            )
        weights, biases = self._constant(layer.weights), self._constant(layer.biases)
        name = self._emit("Conv", flow.name, weights, biases, **_geometry(layer.window))
        return _Flow(name, _after(layer.window, flow.shape, layer.weights.shape[0]))

    def _pool(self, layer: Pool, flow: _Flow) -> _Flow:
        channels = flow.shape[0]
        if layer.window.kernel == (0, 0):
            kind = "GlobalAveragePool" if layer.average else "GlobalMaxPool"
            return _Flow(self._emit(kind, flow.name), (channels, 1, 1))
        kind = "AveragePool" if layer.average else "MaxPool"
        name = self._emit(kind, flow.name, **_geometry(layer.window))
        return _Flow(name, _after(layer.window, flow.shape, channels))

    def _add(self, first: _Flow, second: _Flow) -> _Flow:
        """Add as dlib does: of unlike shapes, the smaller goes on in zeros."""
        channels, rows, columns = map(max, first.shape, second.shape)
        shape = (channels, rows, columns)
        name = self._emit("Add", self._padded(first, shape), self._padded(second, shape))
        return _Flow(name, shape)

    def _padded(self, flow: _Flow, shape: Shape) -> str:
        missing = [want - have for have, want in zip(flow.shape, shape, strict=True)]
        if not any(missing):
            return flow.name
        return self._emit(
            "Pad", flow.name, self._constant(np.array([0] * 5 + missing, dtype=np.int64))
        )

    def _emit(self, kind: str, *inputs: str, **attributes: list[int]) -> str:
        name = f"{kind.lower()}_{len(self._nodes)}"
        node = helper.make_node(kind, list(inputs), [name], name=name)
        node.attribute.extend(
            helper.make_attribute(key, value) for key, value in attributes.items()
        )
        self._nodes.append(node)
        return name

    def _constant(self, value: npt.NDArray[np.float32] | npt.NDArray[np.int64]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def _folded(layers: list[Layer]) -> list[Layer]:
    """The layers with every affine layer folded into the convolution before it."""
    result: list[Layer] = []
    for layer in layers:
        before = result[-1] if result else None
        if isinstance(layer, Affine) and isinstance(before, Convolution):
            result[-1] = Convolution(
                window=before.window,
                weights=before.weights * layer.scale[:, None, None, None],
                biases=before.biases * layer.scale + layer.shift,
            )
        else:
            result.append(layer)
    return result


def _geometry(window: Window) -> dict[str, list[int]]:
    return {
        "kernel_shape": list(window.kernel),
        "strides": list(window.stride),
        "pads": list(window.padding) * 2,
    }


def _after(window: Window, shape: Shape, channels: int) -> Shape:
    rows, columns = (
        (size + 2 * pad - kernel) // stride + 1
        for size, pad, kernel, stride in zip(
            shape[1:], window.padding, window.kernel, window.stride, strict=True
        )
    )
    return channels, rows, columns
