"""People who do not exist: enrolled, planted as passes, and known to match nobody else better than themselves.

Some pass as chips, smooth blobs of colour that the embedder sees as it sees faces; each is nearest to its own template. Some
pass as templates, random directions, which are nearest to nobody else at all: they can be withdrawn without being taken for
their neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from lookout import ids
from lookout.events import UNSIGNED, Category, Response, WatchlistAction, WatchlistEntry
from lookout.sealing.envelope import seal
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.pack import LoadedPack

from lookout_cli.session import Session

_COARSE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Invented:
    """One of them. ``chip`` is (S, S, 3) uint8 BGR, None for those who pass as templates; ``template`` (D,) float32, length 1."""

    reference: str
    template: FloatArray
    chip: Image | None


def invent_chips(pack: LoadedPack, count: int, seed: int) -> Sequence[Invented]:
    """People who pass as chips."""
    rng, size = np.random.default_rng(seed), pack.pack.embedder.size
    chips = [_blob(rng, size) for _ in range(count)]
    templates = pack.embedder().embed(np.stack(chips))
    return [
        Invented(
            reference=f"chip-{number}", chip=chip, template=np.asarray(template, dtype=np.float32)
        )
        for number, (chip, template) in enumerate(zip(chips, templates, strict=True))
    ]


def invent_templates(dim: int, count: int, seed: int) -> Sequence[Invented]:
    """People who pass as templates."""
    directions = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return [
        Invented(reference=f"template-{number}", template=direction, chip=None)
        for number, direction in enumerate(directions)
    ]


def entry_of(person: Invented, deployment_id: str) -> str:
    """The id under which the person is enrolled."""
    return ids.entry_id(deployment_id, person.reference)


def enrol(session: Session, person: Invented, *, deployment_id: str, pack_sha256: str) -> None:
    """Put the person on the watchlist. Raises `StreamError` if the broker does not take it."""
    entry_id = entry_of(person, deployment_id)
    key = session.platform.vault.get_or_create(f"watchlist/{deployment_id}")
    plain = person.template.astype("<f4").tobytes()
    _say(
        session,
        WatchlistEntry(
            deployment_id=deployment_id,
            entry_id=entry_id,
            action=WatchlistAction.ENROL,
            category=Category.MISSING_AT_RISK,
            response=Response.AMBER,
            pack_sha256=pack_sha256,
            templates=(seal(key, plain, what="watchlist-template", whose=entry_id),),
            issued_at=session.platform.clock(),
            signature=UNSIGNED,
        ),
    )


def withdraw(session: Session, person: Invented, *, deployment_id: str) -> None:
    """Take the person off the watchlist. Raises `StreamError` if the broker does not take it."""
    entry_id = entry_of(person, deployment_id)
    known = next(one for one in session.control.entries(deployment_id) if one.entry_id == entry_id)
    _say(
        session,
        replace(
            known,
            action=WatchlistAction.WITHDRAW,
            category=None,
            response=None,
            templates=(),
            issued_at=session.platform.clock(),
        ),
    )


def _say(session: Session, entry: WatchlistEntry) -> None:
    session.platform.emit(session.control.sign(entry))


def _blob(rng: np.random.Generator, size: int) -> Image:
    coarse = rng.integers(0, 256, (_COARSE, _COARSE, 3), dtype=np.uint8)
    return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
