"""A memory limit of its own for every process: control groups, where the system lets us make them."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_FIRST = Path("/sys/fs/cgroup/memory")
_SECOND = Path("/sys/fs/cgroup")


class NoLimitError(Exception):
    """The system gives this user no control groups. Says why."""


@contextmanager
def limited(pids: Mapping[str, int], limits_mb: Mapping[str, int]) -> Iterator[None]:
    """Hold each named process to its limit, in MB of 2**20 bytes, until the context ends; beyond it the kernel ends it.

    What a process took before counts where it took it, so limit soon after starting. Children come under it too.

    Raises:
        NoLimitError: neither version of control groups can be written here; nothing is limited.
    """
    root, file = _writable()
    home = _home(root)
    groups = [root / f"lookout-{os.getpid()}-{name}" for name in limits_mb]
    try:
        try:
            for group, (name, limit) in zip(groups, limits_mb.items(), strict=True):
                group.mkdir()
                (group / file).write_text(str(limit * 2**20))
                (group / "cgroup.procs").write_text(str(pids[name]))
        except OSError as error:
            raise NoLimitError(f"{error.filename}: {error.strerror}") from error
        yield
    finally:
        for group in groups:
            if group.is_dir():
                _leave(group, home)


def _writable() -> tuple[Path, str]:
    """The folder below which groups can be made, and the file that takes a limit."""
    for root, file in ((_FIRST, "memory.limit_in_bytes"), (_SECOND, "memory.max")):
        controlled = root is _FIRST or "memory" in _words(root / "cgroup.subtree_control")
        if controlled and os.access(root, os.W_OK):
            return root, file
    raise NoLimitError(
        "no control group for memory can be made: that needs root and a cgroup file system"
    )


def _home(root: Path) -> Path:
    """The group that we are in, where processes go back to."""
    for line in _lines(Path("/proc/self/cgroup")):
        _, controllers, path = line.split(":", 2)
        if (root is _FIRST and "memory" in controllers.split(",")) or (
            root is _SECOND and not controllers
        ):
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
