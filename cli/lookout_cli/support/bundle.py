"""One archive that tells somebody else what runs here and how it is."""

import io
import json
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from lookout_cli.console import KNOWN
from lookout_cli.support.redaction import Redaction

Part = Callable[[], Mapping[str, str]]
"""Gathers files: their names in the archive, and their text. Raises what a person can do something about, or `OSError`."""

_TOLD: Final[tuple[type[Exception], ...]] = (OSError, *KNOWN)
_MODE: Final = 0o600
_HEAD: Final = """A support bundle of Lookout. Withheld: secrets, and whatever could be a picture, a template or a key.
It names machines, cameras and deployments: look through it before you send it.

"""


def write_bundle(path: Path, parts: Mapping[str, Part], redaction: Redaction) -> Sequence[str]:
    """Write the archive, readable by its owner only; what could not be gathered, in words. Raises `OSError`.

    A part that fails is left out and named: a bundle is wanted when something does not work.
    """
    files: dict[str, str] = {}
    problems: list[str] = []
    for name, gather in parts.items():
        try:
            files.update(gather())
        except _TOLD as error:
            problems.append(f"{name}: {error}")
    missing = "".join(f"not gathered: {problem}\n" for problem in problems)
    files["README.txt"] = f"{_HEAD}{missing}"
    path.touch(mode=_MODE)
    path.chmod(_MODE)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in sorted(files.items()):
            data = redaction.text(text).encode()
            entry = tarfile.TarInfo(f"lookout-support/{name}")
            entry.size, entry.mode, entry.mtime = len(data), _MODE, int(time.time())
            archive.addfile(entry, io.BytesIO(data))
    return [redaction.text(problem) for problem in problems]


def as_json(content: object) -> str:
    """For people and programs."""
    return json.dumps(content, indent=2, sort_keys=True, default=str) + "\n"
