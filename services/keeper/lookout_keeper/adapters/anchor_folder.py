"""Anchors in a folder: a file a day, one line each, only ever appended to. The auditor takes the files away."""

import errno
import os
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path

from lookout_keeper.anchors import Anchor, AnchorError, read_anchor

_CLOSED_TO_OTHERS = 0o700
_READ_BY_OWNER = 0o600


class AnchorFolder:
    """`lookout_keeper.ports.AnchorStore` on a file system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, anchor: Anchor) -> None:
        """Append to the day's file; returns once it is on the disk. Raises `OSError`."""
        self._folder.mkdir(mode=_CLOSED_TO_OTHERS, parents=True, exist_ok=True)
        path = self._folder / f"{anchor.at.astimezone(UTC):%Y-%m-%d}.jsonl"
        fresh = not path.exists()
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, _READ_BY_OWNER)
        try:
            # A line that a crash or a full disk cut short must not swallow this one.
            line = _line_end_if_torn(handle) + anchor.line.encode() + b"\n"
            if os.write(handle, line) != len(line):
                raise OSError(errno.ENOSPC, "it took half a line")
            os.fsync(handle)
        finally:
            os.close(handle)
        if fresh:
            _sync(self._folder)


class NoFolder:
    """`lookout_keeper.ports.AnchorStore` where none is set: anchors are only sent on."""

    def keep(self, anchor: Anchor) -> None:
        """Nothing."""


def read_anchors(folder: Path) -> tuple[Sequence[Anchor], Sequence[str]]:
    """All anchors of a folder in order, and the places of lines that are none, as ``file:line: why``."""
    anchors: list[Anchor] = []
    unreadable: list[str] = []
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
            try:
                anchors.append(read_anchor(line))
            except AnchorError as error:
                unreadable.append(f"{path.name}:{number}: {error}")
    return anchors, unreadable


def _line_end_if_torn(handle: int) -> bytes:
    size = os.fstat(handle).st_size
    return b"\n" if size and os.pread(handle, 1, size - 1) != b"\n" else b""


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
