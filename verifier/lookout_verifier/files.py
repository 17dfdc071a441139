"""Files, read whole but never at once: what lies in them in the clear, and whether keys do."""

import base64
import errno
import gzip
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from lookout_verifier.detectors import OVERLAP, find_all

_PIECE = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_ELF, _CORE, _ELF_TYPE = b"\x7fELF", 4, slice(16, 18)
_MOST_UNPACKED = 256 << 20

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Found:
    """Something in a file that should not be there."""

    path: Path
    what: str
    at: int

    def __str__(self) -> str:
        """The place, for people."""
        return f"{self.path} at byte {self.at}: {self.what}"


@dataclass(slots=True)
class Scan:
    """What looking through files gave. ``unreadable`` are files that the verifier may not read."""

    files: int = 0
    octets: int = 0
    plaintext: list[Found] = field(default_factory=list)
    keys: list[Found] = field(default_factory=list)
    cores: list[Path] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Needle:
    """A key that must lie nowhere, in the forms that programs write: raw, hexadecimal, base64."""

    key_id: str
    forms: tuple[bytes, ...]


def needle(key_id: str, secret: bytes) -> Needle:
    """What to look for to find a key."""
    text = secret.hex()
    return Needle(
        key_id,
        (secret, text.encode(), text.upper().encode(), base64.b64encode(secret).rstrip(b"=")),
    )


def files_below(roots: Iterable[Path], *, leave: Callable[[Path], bool]) -> Iterator[Path]:
    """Every regular file below the roots, each once; links are not followed. ``leave`` says which folders stay out."""
    seen: set[tuple[int, int]] = set()
    for root in roots:
        walk = os.walk(root) if root.is_dir() else [(str(root.parent), [], [root.name])]
        for folder, below, names in walk:
            below[:] = sorted(name for name in below if not leave(Path(folder, name)))
            for name in sorted(names):
                path = Path(folder, name)
                try:
                    status = path.lstat()
                except OSError:
                    continue
                if stat.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    yield path


def scan(
    paths: Sequence[Path],
    needles: Sequence[Needle],
    progress: Progress,
    *,
    plaintext: bool = True,
) -> Scan:
    """Look through files for pictures, chips, templates and keys. One that disappears meanwhile is gone, and fine."""
    found = Scan()
    for done, path in enumerate(paths):
        progress("files", done, len(paths))
        try:
            scan_file(path, needles, found, plaintext=plaintext)
        except PermissionError:
            found.unreadable.append(path)
        except FileNotFoundError:
            continue
    progress("files", len(paths), len(paths))
    return found


def scan_file(
    path: Path, needles: Sequence[Needle], found: Scan, *, plaintext: bool = True
) -> None:
    """Look through one file, and through what it holds packed by gzip. `OSError` if it cannot be read."""
    # Unbuffered: looking for holes moves the file's position behind a buffer's back.
    with path.open("rb", buffering=0) as file:
        found.files += 1
        head = file.read(18)
        if head.startswith(_ELF) and int.from_bytes(head[_ELF_TYPE], "little") == _CORE:
            found.cores.append(path)
        for at, piece in _pieces(file):
            found.octets += len(piece)
            _look(path, at, piece, needles, found, plaintext=plaintext)
    if head.startswith(_GZIP_MAGIC):
        for at, piece in _unpacked(path):
            _look(path, at, piece, needles, found, plaintext=plaintext)


def scan_bytes(name: Path, content: bytes, needles: Sequence[Needle], found: Scan) -> None:
    """Look through what was fetched from elsewhere, as if it were a file of this name."""
    found.files += 1
    found.octets += len(content)
    _look(name, 0, content, needles, found, plaintext=True)


def _look(
    path: Path, at: int, piece: bytes, needles: Sequence[Needle], found: Scan, *, plaintext: bool
) -> None:
    if not any(piece[:64]) and piece.count(0) == len(piece):
        return
    if plaintext:
        for hit in find_all(piece):
            _note(found.plaintext, Found(path, hit.what, at + hit.at))
    for one in needles:
        for form in one.forms:
            place = piece.find(form)
            if place >= 0:
                _note(found.keys, Found(path, f"key {one.key_id}", at + place))


def _note(founds: list[Found], one: Found) -> None:
    """Keep the first of each kind in each file: where there is one, there may be thousands."""
    if not any(known.path == one.path and known.what == one.what for known in founds):
        founds.append(one)


def _pieces(file: FileIO) -> Iterator[tuple[int, bytes]]:
    """The file's content in overlapping pieces, with their places. Holes are left out: they hold nothing."""
    at = 0
    for start, end in _extents(file):
        at = start
        tail = b""
        file.seek(start)
        while at < end and (fresh := file.read(min(_PIECE, end - at))):
            piece = tail + fresh
            yield at - len(tail), piece
            at += len(fresh)
            tail = piece[-OVERLAP:]


def _extents(file: FileIO) -> Iterator[tuple[int, int]]:
    size = os.fstat(file.fileno()).st_size
    at = 0
    while at < size:
        try:
            start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole from here on
                return
            start, end = at, size  # this file system does not tell
        yield start, end
        at = end


def _unpacked(path: Path) -> Iterator[tuple[int, bytes]]:
    at, tail = 0, b""
    try:
        with gzip.open(path) as file:
            while at < _MOST_UNPACKED and (fresh := file.read(_PIECE)):
                yield at - len(tail), tail + fresh
                at += len(fresh)
                tail = (tail + fresh)[-OVERLAP:]
    except (OSError, EOFError, zlib.error):
        return
