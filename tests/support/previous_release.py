"""The release before this one, installed beside it: its own code, in a virtual environment of its own lock."""

import io
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_INSTALLED_WITHIN_S = 600.0


@dataclass(frozen=True, slots=True)
class Release:
    """A revision of this repository, and the interpreter that runs it."""

    revision: str
    python: Path


def previous_release(folder: Path) -> Release:
    """The newest tag, or, where none is there yet, what stood before the last branch landed. Skips the test without a history."""
    revision = _git("describe", "--tags", "--abbrev=0", "HEAD^") or _git(
        "log", "--first-parent", "--merges", "-1", "--format=%H^1"
    )
    content = subprocess.run(
        ["git", "-C", str(_ROOT), "archive", "--format=tar", revision or "HEAD^"],
        capture_output=True,
        check=False,
    )
    if content.returncode != 0:
        pytest.skip("no history of this repository here: nothing to upgrade from")
    with tarfile.open(fileobj=io.BytesIO(content.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return Release(_git("rev-parse", "--short", revision or "HEAD^"), _installed(folder))


def _installed(folder: Path) -> Path:
    uv = Path(sys.executable).with_name("uv")
    python = folder / ".venv" / "bin" / "python"
    members = [
        folder / "core",
        folder / "cli",
        folder / "verifier",
        *sorted((folder / "services").iterdir()),
    ]
    editable = [word for member in members for word in ("--editable", str(member))]
    for command in (
        ["venv", "--quiet", "--python", sys.executable, str(folder / ".venv")],
        ["pip", "install", "--quiet", "--python", str(python), "--require-hashes",
         "--requirement", str(folder / "requirements.lock")],
        ["pip", "install", "--quiet", "--python", str(python), "--no-deps", *editable],
    ):  # fmt: skip
        done = subprocess.run(
            [str(uv), *command],
            capture_output=True,
            text=True,
            timeout=_INSTALLED_WITHIN_S,
            check=False,
        )
        if done.returncode != 0:
            pytest.skip(f"the previous release could not be installed: {done.stderr[-300:]}")
    return python


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
