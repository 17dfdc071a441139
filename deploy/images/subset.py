"""A member's part of the lock: `python subset.py MEMBER` prints the lines of requirements.lock that the member needs, hashes and all.

What a member of the workspace names itself stands in its ``pyproject.toml`` (with the extras it asks of other members);
what those packages need in turn stands in the lock, in uv's ``# via`` comments. Nothing is resolved anew and nothing is
looked up: the part is the lock, less what nobody asked for. Standard library only, for it runs before anything is installed.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[([^\]]*)\])?")
_VIA = re.compile(r"^\s+#\s+(?:via\s*)?([a-z0-9][a-z0-9._-]*)?\s*$")


@dataclass(frozen=True, slots=True)
class Pin:
    """One entry of the lock: the lines that pin it, and who needs it."""

    name: str
    lines: tuple[str, ...]
    via: frozenset[str]


def read_lock(text: str) -> Sequence[Pin]:
    """The entries of a lock that ``uv export`` wrote. One package may have several, with different markers."""
    pins: list[Pin] = []
    for line in text.splitlines():
        if line[:1].strip() and not line.startswith("#"):
            pins.append(Pin(_split(line)[0], (line,), frozenset()))
        elif pins and (needed := _VIA.match(line)):
            last = pins.pop()
            via = last.via | {needed[1]} if needed[1] else last.via
            pins.append(Pin(last.name, last.lines, via))
        elif pins and line.strip() and not line.lstrip().startswith("#"):
            last = pins.pop()
            pins.append(Pin(last.name, (*last.lines, line), last.via))
    return pins


def read_members(root: Path) -> Mapping[str, Mapping[str, object]]:
    """The ``[project]`` tables of the workspace's members by name."""
    found = [root / "core", root / "cli", root / "verifier", *sorted((root / "services").glob("*"))]
    tables = (
        tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        for folder in found
        if (folder / "pyproject.toml").exists()
    )
    return {str(table["name"]): table for table in tables}


def members_of(members: Mapping[str, Mapping[str, object]], wanted: str) -> Sequence[str]:
    """A member and the members it stands on, sorted."""
    return sorted(
        {name for name, _ in _requirements(members, wanted, "") if name in members} | {wanted}
    )


def part(
    pins: Sequence[Pin], members: Mapping[str, Mapping[str, object]], wanted: str
) -> Sequence[Pin]:
    """The entries that a member needs. `KeyError` naming what the lock lacks: then the lock is not up to date."""
    needed = {name for name, _ in _requirements(members, wanted, "") if name not in members}
    if missing := needed - {pin.name for pin in pins}:
        raise KeyError(f"requirements.lock has no {', '.join(sorted(missing))}: run `make lock`")
    while more := {pin.name for pin in pins if pin.via & needed} - needed:
        needed |= more
    return [pin for pin in pins if pin.name in needed]


def _requirements(
    members: Mapping[str, Mapping[str, object]], member: str, extras: str
) -> Iterator[tuple[str, str]]:
    """Every requirement of a member with the wanted extras (comma separated), and of the members it requires."""
    table = members[member]
    required = list(table.get("dependencies", []))  # type: ignore[call-overload]  # a list of strings, by the standard
    optional = table.get("optional-dependencies", {})
    for extra in filter(None, extras.split(",")):
        required += optional[extra.strip()]  # type: ignore[index]  # a table of lists, by the standard
    for requirement in required:
        name, wanted = _split(requirement)
        yield name, wanted
        if name in members:
            yield from _requirements(members, name, wanted)


def _split(requirement: str) -> tuple[str, str]:
    found = _NAME.match(requirement)
    if found is None:
        raise ValueError(f"not a requirement: {requirement}")
    return re.sub(r"[-_.]+", "-", found[1]).lower(), found[2] or ""


def main() -> None:
    """Print a member's part of the lock in the current folder, or with --members the members it stands on."""
    root = Path()
    members = read_members(root)
    if sys.argv[1] == "--members":
        sys.stdout.writelines(f"{name}\n" for name in members_of(members, sys.argv[2]))
        return
    for pin in part(read_lock((root / "requirements.lock").read_text()), members, sys.argv[1]):
        # The last line of an entry may end in a backslash, for the comment that followed it.
        sys.stdout.write("\n".join(pin.lines).rstrip("\\ ") + "\n")


if __name__ == "__main__":
    main()
