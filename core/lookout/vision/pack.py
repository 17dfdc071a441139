"""Model packs: a manifest names a detector and an embedder, and everything that a score means.

A manifest is a YAML file. Those shipped with Lookout lie in `packs/` beside this module; an own
one is named by its path. The model files themselves are never shipped: `lookout models pull`
brings them to the models folder, and `load_pack` opens them only after their size and SHA-256
have been checked.
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
from lookout.vision.calibration import Calibration
from lookout.vision.contract import InputContract
from lookout.vision.detector import (
    CenterFaceDetector,
    DetectorSettings,
    FaceDetector,
    YuNetDetector,
)
from lookout.vision.embedder import Embedder, OnnxEmbedder
from lookout.vision.errors import ManifestError, ModelFileCorruptError, ModelFileMissingError
from lookout.vision.landmarks import DetectorLandmarks, LandmarkRefiner
from lookout.vision.sessions import OnnxRunner

PERMISSIVE_LICENCES = frozenset(
    {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "Unlicense"}
)
"""SPDX identifiers that need no acknowledgement."""

_STRICT = ConfigDict(extra="forbid")
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Point = tuple[float, float]


class DetectorKind(StrEnum):
    """Which decoder understands a detector's outputs."""

    YUNET = "yunet"
    CENTERFACE = "centerface"


class Preparation(StrEnum):
    """What is done to a source file, once, when it is pulled."""

    YUNET_FREE_SIZE = "yunet-free-size"
    MOBILEFACENET_FREE_BATCH = "mobilefacenet-free-batch"
    CENTERFACE_FREE_SIZE = "centerface-free-size"
    DLIB_RESNET = "dlib-resnet"


