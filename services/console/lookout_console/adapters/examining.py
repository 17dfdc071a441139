"""The enrolment's models behind the import: one picture in, a verdict, a portrait and sealed templates out."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from lookout.enrolment.enrol import Enroller, Outcome
from lookout.enrolment.person import Person
from lookout.enrolment.source import Row
from lookout.events import Category, Response, Sealed, WatchlistEntry
from lookout.ids import entry_id as id_of
from lookout.sealing.envelope import open_sealed
from lookout.sealing.ports import DataKey, Vault
from lookout.vision.arrays import FloatArray
from lookout.vision.pack import LoadedPack

from lookout_console.actions.ports import Examined, Examiner

_LOOKALIKE_FPIR: Final = 0.01
_LOOKALIKE_GALLERY: Final = 100
_FIRST_ROWS: Final = 256


class Examining:
    """`lookout_console.actions.ports.NewExaminer` over the pack's models, loaded at their first use."""

    def __init__(
        self, *, load: Callable[[], LoadedPack], vault: Vault, now: Callable[[], datetime]
    ) -> None:
        self._load, self._vault, self._now = load, vault, now
        self._lock = threading.Lock()
        self._loaded: LoadedPack | None = None

    def __call__(self, deployment_id: str, known: Mapping[str, tuple[Sealed, ...]]) -> Examiner:
        """An examiner for one import. ``known`` holds who is on the list already, by reference."""
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
        key = self._vault.get_or_create(f"watchlist/{deployment_id}")
        return PackExaminer(
            loaded=self._loaded, deployment_id=deployment_id, key=key, known=known, now=self._now
        )


class PackExaminer:
    """Judges the pictures of one import, one at a time, on the thread that calls it."""

    def __init__(
        self,
        *,
        loaded: LoadedPack,
        deployment_id: str,
        key: DataKey,
        known: Mapping[str, tuple[Sealed, ...]],
        now: Callable[[], datetime],
    ) -> None:
        pack = loaded.pack
        self._key, self._pack_sha256 = key, pack.sha256
        self._threshold = pack.threshold(_LOOKALIKE_FPIR, _LOOKALIKE_GALLERY)
        self._entries: list[WatchlistEntry] = []
        self._people: list[Person] = []
        embedder = loaded.embedder()
        self._enroller = Enroller(
            deployment_id=deployment_id,
            detector=loaded.detector(),
            refiner=loaded.refiner(),
            embedder=embedder,
            template_points=pack.embedder.template_points,
            pack_sha256=pack.sha256,
            key=key,
            lookalike_threshold=self._threshold,
            # Signed when it is sent, at go-live.
            sign=lambda entry: entry,
            emit=self._entries.append,
            keep=lambda _entry_id, person: self._people.append(person),
            now=now,
        )
        self._alike = _Alike(embedder.dim)
        for reference, templates in known.items():
            for sealed in templates:
                self._alike.add(reference, self._opened(deployment_id, reference, sealed))

    def examine(self, reference: str, picture: bytes) -> Examined:
        """See `lookout_console.actions.ports.Examiner`."""
        self._entries.clear()
        self._people.clear()
        with _in_memory(picture) as path:
            row = Row(
                place="",
                reference=reference,
                image=path,
                # The list's own columns say these; the enrolment only wants them said.
                category=Category.WITNESS,
                response=Response.GREEN,
                name="",
                reason="",
                problem="",
            )
            (verdict,) = self._enroller.enrol([row], progress=lambda _: None).verdicts
        if verdict.outcome is Outcome.REFUSED:
            return Examined(
                refusal="; ".join(verdict.reasons),
                warnings=(),
                portrait_jpeg=b"",
                collides_with=(),
            )
        (entry,), (person,) = self._entries, self._people
        template = self._template(entry.entry_id, entry.templates[0])
        other = self._alike.nearest(reference, template, self._threshold)
        self._alike.add(reference, template)
        alike = () if other is None else (other,)
        return Examined(
            refusal="",
            warnings=(*verdict.reasons, *(f"looks like {one}: the same person?" for one in alike)),
            portrait_jpeg=person.image_jpeg,
            collides_with=alike,
            templates=entry.templates,
            pack_sha256=self._pack_sha256,
        )

    def _opened(self, deployment_id: str, reference: str, sealed: Sealed) -> FloatArray:
        return self._template(id_of(deployment_id, reference), sealed)

    def _template(self, entry_id: str, sealed: Sealed) -> FloatArray:
        plain = open_sealed(self._key, sealed, what="watchlist-template", whose=entry_id)
        return np.frombuffer(plain, dtype="<f4").astype(np.float32)


class _Alike:
    """Templates, (n, dim), with whose they are; grows by doubling."""

    def __init__(self, dim: int) -> None:
        self._templates = np.zeros((_FIRST_ROWS, dim), dtype=np.float32)
        self._references: list[str] = []

    def add(self, reference: str, template: FloatArray) -> None:
        if len(self._references) == len(self._templates):
            self._templates = np.concatenate([self._templates, np.zeros_like(self._templates)])
        self._templates[len(self._references)] = template
        self._references.append(reference)

    def nearest(self, reference: str, template: FloatArray, threshold: float) -> str | None:
        """The most alike other person at or above the threshold."""
        scores = self._templates[: len(self._references)] @ template
        for index in map(int, np.argsort(-scores)):
            if scores[index] < threshold:
                return None
            if self._references[index] != reference:
                return self._references[index]
        return None


@contextmanager
def _in_memory(picture: bytes) -> Iterator[Path]:
    """A path to bytes that are on no disk: a picture of a person is written to none unsealed."""
    descriptor = os.memfd_create("picture")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(picture)
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
