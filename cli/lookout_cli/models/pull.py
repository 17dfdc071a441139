"""Brings a pack's model files into the cache: from a mirror, an official address or PyPI.

The order is cache, mirror, addresses in turn, Python package. Nothing is kept unless its SHA-256
is the manifest's, and a file appears in the cache whole or not at all.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from lookout.vision.errors import LicenceNotAcknowledgedError, PackError
from lookout.vision.manifest import ModelPack, read_pack
from lookout.vision.model_files import ModelFile, SourceFile

from lookout_cli.models.preparation import prepare
from lookout_cli.models.sources import (
    NetworkFetcher,
    Progress,
    SourceError,
    SourceFetcher,
    checked,
)

DEFAULT_PACK = "mobile"
FALLBACK_PACKS = ("mobile-yunet", "dlib")
"""What falls in for the default pack, best first: without a package index, without the addresses."""


class Origin(StrEnum):
    """Where a model file came from."""

    CACHE = "cache"
    MIRROR = "mirror"
    ADDRESS = "address"
    PYTHON_PACKAGE = "python package"


class PullError(PackError):
    """No place gave a model file; the text names every place tried and what was wrong there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledFile:
    """A model file that is now in the cache.

    Attributes:
        name: its name there.
        origin: where it came from.
        place: the folder, address or requirement.
        failed: places tried before, each with what was wrong.
    """

    name: str
    origin: Origin
    place: str
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReport:
    """What `pull` did.

    Attributes:
        pack: the pack that is now complete.
        files: its files.
        fallback_reason: why this is not the default pack; None when it is the one asked for.
    """

    pack: ModelPack
    files: tuple[PulledFile, ...]
    fallback_reason: str | None = None


def pull(
    pack: ModelPack,
    cache_folder: Path,
    *,
    mirror: Path | None,
    acknowledge: bool,
    progress: Progress,
    fetcher: SourceFetcher | None = None,
) -> PullReport:
    """Make every file of a pack present and verified in the cache folder.

    Args:
        pack: the manifest.
        cache_folder: made if it does not exist.
        mirror: a folder of source files or prepared files, asked before any address.
        acknowledge: whether the user accepts licences that ask for it.
        progress: called while bytes arrive.
        fetcher: the network; by default HTTPS and pip.

    Raises:
        LicenceNotAcknowledgedError: a licence must be accepted first; nothing was fetched.
        PullError: a file could not be had.
    """
    if not acknowledge:
        _require_permissive(pack)
    puller = _Puller(
        cache=cache_folder,
        mirror=mirror,
        progress=progress,
        fetcher=fetcher if fetcher is not None else NetworkFetcher(),
    )
    cache_folder.mkdir(parents=True, exist_ok=True)
    return PullReport(pack=pack, files=tuple(puller.pull(file) for file in pack.files))


def pull_with_fallback(
    cache_folder: Path,
    *,
    mirror: Path | None,
    acknowledge: bool,
    progress: Progress,
    fetcher: SourceFetcher | None = None,
) -> PullReport:
    """Pull the default pack or, where a part of it is out of reach, the best one that can be had.

    The report's `fallback_reason` must be shown to the user: a fallback misses more people.

    Raises:
        PullError: none could be had.
    """
    reasons: list[str] = []
    for name in (DEFAULT_PACK, *FALLBACK_PACKS):
        try:
            report = pull(
                read_pack(name),
                cache_folder,
                mirror=mirror,
                acknowledge=acknowledge,
                progress=progress,
                fetcher=fetcher,
            )
        except PullError as error:
            reasons.append(f"pack {name}: {error}")
            progress(f"pack {name} is out of reach", 0, 0)
            continue
        return PullReport(
            pack=report.pack, files=report.files, fallback_reason="\n".join(reasons) or None
        )
    raise PullError("no pack could be had\n" + "\n".join(reasons))


def _require_permissive(pack: ModelPack) -> None:
    for file in pack.files:
        if file.needs_acknowledgement:
            raise LicenceNotAcknowledgedError(
                f"{file.name} of pack {pack.name} is under licence {file.licence}, which Lookout"
                " cannot accept for you: read it, then repeat with the licence acknowledged"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A place to try: `read` gives verified bytes of the source, or of the prepared file."""

    origin: Origin
    place: str
    read: Callable[[], bytes]
    prepared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Puller:
    cache: Path
    mirror: Path | None
    progress: Progress
    fetcher: SourceFetcher

    def pull(self, file: ModelFile) -> PulledFile:
        failed: list[str] = []
        for candidate in self._candidates(file):
            try:
                content = candidate.read()
                if not candidate.prepared:
                    content = self._prepared(file, content)
            except SourceError as error:
                failed.append(f"{candidate.place}: {error}")
                continue
            if candidate.origin is not Origin.CACHE:
                _write_whole(self.cache / file.name, content)
            return PulledFile(
                name=file.name,
                origin=candidate.origin,
                place=candidate.place,
                failed=tuple(failed),
            )
        tried = "\n".join(f"  - {line}" for line in failed)
        raise PullError(
            f"model file {file.name} could not be had. Tried:\n{tried}\n"
            "Put the file into a mirror folder (LOOKOUT_MODEL_MIRROR) and repeat"
        )

    def _candidates(self, file: ModelFile) -> Iterator[_Candidate]:
        yield _in_folder(Origin.CACHE, self.cache, file)
        if self.mirror is not None:
            yield _in_folder(Origin.MIRROR, self.mirror, file)
            if file.source is not None and file.source.name != file.name:
                yield _in_folder(Origin.MIRROR, self.mirror, file.source)
        if file.source is not None:
            yield from self._remote(file.source)

    def _remote(self, source: SourceFile) -> Iterator[_Candidate]:
        for address in source.addresses:
            yield _Candidate(
                origin=Origin.ADDRESS,
                place=address,
                read=partial(self.fetcher.from_address, source, address, self.progress),
            )
        if source.pip is not None:
            yield _Candidate(
                origin=Origin.PYTHON_PACKAGE,
                place=f"Python package {source.pip.requirement}",
                read=partial(self.fetcher.from_distribution, source, self.progress),
            )

    def _prepared(self, file: ModelFile, content: bytes) -> bytes:
        if file.preparation is not None:
            self.progress(f"preparing {file.name}", 0, 0)
            content = prepare(file.preparation, content)
        got = hashlib.sha256(content).hexdigest()
        if got != file.sha256:
            raise PullError(
                f"preparing {file.name} gave SHA-256 {got}, but the manifest names {file.sha256}:"
                " use the version of the onnx package that Lookout's lock file names"
            )
        return content


def _in_folder(origin: Origin, folder: Path, file: ModelFile | SourceFile) -> _Candidate:
    path = folder / file.name

    def read() -> bytes:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise SourceError("it is not there") from None
        except OSError as error:
            raise SourceError(f"it cannot be read: {error.strerror}") from error
        return checked(content, size=file.bytes, sha256=file.sha256)

    return _Candidate(
        origin=origin, place=str(path), read=read, prepared=isinstance(file, ModelFile)
    )


def _write_whole(path: Path, content: bytes) -> None:
    """Write beside the target, then rename: no reader ever sees half a file."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
