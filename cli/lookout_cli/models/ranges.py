"""Measures the ranges by which MobileFaceNet is rounded to int8, over a folder of faces.

    python -m lookout_cli.models.ranges FACES SOURCE.onnx > mobilefacenet_ranges.yaml

FACES holds a folder of pictures per person; only the fitting half of the people is looked at (`in_fitting_half`), so that
the other half can show that nothing was fitted to them. The pack's other files must be in the models folder.
"""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
import yaml
from lookout.vision.alignment import align_chip
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.manifest import read_pack
from lookout.vision.pack import LoadedPack
from lookout.vision.sessions import OnnxRunner
from onnx import TensorProto, helper

from lookout_cli.models.preparation import MOBILEFACENET_FLOAT, free_batch
from lookout_cli.models.quantisation import rounded_tensors
from lookout_cli.models.store import DEFAULT_PACK, default_models_folder


def in_fitting_half(person: str) -> bool:
    """Whether things may be fitted to a person: the lowest bit of the first byte of SHA-256 of the name is 0."""
    return hashlib.sha256(person.encode()).digest()[0] & 1 == 0


def measure_ranges(source: bytes, loaded: LoadedPack, faces: Path) -> dict[str, list[float]]:
    """Lowest and highest value of every tensor that is rounded, over the fitting half of a folder."""
    model = onnx.load_model_from_string(free_batch(source))
    names = rounded_tensors(model, **MOBILEFACENET_FLOAT)
    model.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names
    )
    runner = OnnxRunner(model.SerializeToString())
    contract = loaded.pack.embedder.input
    seen: dict[str, list[float]] = {name: [0.0, 0.0] for name in names}
    for chip in _chips(loaded, faces):
        _widen(seen, runner.run(contract.tensor([chip])))
    return {name: [float(f"{value:.4g}") for value in pair] for name, pair in seen.items()}


def _widen(seen: dict[str, list[float]], outputs: dict[str, FloatArray]) -> None:
    for name, pair in seen.items():
        pair[0] = min(pair[0], float(outputs[name].min()))
        pair[1] = max(pair[1], float(outputs[name].max()))


def _chips(loaded: LoadedPack, faces: Path) -> Iterator[Image]:
    """The chip of the face nearest to the middle of each picture."""
    detector, refiner, spec = loaded.detector(), loaded.refiner(), loaded.pack.embedder
    for path in sorted(faces.glob("*/*.jpg")):
        picture = cv2.imread(str(path)) if in_fitting_half(path.parent.name) else None
        if picture is None:
            continue
        image = np.asarray(picture, dtype=np.uint8)
        found = detector.detect(image)
        if len(found):
            centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
            middle = np.array(image.shape[1::-1]) / 2
            nearest = np.linalg.norm(centres - middle, axis=1).argmin()
            (face,) = refiner.refine(image, found.take(np.array([nearest])))
            yield align_chip(image, face[2], spec.template_points, spec.size)


def main(arguments: Sequence[str]) -> None:
    """See the module."""
    faces, source = map(Path, arguments)
    loaded = LoadedPack(pack=read_pack(DEFAULT_PACK), models_folder=default_models_folder())
    ranges = measure_ranges(source.read_bytes(), loaded, faces)
    yaml.safe_dump(ranges, sys.stdout, default_flow_style=None, sort_keys=False)


if __name__ == "__main__":
    main(sys.argv[1:])
