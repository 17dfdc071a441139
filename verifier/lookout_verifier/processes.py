"""Whether processes could write their memory to a disk: Linux's own word on each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lookout_verifier.promises import NO_CORE, Finding, broken, kept, skipped

_PROC = Path("/proc")
_LIMIT = "Max core file size"
# It is told the limit, and stores nothing under a limit of 0.
_OBEYS_LIMIT = "systemd-coredump"


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    name: str
    limit: str


def with_children(pid: int) -> Sequence[int]:
    """A process and all that it started, and they."""
    parents: dict[int, list[int]] = {}
    for one in _pids():
        parent = _parent(one)
        if parent is not None:
            parents.setdefault(parent, []).append(one)
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += parents.get(one, [])
    return found


def judge_core_dumps(pids: Sequence[int], cores: Sequence[Path], *, looked_in: int) -> Finding:
    """Limits of the processes that run, where the kernel would send a dump, and dumps found among the files."""
    processes = [process for pid in pids if (process := _process(pid)) is not None]
    wrong = [f"{path} is a core dump" for path in cores]
    wrong += [
        f"process {one.pid} ({one.name}) may dump {one.limit} bytes"
        for one in processes
        if one.limit != "0"
    ]
    numbers = {"processes": len(processes), "files": looked_in, "dumps_found": len(cores)}
    if wrong:
        return broken(NO_CORE, "memory can reach a disk as a core dump", wrong, **numbers)
    if not processes:
        return skipped(
            NO_CORE, "no dump among the files; no process was named that could be asked", **numbers
        )
    pattern = _pattern()
    if pattern.startswith("|") and _OBEYS_LIMIT not in pattern:
        return skipped(
            NO_CORE,
            f"every limit is 0, but the kernel pipes dumps to {pattern[1:].split(' ')[0]} whatever the limit: set "
            "kernel.core_pattern to a plain name",
            **numbers,
        )
    return kept(
        NO_CORE,
        f"core dumps are off in all {len(processes)} processes (core_pattern: {pattern or 'empty'}), and none was found",
        **numbers,
    )


def _pids() -> Iterator[int]:
    for path in _PROC.iterdir() if _PROC.is_dir() else ():
        if path.name.isdigit():
            yield int(path.name)


def _parent(pid: int) -> int | None:
    try:
        # The name is in brackets and may hold anything, brackets too.
        return int((_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None


def _process(pid: int) -> _Process | None:
    """None where it has ended."""
    folder = _PROC / str(pid)
    try:
        name = (folder / "comm").read_text().strip()
        lines = (folder / "limits").read_text().splitlines()
    except OSError:
        return None
    limits = [line.removeprefix(_LIMIT).split() for line in lines if line.startswith(_LIMIT)]
    # The hard limit counts: a process may raise the soft one up to it.
    return _Process(pid, name, limits[0][1] if limits and len(limits[0]) > 1 else "any number of")


def _pattern() -> str:
    try:
        return (_PROC / "sys/kernel/core_pattern").read_text().strip()
    except OSError:
        return ""
