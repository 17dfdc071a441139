"""Manifests of model packs: a detector and an embedder, and everything that a score means.

A manifest is a YAML file. Those shipped with Lookout lie in `packs/` beside this module; an own
one is named by its path. Reading one needs neither the model files nor what opens them
(`lookout.vision.pack`): what compares templates has no use for either.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

import numpy as np
import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from lookout.vision.arrays import FloatArray
from lookout.vision.calibration import ONE_SHOT, Calibration, PassRule
from lookout.vision.contract import InputContract
from lookout.vision.errors import ManifestError
from lookout.vision.execution import STRIDE, DetectorSettings
from lookout.vision.model_files import ModelFile

_STRICT = ConfigDict(extra="forbid")
Point = tuple[float, float]


class DetectorKind(StrEnum):
    """Which decoder understands a detector's outputs."""

    YUNET = "yunet"
    CENTERFACE = "centerface"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSpec:
    """A detector and how it is used."""

    __pydantic_config__ = _STRICT

    kind: DetectorKind
    file: ModelFile
    input: InputContract
    settings: DetectorSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class LookSpec:
    """A closer look at a found face, for its landmarks.

    Attributes:
        kind: which decoder understands the model's outputs.
        file: the model; it may be the detector's.
        input: how a crop becomes its tensor.
        crop: side of the square around the face, in longer sides of its box.
        side: of the crop that the model gets, pixels; a multiple of 32.
    """

    __pydantic_config__ = _STRICT

    kind: DetectorKind
    file: ModelFile
    input: InputContract
    crop: Annotated[float, Field(ge=1, le=4)]
    side: Annotated[int, Field(ge=64, le=640, multiple_of=STRIDE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LandmarksSpec:
    """How landmarks are made good enough to align by: the mean of these looks."""

    __pydantic_config__ = _STRICT

    looks: Annotated[tuple[LookSpec, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderSpec:
    """An embedder and how it is used.

    Attributes:
        file: the model.
        input: how chips become its tensor.
        size: side of a chip, pixels.
        dim: length of a template.
        batchable: whether it takes several chips in one run.
        template: five points of the chip on which the landmarks are laid, pixels; their order is
            that of `lookout.vision.alignment`.
        mirrored: whether a template is the mean of the chip's and its mirror image's.
    """

    __pydantic_config__ = _STRICT

    file: ModelFile
    input: InputContract
    size: Annotated[int, Field(ge=16)]
    dim: Annotated[int, Field(ge=2)]
    batchable: bool
    template: tuple[Point, Point, Point, Point, Point]
    mirrored: bool = False

    @property
    def template_points(self) -> FloatArray:
        """The template as an array, shape (5, 2), float32, pixels of the chip."""
        return np.array(self.template, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPack:
    """A manifest, read and checked."""

    __pydantic_config__ = _STRICT

    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]*$")]
    version: str
    description: str
    detector: DetectorSpec
    embedder: EmbedderSpec
    landmarks: LandmarksSpec | None = None
    calibration: Calibration | None = None

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """Detector file, embedder file, and what other files the closer looks need."""
        first = (self.detector.file, self.embedder.file)
        looks = self.landmarks.looks if self.landmarks else ()
        others = {look.file.name: look.file for look in looks if look.file not in first}
        return *first, *others.values()

    @property
    def sha256(self) -> str:
        """Identity of the template space and of what a score means in it, 64 hex digits.

        Covers the weights as published and their rounding, the input contracts, the closer looks, the
        alignment and the averaging; not the name, addresses, limits or calibration. Templates of packs that
        differ here never meet.
        """
        deciding: dict[str, dict[str, object]] = {
            "detector": {
                "kind": self.detector.kind,
                "weights": _weights(self.detector.file),
                "input": _contract(self.detector.input),
            },
            "embedder": {
                "weights": _weights(self.embedder.file),
                "input": _contract(self.embedder.input),
                "size": self.embedder.size,
                "dim": self.embedder.dim,
                "template": [[float(x), float(y)] for x, y in self.embedder.template],
            },
        }
        # Only what a pack uses is named: one without these keeps the identity it had before they existed.
        if self.embedder.mirrored:
            deciding["embedder"]["mirrored"] = True
        preparation = self.embedder.file.preparation
        if preparation is not None and preparation.changes_templates:
            # The bytes that are loaded: the same rounding by other ranges gives other templates.
            deciding["embedder"]["rounded"] = self.embedder.file.sha256
        if self.landmarks is not None:
            deciding["landmarks"] = {"looks": [_look(look) for look in self.landmarks.looks]}
        canonical = json.dumps(deciding, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def threshold(self, target_fpir: float, gallery_size: int, rule: PassRule = ONE_SHOT) -> float:
        """The score for a target FPIR; see `Calibration.threshold`.

        Raises:
            ManifestError: the pack has no calibration.
            ThresholdOutOfRangeError: the calibration does not reach that far.
        """
        return self.require_calibration().threshold(target_fpir, gallery_size, rule)

    def require_calibration(self) -> Calibration:
        """The calibration, or ManifestError where the pack has none: it cannot match anyone."""
        if self.calibration is None:
            raise ManifestError(
                f"pack {self.name} has no calibration: no threshold can be given for it."
                " Measure one and add it to the manifest"
            )
        return self.calibration


def read_pack(name_or_path: str | Path) -> ModelPack:
    """Read a manifest alone: enough for thresholds, templates and the pack's identity.

    Raises:
        ManifestError: there is no such manifest, or it is wrong.
    """
    text, origin = _manifest_text(name_or_path)
    try:
        return TypeAdapter(ModelPack).validate_python(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ManifestError(f"manifest {origin} is not YAML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
        )
        raise ManifestError(f"manifest {origin} is wrong: {problems}") from error


def shipped_packs() -> tuple[str, ...]:
    """Names of the packs that ship with Lookout, sorted."""
    folder = resources.files("lookout.vision") / "packs"
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def _manifest_text(name_or_path: str | Path) -> tuple[str, str]:
    if isinstance(name_or_path, str) and re.fullmatch("[a-z0-9][a-z0-9-]*", name_or_path):
        if name_or_path not in shipped_packs():
            raise ManifestError(
                f"there is no pack named {name_or_path}; there are {', '.join(shipped_packs())}."
                " An own pack is named by the path of its manifest, ending in .yaml"
            )
        entry = resources.files("lookout.vision") / "packs" / f"{name_or_path}.yaml"
        return entry.read_text(encoding="utf-8"), name_or_path
    try:
        return Path(name_or_path).read_text(encoding="utf-8"), str(name_or_path)
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"manifest {name_or_path} cannot be read: {error}") from error


def _look(look: LookSpec) -> dict[str, object]:
    return {
        "kind": look.kind,
        "weights": _weights(look.file),
        "input": _contract(look.input),
        "crop": float(look.crop),
        "side": look.side,
    }


def _weights(file: ModelFile) -> str:
    """The published weights' hash: how Lookout prepares them is no part of the identity."""
    return file.source.sha256 if file.source else file.sha256


def _contract(contract: InputContract) -> dict[str, object]:
    return {
        "colour": contract.colour,
        "layout": contract.layout,
        "mean": [float(value) for value in contract.mean],
        "std": [float(value) for value in contract.std],
    }