class DistributionKind(StrEnum):
    """Form of a Python distribution."""

    WHEEL = "wheel"
    SDIST = "sdist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A model file inside a Python distribution.

    Attributes:
        requirement: exactly pinned, `name==version`.
        kind: wheel or sdist.
        sha256: of the distribution file.
        member: path of the model inside it.
    """

    __pydantic_config__ = _STRICT

    requirement: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+$")]
    kind: DistributionKind
    sha256: Sha256
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A model file as its makers publish it.

    Attributes:
        name: its name in a mirror folder.
        bytes: its size.
        sha256: its hash.
        addresses: official URLs, tried in order.
        pip: the distribution that holds it, if one does.
    """

    __pydantic_config__ = _STRICT

    name: FileName
    bytes: int
    sha256: Sha256
    addresses: tuple[str, ...] = ()
    pip: Distribution | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A model file as it is loaded.

    Attributes:
        name: its name in the models folder.
        bytes: its size.
        sha256: its hash.
        licence: SPDX identifier of the weights' licence.
        acknowledge: whether someone must accept the licence before the file is pulled.
        preparation: what turns the source into this file; None where they are the same.
        source: where it comes from; None for a file that the operator puts there.
    """

    __pydantic_config__ = _STRICT

    name: FileName
    bytes: int
    sha256: Sha256
    licence: str
    acknowledge: bool = False
    preparation: Preparation | None = None
    source: SourceFile | None = None

    def __post_init__(self) -> None:
        source = self.source
        if self.preparation is not None and source is None:
            raise ValueError(f"{self.name} is prepared from a source, but names none")
        if self.preparation is None and source is not None and source.sha256 != self.sha256:
            raise ValueError(f"{self.name} is its source as published, but their sha256 differ")

    @property
    def needs_acknowledgement(self) -> bool:
        """Whether the licence must be accepted: asked for, or not known to be permissive."""
        return self.acknowledge or self.licence not in PERMISSIVE_LICENCES


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSpec:
    """A detector and how it is used."""

    __pydantic_config__ = _STRICT

    kind: DetectorKind
    file: ModelFile
    input: InputContract
    settings: DetectorSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderSpec:
    """An embedder and how it is used.

    Attributes:
        file: the model.
        input: how chips become its tensor.
        size: side of a chip, pixels.
        dim: length of a template.
        batchable: whether it takes several chips in one run.
        template: five points of the chip on which the detector's landmarks are laid, pixels;
            their order is that of `lookout.vision.alignment`.
    """

    __pydantic_config__ = _STRICT

    file: ModelFile
    input: InputContract
    size: Annotated[int, Field(ge=16)]
    dim: Annotated[int, Field(ge=2)]
    batchable: bool
    template: tuple[Point, Point, Point, Point, Point]

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
    calibration: Calibration | None = None

    @property
    def files(self) -> tuple[ModelFile, ModelFile]:
        """Detector file and embedder file."""
        return self.detector.file, self.embedder.file

    @property
    def sha256(self) -> str:
        """Identity of the template space and of what a score means in it, 64 hex digits.

        Covers the weights as published, the input contracts, and the alignment; not the name,
        addresses, limits or calibration. Templates of packs that differ here never meet.
        """
        deciding = {
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
        canonical = json.dumps(deciding, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def threshold(self, target_fpir: float, gallery_size: int) -> float:
        """The score for a target FPIR; see `Calibration.threshold`.

        Raises:
            ManifestError: the pack has no calibration.
            ThresholdOutOfRangeError: the calibration does not reach that far.
        """
        return self.require_calibration().threshold(target_fpir, gallery_size)

    def require_calibration(self) -> Calibration:
        """The calibration, or ManifestError where the pack has none: it cannot match anyone."""
        if self.calibration is None:
            raise ManifestError(
                f"pack {self.name} has no calibration: no threshold can be given for it."
                " Measure one and add it to the manifest"
            )
        return self.calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPack:
    """A pack whose files have been verified; models are opened on demand."""

    pack: ModelPack
    models_folder: Path

    def detector(self, *, threads: int = 1) -> FaceDetector:
        """Open the detector; the bytes that are verified are the bytes that are loaded.

        Raises:
            PackError: the file has changed since, or is not what the manifest says.
        """
        spec = self.pack.detector
        model = read_verified(spec.file, self.models_folder, self.pack.name)
        runner = OnnxRunner(model, threads=threads)
        if spec.kind is DetectorKind.YUNET:
            return YuNetDetector(runner, contract=spec.input, settings=spec.settings)
        return CenterFaceDetector(runner, contract=spec.input, settings=spec.settings)

    def refiner(self, *, threads: int = 1) -> LandmarkRefiner:  # noqa: ARG002 - packs without a refinement run no model
        """Open what refines landmarks before chips are cut; see `detector`."""
        return DetectorLandmarks()

    def embedder(self, *, threads: int = 1) -> Embedder:
        """Open the embedder; see `detector`."""
        spec = self.pack.embedder
        model = read_verified(spec.file, self.models_folder, self.pack.name)
        return OnnxEmbedder(
            OnnxRunner(model, threads=threads),
            contract=spec.input,
            size=spec.size,
            dim=spec.dim,
            batchable=spec.batchable,
        )


def load_pack(name_or_path: str | Path, models_folder: Path) -> LoadedPack:
    """Read a manifest and verify its model files.

    Args:
        name_or_path: the name of a shipped pack, or the path of a manifest.
        models_folder: where the model files lie.

    Raises:
        PackError: the manifest or a file is missing or wrong; the text says what to do.
    """
    pack = read_pack(name_or_path)
    for file in pack.files:
        read_verified(file, models_folder, pack.name)
    return LoadedPack(pack=pack, models_folder=models_folder)


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


def read_verified(file: ModelFile, models_folder: Path, pack_name: str) -> bytes:
    """The bytes of a model file, checked against its manifest.

    Raises:
        ModelFileMissingError: it is not there.
        ModelFileCorruptError: size or SHA-256 differ.
    """
    path = models_folder / file.name
    remedy = f"run: lookout models pull {pack_name}"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ModelFileMissingError(f"model file {path} is missing; {remedy}") from None
    except OSError as error:
        raise ModelFileMissingError(
            f"model file {path} cannot be read ({error}); {remedy}"
        ) from error
    if len(content) != file.bytes:
        raise ModelFileCorruptError(
            f"model file {path} must have {file.bytes} bytes, but has {len(content)}; {remedy}"
        )
    got = hashlib.sha256(content).hexdigest()
    if got != file.sha256:
        raise ModelFileCorruptError(
            f"model file {path} must have SHA-256 {file.sha256}, but has {got}; {remedy}"
        )
    return content


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
