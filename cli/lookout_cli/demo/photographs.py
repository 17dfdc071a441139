"""The demonstration's photographs: free ones, fetched by pip out of two pinned packages.

Nothing of those packages is installed. Every archive and every picture taken out of it is compared with a SHA-256
written here, so what the demonstration shows is the same everywhere. pip asks a source archive for its metadata, which
runs its setup script: it does so only after the archive's hash is checked.
"""

import hashlib
import importlib.util
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Say = Callable[[str], None]
"""Told, in words, what is being done."""

_DOWNLOAD_TIMEOUT_S: Final = 300
_LARGEST_MEMBER: Final = 8 * 1024 * 1024


class PhotographsUnavailableError(Exception):
    """The photographs are neither in the cache nor to be had. The text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One picture: where it lies in its archive, what it is called in the cache, what it must hash to."""

    inside: str
    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One file of a package, by its pinned requirement, with the pictures wanted from it."""

    requirement: str
    sha256: str
    pip_options: tuple[str, ...]
    members: tuple[Member, ...]


Download = Callable[[Archive, Path], Path]
"""Puts an archive, its hash already checked, into a folder and says where."""


def _member(inside: str, sha256: str) -> Member:
    return Member(inside=inside, name=inside.rpartition("/")[2], sha256=sha256)


_PEOPLE: Final = "face_recognition-1.3.0/tests/test_images"
_SCENERY: Final = "skimage/data"

ARCHIVES: Final = (
    Archive(
        requirement="face_recognition==1.3.0",
        sha256="5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec",
        pip_options=("--no-binary", "face_recognition"),
        members=(
            _member(
                f"{_PEOPLE}/obama.jpg",
                "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
            ),
            _member(
                f"{_PEOPLE}/obama2.jpg",
                "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6",
            ),
            _member(
                f"{_PEOPLE}/obama3.jpg",
                "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3",
            ),
            _member(
                f"{_PEOPLE}/biden.jpg",
                "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
            ),
        ),
    ),
    Archive(
        requirement="scikit-image==0.25.2",
        sha256="24cc986e1f4187a12aa319f777b36008764e856e5013666a4a83f8df083c2641",
        # One wheel for every machine: only its pictures are read, so its platform does not matter.
        pip_options=(
            *("--only-binary", ":all:", "--platform", "manylinux2014_x86_64"),
            *("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"),
        ),
        members=(
            _member(
                f"{_SCENERY}/astronaut.png",
                "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
            ),
            _member(
                f"{_SCENERY}/coffee.png",
                "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
            ),
            _member(
                f"{_SCENERY}/rocket.jpg",
                "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
            ),
            _member(
                f"{_SCENERY}/grass.png",
                "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
            ),
            _member(
                f"{_SCENERY}/gravel.png",
                "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
            ),
            _member(
                f"{_SCENERY}/brick.png",
                "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
            ),
        ),
    ),
)

ENROLLED_PICTURE: Final = "obama.jpg"
"""The picture that the demonstration enrols; the footage shows other photographs of the same man."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photographs:
    """A folder with every photograph, each checked."""

    folder: Path

    @property
    def enrolled(self) -> Path:
        """The picture to enrol."""
        return self.folder / ENROLLED_PICTURE

    def path(self, name: str) -> Path:
        """Where a photograph lies."""
        return self.folder / name


def fetch_photographs(
    cache: Path,
    progress: Say,
    *,
    archives: Sequence[Archive] = ARCHIVES,
    download: Download | None = None,
) -> Photographs:
    """The photographs, from the cache where they are there and whole, else fetched into it.

    Blocks for the download. A second call needs no network. A picture in the cache that does not hash to what is
    written here is fetched anew.

    Raises:
        PhotographsUnavailableError: no network, no pip, or not the bytes that were pinned.
    """
    fetch = download or pip_download
    for archive in archives:
        missing = [wanted for wanted in archive.members if not _whole(cache / wanted.name, wanted)]
        if not missing:
            continue
        progress(f"fetching {len(missing)} photographs out of {archive.requirement}")
        with tempfile.TemporaryDirectory(prefix="lookout-photographs-") as scratch:
            path = fetch(archive, Path(scratch))
            cache.mkdir(parents=True, exist_ok=True)
            for wanted in missing:
                _store(cache / wanted.name, _read_member(path, wanted))
    progress(f"photographs are ready in {cache}")
    return Photographs(folder=cache)


def pip_download(archive: Archive, folder: Path) -> Path:
    """Let this interpreter's pip, configured as the user has it, download one archive and check its hash."""
    if importlib.util.find_spec("pip") is None:
        raise PhotographsUnavailableError(
            "the photographs are fetched by pip, which this Python environment lacks: "
            "run `python -m ensurepip` in it and try again"
        )
    requirements = folder / "requirements.txt"
    requirements.write_text(
        f"{archive.requirement} --hash=sha256:{archive.sha256}\n", encoding="utf-8"
    )
    target = folder / "archive"
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--require-hashes", "--dest", str(target), *archive.pip_options),
        *("--requirement", str(requirements)),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - every argument is a constant of this module or a path made by it
            command, capture_output=True, text=True, check=False, timeout=_DOWNLOAD_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise PhotographsUnavailableError(
            _advice(archive, f"no answer within {_DOWNLOAD_TIMEOUT_S} s")
        ) from error
    if done.returncode != 0:
        raise PhotographsUnavailableError(_advice(archive, _last_error(done.stderr)))
    return next(target.iterdir())


def _advice(archive: Archive, reason: str) -> str:
    return (
        f"pip could not download {archive.requirement} for the demonstration's photographs: {reason}. "
        "Check the network and pip's index settings (`pip config list`) and try again; "
        "once fetched they are kept, and no network is needed."
    )


def _last_error(stderr: str) -> str:
    errors = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if "ERROR" in line]
    return errors[-1].strip().rstrip(".") if errors else "pip gave no reason"


def _read_member(path: Path, wanted: Member) -> bytes:
    """One picture's bytes out of an archive, checked; nothing is unpacked to disk."""
    try:
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel, wheel.open(wanted.inside) as stream:
                data = stream.read(_LARGEST_MEMBER)
        else:
            with tarfile.open(path) as source:
                extracted = source.extractfile(wanted.inside)
                data = b"" if extracted is None else extracted.read(_LARGEST_MEMBER)
    except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise PhotographsUnavailableError(
            f"{path.name} does not hold {wanted.inside}: it is not the archive that was pinned"
        ) from error
    if hashlib.sha256(data).hexdigest() != wanted.sha256:
        raise PhotographsUnavailableError(
            f"{wanted.inside} in {path.name} is not the picture that was pinned (its SHA-256 differs)"
        )
    return data


def _whole(path: Path, wanted: Member) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == wanted.sha256
    except FileNotFoundError:
        return False


def _store(path: Path, data: bytes) -> None:
    """Write so that a reader never sees half a picture."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)
