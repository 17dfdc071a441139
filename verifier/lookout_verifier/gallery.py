"""Galleries: templates may lie there in the clear as long as their deployment lives, and not a moment longer."""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lookout_verifier.files import Scan, files_below, scan_file
from lookout_verifier.promises import GALLERY, Finding, broken, kept, skipped

_COLLECTION = "lookout-"
_ROOT = "lookout-gallery-"
_LOCK = "in-use"
_LOCKED = re.compile(r"FLOCK\s+\S+\s+WRITE\s+(-?\d+)\s+([0-9a-f]+):([0-9a-f]+):(\d+)")


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A file with templates, and the deployment whose collection it belongs to, if its path names one."""

    path: Path
    deployment_id: str | None


def find_galleries(
    places: Sequence[Path], ours: Collection[int], locks: Path = Path("/proc/locks")
) -> tuple[Sequence[Path], int]:
    """The private folders that galleries make for themselves below these places, and how many belong to others.

    Another system's is one that a process holds which is none of ``ours``. What nobody holds was left by a process that
    was killed, and counts as ours.
    """
    held = _holders(locks)
    found = sorted(path for place in places for path in place.glob(f"{_ROOT}*") if path.is_dir())
    mine = [path for path in found if held.get(_lock_of(path), None) in {None, *ours}]
    return mine, len(found) - len(mine)


@dataclass(slots=True)
class FoundTemplates:
    """Files with templates in galleries, and how many galleries may not be looked into."""

    folders: int = 0
    unreadable: int = 0
    files: list[TemplateFile] = field(default_factory=list)


def find_templates_in(folders: Sequence[Path]) -> FoundTemplates:
    """Look through galleries' folders."""
    found = FoundTemplates(folders=len(folders))
    for folder in folders:
        try:
            found.files += _templates(folder)
        except PermissionError:
            found.unreadable += 1
    return found


def judge_gallery(found: FoundTemplates, live: Mapping[str, bool], *, others: int = 0) -> Finding:
    """Templates of deployments that are not live. ``live`` says of every known deployment whether it is."""
    wrong: list[str] = []
    for one in found.files:
        if one.deployment_id is None or not live.get(one.deployment_id, False):
            state = "is over" if one.deployment_id in live else "is not known"
            wrong.append(
                f"{one.path}: templates, and deployment {one.deployment_id or '(none)'} {state}"
            )
    allowed, unreadable = len(found.files) - len(wrong), found.unreadable
    numbers = {
        "folders": found.folders,
        "folders_of_others": others,
        "template_files_of_live": allowed,
        "template_files_left": len(wrong),
        "unreadable": unreadable,
    }
    if wrong:
        return broken(
            GALLERY, f"{len(wrong)} files hold templates of no live deployment", wrong, **numbers
        )
    if unreadable:
        return skipped(GALLERY, f"{unreadable} folders may not be read by this user", **numbers)
    told = f"; {others} of other systems on this machine left out" if others else ""
    return kept(
        GALLERY,
        f"{allowed} files hold templates of live deployments, none of others, in {found.folders} folders{told}",
        **numbers,
    )


def _templates(folder: Path) -> Iterator[TemplateFile]:
    for path in files_below([folder], leave=lambda _: False):
        scan = Scan()
        try:
            scan_file(path, (), scan)
        except FileNotFoundError:
            continue
        if any(found.what == "template" for found in scan.plaintext):
            yield TemplateFile(path, _deployment_in(path))


def _deployment_in(path: Path) -> str | None:
    for part in reversed(path.parts):
        if part.startswith(_COLLECTION) and not part.startswith(_ROOT):
            return part.removeprefix(_COLLECTION)
    return None


def _lock_of(folder: Path) -> tuple[int, int, int] | None:
    try:
        status = (folder / _LOCK).stat()
    except OSError:
        return None
    return (os.major(status.st_dev), os.minor(status.st_dev), status.st_ino)


def _holders(locks: Path) -> Mapping[tuple[int, int, int] | None, int]:
    """Who holds which file's lock, as the kernel tells it: asking for a lock could keep somebody from it."""
    try:
        text = locks.read_text()
    except OSError:
        return {}
    return {
        (int(major, 16), int(minor, 16), int(inode)): int(pid)
        for pid, major, minor, inode in _LOCKED.findall(text)
    }
