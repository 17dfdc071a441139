"""Rounding to int8, on a small network."""

import numpy as np
import onnx
import pytest
from lookout.vision.sessions import OnnxRunner
from lookout_cli.models.quantisation import QuantisationError, quantise, rounded_tensors
from lookout_cli.models.ranges import in_fitting_half
from onnx import TensorProto, helper, numpy_helper

KEPT = {"first_float": 1, "last_float": 1}
RANGES = {"a": (0.0, 6.0), "b": (0.0, 6.0), "c": (-8.0, 8.0)}


def network(*, bias: bool = True) -> onnx.ModelProto:
    """Four convolutions, the second per channel, and an addition around it."""
    random = np.random.default_rng(2)

    def weights(name: str, *shape: int) -> list[onnx.TensorProto]:
        return [
            numpy_helper.from_array(random.normal(0, 0.5, shape).astype(np.float32), f"{name}w"),
            numpy_helper.from_array(random.normal(0, 0.5, shape[0]).astype(np.float32), f"{name}b"),
        ]

    def convolution(name: str, read: str, written: str, group: int = 1) -> onnx.NodeProto:
        inputs = [read, f"{name}w", f"{name}b"] if bias else [read, f"{name}w"]
        return helper.make_node("Conv", inputs, [written], group=group)

    constants = weights("1", 8, 3, 1, 1) + weights("2", 8, 1, 1, 1) + weights("3", 8, 8, 1, 1)
    constants += weights("4", 4, 8, 1, 1)
    constants += [
        numpy_helper.from_array(np.array(value, dtype=np.float32), name)
        for name, value in {"low": 0, "high": 6}.items()
    ]
    nodes = [
        convolution("1", "image", "x"),
        helper.make_node("Clip", ["x", "low", "high"], ["a"]),
        convolution("2", "a", "y", group=8),
        helper.make_node("Clip", ["y", "low", "high"], ["b"]),
        convolution("3", "b", "c"),
        helper.make_node("Add", ["a", "c"], ["d"]),
        convolution("4", "d", "out"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [None, 3, 4, 4])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [None, 4, 4, 4])],
        constants,
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def test_the_rounded_network_answers_nearly_what_the_network_answers() -> None:
    images = np.random.default_rng(4).normal(0, 1, (5, 3, 4, 4)).astype(np.float32)
    rounded = quantise(network(), RANGES, **KEPT)
    onnx.checker.check_model(rounded)

    exact = OnnxRunner(network().SerializeToString()).run(images)["out"]
    got = OnnxRunner(rounded.SerializeToString()).run(images)["out"]

    assert 0 < float(np.std(got - exact)) < 0.03 * float(np.std(exact))


def test_only_what_lies_between_the_ends_is_rounded() -> None:
    rounded = quantise(network(), RANGES, **KEPT)

    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in rounded.graph.initializer}
    assert rounded_tensors(network(), **KEPT) == ["a", "b", "c"]
    assert {"1w", "4w", "2w_rounded", "3w_rounded"} <= set(weights)
    assert not {"2w", "3w"} & set(weights)


def test_dense_weights_leave_a_bit_free_and_depthwise_ones_do_not() -> None:
    rounded = quantise(network(), RANGES, **KEPT)

    largest = {
        tensor.name: int(np.abs(numpy_helper.to_array(tensor)).max())
        for tensor in rounded.graph.initializer
        if tensor.name.endswith("w_rounded")
    }
    assert largest == {"2w_rounded": 127, "3w_rounded": 63}


def test_rounding_twice_gives_the_same_bytes_and_leaves_the_model_alone() -> None:
    model = network()
    before = model.SerializeToString()

    first, second = (quantise(model, RANGES, **KEPT).SerializeToString() for _ in range(2))

    assert first == second
    assert model.SerializeToString() == before


def test_a_tensor_without_a_measured_range_is_refused() -> None:
    with pytest.raises(QuantisationError, match="no range was measured for tensor c"):
        quantise(network(), {"a": (0, 6), "b": (0, 6)}, **KEPT)


def test_a_convolution_without_bias_is_refused() -> None:
    with pytest.raises(QuantisationError, match="weights and a bias"):
        quantise(network(bias=False), RANGES, **KEPT)


def test_the_fitting_half_is_decided_by_the_name_alone() -> None:
    halves = [in_fitting_half(f"person-{number}") for number in range(1000)]

    assert 400 < sum(halves) < 600
    assert halves == [in_fitting_half(f"person-{number}") for number in range(1000)]
