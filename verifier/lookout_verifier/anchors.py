"""Anchors: where the chain ended at a moment, signed, and kept out of the broker's reach.

A chain alone does not show that its end was cut off, or that all of it was written anew. An anchor taken away does.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lookout_verifier.trust import RECEIPTS, Trust

_MEANING = b"lookout.v1|anchor|"


@dataclass(slots=True)
class Anchors:
    """How many anchors are in the chain, and what is wrong with the others."""

    confirmed: int = 0
    wrong: list[str] = field(default_factory=list)


def read_anchors(places: Sequence[Path]) -> Sequence[tuple[str, str]]:
    """The lines of these files, or folders of files, each with its place. To be read before the chain, which grows."""
    return [
        (f"{path}, line {number}", line)
        for path in _files(places)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if line.strip()
    ]


def check_anchors(
    lines: Sequence[tuple[str, str]], hashes: Mapping[int, bytes], trust: Trust | None
) -> Anchors:
    """Compare anchors with the chain. ``hashes`` are by number of links."""
    result = Anchors()
    for place, line in lines:
        problem = _problem(line, hashes, trust)
        if problem:
            result.wrong.append(f"anchor in {place}: {problem}")
        else:
            result.confirmed += 1
    return result


def _problem(line: str, hashes: Mapping[int, bytes], trust: Trust | None) -> str:
    try:
        said = json.loads(line)
        sequence, digest = int(said["sequence"]), bytes.fromhex(said["chain_hash"])
        at = datetime.fromisoformat(said["at"]).astimezone(UTC).isoformat(timespec="microseconds")
        signature = base64.b64decode(said["signature"], validate=True)
        signer = str(said["signer"])
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        return f"no anchor ({type(error).__name__})"
    message = _MEANING + f"{sequence}|{digest.hex()}|{at}".encode()
    if trust is not None and not trust.signed(signer, message, signature, role=RECEIPTS):
        return f"signed as {signer!r}, by no listed keeper"
    if sequence > max(hashes):
        return f"the chain had {sequence} links and has {max(hashes)}: its end was cut off"
    if hashes.get(sequence) != digest:
        return f"link {sequence - 1} was another: the chain was written anew"
    return ""


def _files(places: Sequence[Path]) -> Sequence[Path]:
    found: list[Path] = []
    for place in places:
        below = (
            sorted(path for path in place.rglob("*") if path.is_file())
            if place.is_dir()
            else [place]
        )
        found += [path for path in below if not path.name.startswith(".")]
    return found
