"""A pack of one's own: a manifest beside a model so small that its answer can be worked out by hand."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def first_pixels(size: int, *, last: bool, factor: float) -> bytes:
    """A model that answers with the three channels of the top left pixel, times a factor, plus one."""
    image = [None, size, size, 3] if last else [None, 3, size, size]
    place = helper.make_tensor_value_info("image", TensorProto.FLOAT, image)
    result = helper.make_tensor_value_info("template", TensorProto.FLOAT, [None, 3])
    rows, columns = ([1, 2], [2, 3])[0 if last else 1]
    constants = [
        numpy_helper.from_array(np.array(value, dtype=np.int64), name)
        for name, value in {"starts": [0, 0], "ends": [1, 1], "axes": [rows, columns]}.items()
    ]
    constants.append(numpy_helper.from_array(np.array([0, 3], dtype=np.int64), "shape"))
    constants.append(numpy_helper.from_array(np.array(factor, dtype=np.float32), "factor"))
    constants.append(numpy_helper.from_array(np.array(1, dtype=np.float32), "one"))
    nodes = [
        helper.make_node("Slice", ["image", "starts", "ends", "axes"], ["pixel"]),
        helper.make_node("Reshape", ["pixel", "shape"], ["channels"]),
        helper.make_node("Mul", ["channels", "factor"], ["scaled"]),
        helper.make_node("Add", ["scaled", "one"], ["template"]),
    ]
    graph = helper.make_graph(nodes, "g", [place], [result], constants)
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def write_pack(folder: Path, size: int, contract: str, *, mirrored: bool = False) -> Path:
    """A manifest and its model, in a folder; its path."""
    content = first_pixels(size, last="nhwc" in contract, factor=1.0)
    (folder / "own.onnx").write_bytes(content)
    manifest = folder / "own.yaml"
    manifest.write_text(
        f"""
name: own
version: "1"
description: a force's own models
detector:
  kind: yunet
  file: &file
    name: own.onnx
    bytes: {len(content)}
    sha256: {hashlib.sha256(content).hexdigest()}
    licence: MIT
  input: {{colour: bgr}}
  settings: {{longest_side: 640}}
embedder:
  file: *file
  input: {contract}
  size: {size}
  dim: 3
  batchable: true
  template: [[38, 52], [74, 52], [56, 72], [42, 92], [70, 92]]
  mirrored: {"true" if mirrored else "false"}
""",
        encoding="utf-8",
    )
    return manifest
