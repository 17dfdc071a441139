"""Control groups of the kernel's, of either version: what it holds one process to, where the system lets us make them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")


class NoLimitError(Exception):
    """The system gives this user no control groups. Says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a process is held to: for each version of control groups the controller, its file, and what is written to that."""

    what: str
    first: tuple[str, str, str]
    second: tuple[str, str, str]

    @classmethod
    def of_memory(cls, mib: int) -> "Limit":
        """At most so many MiB; the kernel ends a process that takes more."""
        allowed = str(mib * 2**20)
        return cls(
            what="memory",
            first=("memory", "memory.limit_in_bytes", allowed),
            second=("memory", "memory.max", allowed),
        )

    @classmethod
    def of_writes(cls, device: str, a_second: int) -> "Limit":
        """At most so many writes a second to a block device, "major:minor". Buffered writes do not count until they are synced."""
        return cls(
            what="a disk's writes",
            first=("blkio", "blkio.throttle.write_iops_device", f"{device} {a_second}"),
            second=("io", "io.max", f"{device} wiops={a_second}"),
        )


@contextmanager
def limited(name: str, pid: int, limit: Limit) -> Iterator[None]:
    """Hold a process, and the children it has from now on, to a limit until the context ends. ``name`` is for people who look at groups.

    Raises:
        NoLimitError: neither version of control groups can be written here, or the process is gone; nothing is limited.
    """
    root, home, file, value = _place(limit)
    group = root / f"lookout-{os.getpid()}-{name}"
    try:
        try:
            group.mkdir()
            (group / file).write_text(value)
            (group / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            raise NoLimitError(f"{error.filename}: {error.strerror}") from error
        yield
    finally:
        if group.is_dir():
            _leave(group, home)


def why_not(limit: Limit) -> str:
    """Why such a limit cannot be had here, for people; empty when it can."""
    try:
        _place(limit)
    except NoLimitError as error:
        return str(error)
    return ""


def _place(limit: Limit) -> tuple[Path, Path, str, str]:
    """Below which folder groups can be made, where processes go back to, and which file takes what."""
    for root, (controller, file, value), is_there in (
        (_ROOT / limit.first[0], limit.first, True),
        (_ROOT, limit.second, limit.second[0] in _words(_ROOT / "cgroup.subtree_control")),
    ):
        if is_there and os.access(root, os.W_OK):
            return root, _home(root, controller), file, value
    raise NoLimitError(
        f"no control group for {limit.what} can be made: that needs root and a cgroup file system"
    )


def _home(root: Path, controller: str) -> Path:
    """The group that we are in."""
    for line in _lines(Path("/proc/self/cgroup")):
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(",") or (root == _ROOT and not controllers):
            return root / path.lstrip("/")
    return root


def _leave(group: Path, home: Path) -> None:
    for pid in _words(group / "cgroup.procs"):
        try:
            (home / "cgroup.procs").write_text(pid)
        except OSError:
            continue  # it ended meanwhile
    group.rmdir()


def _words(path: Path) -> list[str]:
    return [word for line in _lines(path) for word in line.split()]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
