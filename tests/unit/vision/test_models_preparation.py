"""Preparation of published ONNX files, on small graphs."""

import numpy as np
import onnx
import pytest
from lookout.vision.model_files import Preparation
from lookout.vision.sessions import OnnxRunner
from lookout_cli.models.preparation import PreparationError, prepare
from onnx import TensorProto, helper, numpy_helper


def fixed_detector() -> bytes:
    """A convolution whose file fixes a size of 8 x 8, and lists its weights as an input."""
    weights = numpy_helper.from_array(np.ones((1, 3, 1, 1), dtype=np.float32), "w")
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [10, 3, 8, 8])
    listed = helper.make_tensor_value_info("w", TensorProto.FLOAT, [1, 3, 1, 1])
    result = helper.make_tensor_value_info("heat", TensorProto.FLOAT, [10, 1, 8, 8])
    node = helper.make_node("Conv", ["image", "w"], ["heat"])
    graph = helper.make_graph([node], "g", [image, listed], [result], [weights])
    return bytes(
        helper.make_model(
            graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]
        ).SerializeToString()
    )


def fixed_batch(last: str = "Reshape") -> bytes:
    """Flattens one image to one row, by a Reshape that says so."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 2, 2])
    result = helper.make_tensor_value_info("row", TensorProto.FLOAT, [1, 12])
    shape = numpy_helper.from_array(np.array([1, -1], dtype=np.int64), "value")
    nodes = [helper.make_node("Constant", [], ["shape"], value=shape)]
    if last == "Reshape":
        nodes.append(helper.make_node("Reshape", ["image", "shape"], ["row"]))
    else:
        nodes.append(helper.make_node("Flatten", ["image"], ["row"]))
    graph = helper.make_graph(nodes, "g", [image], [result])
    return bytes(
        helper.make_model(
            graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]
        ).SerializeToString()
    )


@pytest.mark.parametrize(
    "preparation", [Preparation.YUNET_FREE_SIZE, Preparation.CENTERFACE_FREE_SIZE]
)
@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (1, 3, 16, 24), (2, 3, 4, 4)])
def test_a_detector_of_fixed_size_takes_any_size_afterwards(
    preparation: Preparation, shape: tuple[int, ...]
) -> None:
    runner = OnnxRunner(prepare(preparation, fixed_detector()))

    outputs = runner.run(np.ones(shape, dtype=np.float32))

    assert outputs["heat"].shape == (shape[0], 1, *shape[2:])
    assert (outputs["heat"] == 3).all()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_an_embedder_of_one_chip_takes_several_afterwards(count: int) -> None:
    runner = OnnxRunner(prepare(Preparation.MOBILEFACENET_FREE_BATCH, fixed_batch()))

    outputs = runner.run(np.ones((count, 3, 2, 2), dtype=np.float32))

    assert outputs["row"].shape == (count, 12)


def test_a_model_that_ends_otherwise_is_refused() -> None:
    with pytest.raises(PreparationError, match="must be Reshape, but is Flatten"):
        prepare(Preparation.MOBILEFACENET_FREE_BATCH, fixed_batch("Flatten"))


@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"neither this"])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(PreparationError, match="no ONNX file"):
        prepare(Preparation.YUNET_FREE_SIZE, content)


def test_preparing_twice_gives_the_same_bytes() -> None:
    first = prepare(Preparation.YUNET_FREE_SIZE, fixed_detector())

    assert prepare(Preparation.YUNET_FREE_SIZE, fixed_detector()) == first
    onnx.checker.check_model(onnx.load_model_from_string(first))
