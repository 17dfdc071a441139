"""What the machine could write to a disk, whether its clock is held, and who may read the secrets' files."""

import ctypes
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lookout_cli.production.findings import Check, Subject

_CORES = Subject(
    "core dumps",
    "a dump writes keys, faces and templates to a disk; a handler behind a pipe gets them whatever the limit is",
    "set kernel.core_pattern to an empty file name (sysctl -w kernel.core_pattern=) or the limit to 0 (ulimit -c 0)",
)
_SWAP = Subject(
    "swap",
    "what is swapped out, keys among it, stays on the disk after it was destroyed",
    "turn it off (swapoff -a, and no line of it in /etc/fstab), or encrypt it with a key of each boot",
)
_HIBERNATION = Subject(
    "hibernation",
    "it writes the whole memory to a disk",
    "forbid it: nohibernate on the kernel's command line, or systemctl mask hibernate.target",
)
_CLOCK = Subject(
    "clock",
    "deadlines, windows and receipts count by it; services stop where clocks differ",
    "run chrony or systemd-timesyncd against a source of the force's own",
)
_FILES = Subject(
    "files of secrets",
    "whoever reads one is that service",
    "chmod 0600 (or 0640 with the service's group); folders 0700",
)
_TIME_ERROR = 5


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the kernel tells of itself, and what its clock says: `adjtimex`'s answer, None where it cannot be asked."""

    root: Path = Path("/")
    clock_state: int | None = None

    def read(self, path: str) -> str | None:
        """A file's text; None where there is none."""
        try:
            return (self.root / path).read_text().strip()
        except OSError:
            return None


def this_machine() -> Machine:
    """The machine that this runs on."""
    try:
        # Big enough for any kernel's struct timex; zero asks and changes nothing.
        state = int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)))
    except (OSError, AttributeError):
        return Machine()
    return Machine(clock_state=None if state < 0 else state)


def host_checks(machine: Machine) -> Iterator[Check]:
    """Everything that is the machine's own."""
    yield _cores(machine)
    swaps = machine.read("proc/swaps")
    if swaps is None:
        yield _SWAP.unknown("/proc/swaps cannot be read")
    else:
        areas = [line.split()[0] for line in swaps.splitlines()[1:]]
        yield _SWAP.judged(not areas, ", ".join(areas) or "none")
    yield _hibernation(machine)
    if machine.clock_state is None:
        yield _CLOCK.unknown("the kernel does not say")
    else:
        held = machine.clock_state != _TIME_ERROR
        yield _CLOCK.judged(held, "synchronised" if held else "not synchronised")


def _cores(machine: Machine) -> Check:
    pattern = machine.read("proc/sys/kernel/core_pattern")
    if pattern is None:
        return _CORES.unknown("/proc/sys/kernel/core_pattern cannot be read")
    if pattern.startswith("|"):
        return _CORES.open(f"piped to {pattern[1:].split()[0]}")
    # This process has set its own limit to 0; whoever started it tells what others get.
    limits = machine.read(f"proc/{os.getppid()}/limits") or ""
    soft = next(
        (line.split()[4] for line in limits.splitlines() if line.startswith("Max core file size")),
        None,
    )
    if not pattern or soft == "0":
        return _CORES.ok("off")
    return _CORES.unknown("limit cannot be read") if soft is None else _CORES.open(f"to {pattern}")


def _hibernation(machine: Machine) -> Check:
    states = (machine.read("sys/power/state") or "").split()
    way = machine.read("sys/power/disk") or ""
    possible = "disk" in states and "[disabled]" not in way
    return _HIBERNATION.judged(not possible, "possible" if possible else "not possible")


def file_checks(secrets: Sequence[Path]) -> Iterator[Check]:
    """Whether others than the owner and its group may read what holds a secret."""
    there = [path for path in secrets if path.exists()]
    readable = [path for path in there if path.stat().st_mode & 0o007]
    if readable:
        yield _FILES.open("readable by everybody: " + ", ".join(map(str, readable)))
    elif there:
        yield _FILES.ok(f"{len(there)} closed to others")
    else:
        yield _FILES.unknown("none are named in the environment")
