"""Small disks of their own for parts of the stack: they can fill up, and where the system has loop devices they can be slow."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lookout_cli.local.control_groups import Limit, limited, why_not

_STEPS: Final = (16 * 2**20, 2**20, 4096)


class NoDiskError(Exception):
    """No file system of its own can be made here. Says why."""


@dataclass(slots=True, kw_only=True)
class Disk:
    """A mounted file system. ``device`` is its block device, "major:minor"; without one it lies in memory and ``why_never_slow`` says why."""

    path: Path
    device: str = ""
    why_never_slow: str = ""
    _slowed: ExitStack = field(default_factory=ExitStack)

    def fill(self) -> None:
        """Take every byte that is left."""
        filled = 0
        with self._filler.open("wb") as filler:
            for step in _STEPS:
                # What is written meanwhile takes its share: fill until nothing is left, and not what was counted before.
                with contextlib.suppress(OSError):
                    while True:
                        os.posix_fallocate(filler.fileno(), filled, step)
                        filled += step

    def empty(self) -> None:
        """Give back what `fill` took."""
        self._filler.unlink()

    def slow(self, pid: int, writes_a_second: int) -> None:
        """Let every write of a process wait for the disk, which does so many a second for it.

        Raises:
            NoDiskError: files here cannot be made synchronous.
            NoLimitError: the process is gone.
        """
        with ExitStack() as undo:
            self._sync("+S")
            undo.callback(self._sync, "-S")
            undo.enter_context(
                limited("slow-disk", pid, Limit.of_writes(self.device, writes_a_second))
            )
            self._slowed = undo.pop_all()

    def quicken(self) -> None:
        """Undo `slow`."""
        self._slowed.close()

    def _sync(self, change: str) -> None:
        # Files that are open, too: the kernel looks at the mark with every write. New ones take it from their folder.
        if said := _run("chattr", change, str(self.path)):
            raise NoDiskError(said)
        # What it complains of here are files that went away meanwhile: a broker makes and renames them all the time.
        _run("chattr", "-R", "-f", change, str(self.path))

    @property
    def _filler(self) -> Path:
        return self.path / "filler"


@contextmanager
def small_disk(path: Path, size_mb: int) -> Iterator[Disk]:
    """A file system of ``size_mb`` MiB at ``path``, unmounted at the end: ext4 on a loop device, or memory where there is none.

    Raises:
        NoDiskError: neither can be mounted here.
    """
    if os.geteuid() != 0:
        raise NoDiskError("a small file system of its own needs root (mount)")
    path.mkdir(parents=True, exist_ok=True)
    with ExitStack() as undo:
        why_in_memory = _mount_image(path, size_mb, undo)
        if why_in_memory:
            how = ("-t", "tmpfs", "-o", f"size={size_mb}m,mode=0700", "tmpfs", str(path))
            if said := _run("mount", *how):
                raise NoDiskError(f"no small file system could be made: {said}")
            undo.callback(_run, "umount", "--lazy", str(path))
            yield Disk(path=path.resolve(), why_never_slow=why_in_memory)
            return
        number = path.stat().st_dev
        device = f"{os.major(number)}:{os.minor(number)}"
        disk = Disk(
            path=path.resolve(), device=device, why_never_slow=why_not(Limit.of_writes(device, 1))
        )
        undo.callback(disk.quicken)
        yield disk


def _mount_image(path: Path, size_mb: int, undo: ExitStack) -> str:
    """Why no file system in a file could be mounted; empty when it is."""
    image = path.with_name(f"{path.name}.disk")
    with image.open("wb") as empty:
        empty.truncate(size_mb * 2**20)
    undo.callback(image.unlink)
    # Nothing is kept for root: the services run as root here, and a full disk has to be full for them. No "lost+found":
    # a broker takes every folder for a partition.
    said = _run("mkfs.ext4", "-q", "-m", "0", "-E", "nodiscard", str(image)) or _run(
        "mount", "-o", "loop", str(image), str(path)
    )
    if said:
        return f"no loop device to be slow: {said}"
    undo.callback(_run, "umount", "--lazy", str(path))
    (path / "lost+found").rmdir()
    path.chmod(0o700)
    return ""


def _run(program: str, *arguments: str) -> str:
    """Run a program of the system; what it complained of, empty when it did its work."""
    path = shutil.which(program)
    if path is None:
        return f"no {program} on PATH"
    done = subprocess.run(  # noqa: S603 - a program of the system, our own arguments, no shell
        [path, *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    return done.stderr.strip() or f"exit {done.returncode}" if done.returncode else ""
