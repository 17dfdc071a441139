"""What is done to a published model file before it can be loaded; each step is deterministic."""

from collections.abc import Callable, Mapping
from importlib import resources

import numpy as np
import onnx
import yaml
from google.protobuf.message import (  # type: ignore[import-untyped]  # it ships no annotations
    DecodeError,
)
from lookout.vision.errors import PackError
from lookout.vision.model_files import Preparation
from onnx import numpy_helper

from lookout_cli.models.dlib_graph import dlib_resnet_to_onnx
from lookout_cli.models.quantisation import quantise

MOBILEFACENET_FLOAT = {"first_float": 3, "last_float": 3}
"""Convolutions of MobileFaceNet that stay in floating point: rounding these costs most and saves least."""

_FREE_IMAGE_SHAPE = (None, 3, None, None)


class PreparationError(PackError):
    """A source file is not what its preparation expects."""


def prepare(preparation: Preparation, source: bytes) -> bytes:
    """Turn a source file into the file that is loaded.

    Raises:
        PackError: the source is not what the preparation expects.
    """
    return _STEPS[preparation](source)


def _free_detector_size(source: bytes) -> bytes:
    """Make batch, height and width of a convolutional detector free.

    Both shipped detectors are convolutions throughout; their files only state fixed sizes, and
    CenterFace's lists its weights as inputs. Stated sizes of inner tensors and outputs go too.
    """
    model = _read(source)
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    images = [entry for entry in graph.input if entry.name not in weights]
    if len(images) != 1:
        raise PreparationError(f"a detector must have one image input, but got {len(images)}")
    del graph.input[:]
    graph.input.extend(images)
    _set_shape(graph.input[0], _FREE_IMAGE_SHAPE)
    del graph.value_info[:]
    for output in graph.output:
        _set_shape(output, (None,) * len(output.type.tensor_type.shape.dim))
    return _write(model)


def free_batch(source: bytes) -> bytes:
    """Make the batch of MobileFaceNet free."""
    return _write(_freed_batch(_read(source)))


def _mobilefacenet_int8(source: bytes) -> bytes:
    """Free the batch and round to int8, by activation ranges that were measured once (`lookout_cli.models.ranges`)."""
    ranges = yaml.safe_load(
        resources.files(__package__).joinpath("mobilefacenet_ranges.yaml").read_bytes()
    )
    return _write(quantise(_freed_batch(_read(source)), ranges, **MOBILEFACENET_FLOAT))


def _freed_batch(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its batch free where the last Reshape fixes it to one."""
    graph = model.graph
    (last,) = [node for node in graph.node if graph.output[0].name in node.output]
    if last.op_type != "Reshape":
        raise PreparationError(f"the last node must be Reshape, but is {last.op_type}")
    holders = [node for node in graph.node if last.input[1] in node.output]
    if not holders or holders[0].op_type != "Constant":
        raise PreparationError("the last Reshape must take its shape from a constant")
    # Zero copies the batch of the input, where the file says one.
    value = numpy_helper.from_array(
        np.array([0, -1], dtype=np.int64), holders[0].attribute[0].t.name
    )
    holders[0].attribute[0].t.CopyFrom(value)
    _set_dimension(graph.input[0].type.tensor_type.shape.dim[0], "N")
    _set_dimension(graph.output[0].type.tensor_type.shape.dim[0], "N")
    del graph.value_info[:]
    return model


def _set_shape(entry: onnx.ValueInfoProto, sizes: tuple[int | None, ...]) -> None:
    dimensions = entry.type.tensor_type.shape.dim
    for position, (dimension, size) in enumerate(zip(dimensions, sizes, strict=True)):
        # Free axes get names of their own: one name twice would state that they are equal.
        _set_dimension(dimension, f"{entry.name}_{position}" if size is None else size)


def _set_dimension(dimension: onnx.TensorShapeProto.Dimension, size: int | str) -> None:
    dimension.Clear()
    if isinstance(size, int):
        dimension.dim_value = size
    else:
        dimension.dim_param = size


def _read(source: bytes) -> onnx.ModelProto:
    try:
        return onnx.load_model_from_string(source)
    except DecodeError as error:
        raise PreparationError(f"the source is no ONNX file: {error}") from error


def _write(model: onnx.ModelProto) -> bytes:
    return bytes(model.SerializeToString(deterministic=True))


_STEPS: Mapping[Preparation, Callable[[bytes], bytes]] = {
    Preparation.YUNET_FREE_SIZE: _free_detector_size,
    Preparation.CENTERFACE_FREE_SIZE: _free_detector_size,
    Preparation.MOBILEFACENET_FREE_BATCH: free_batch,
    Preparation.MOBILEFACENET_INT8: _mobilefacenet_int8,
    Preparation.DLIB_RESNET: dlib_resnet_to_onnx,
}
