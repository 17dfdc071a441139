"""From rows to sealed, signed watchlist entries, with a verdict on every picture.

Rows may come in any order; templates are held (half a kilobyte each), pictures are not.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

import cv2
import numpy as np

from lookout.enrolment.gate import (
    EnrolmentLimits,
    age_warning,
    date_refusal,
    refusal,
    warnings_of,
)
from lookout.enrolment.lookalikes import Collision, Gallery
from lookout.enrolment.person import Person
from lookout.enrolment.pictures import PictureRefusedError, read_picture
from lookout.enrolment.source import Row
from lookout.events import UNSIGNED, Category, Response, WatchlistAction, WatchlistEntry
from lookout.ids import entry_id as id_of
from lookout.sealing.envelope import seal
from lookout.sealing.ports import DataKey
from lookout.vision.alignment import DegenerateLandmarksError, align_chip
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.boxes import clip_boxes, grow_boxes
from lookout.vision.detector import FaceDetector
from lookout.vision.embedder import Embedder, ModelOutputError
from lookout.vision.landmarks import LandmarkRefiner
from lookout.vision.quality import measure_shot
from lookout.vision.templates import is_template

_PICTURE_SIDE: Final = 480
_PICTURE_MARGIN: Final = 0.6
_MOST_TEMPLATES: Final = 16
_NO_TEMPLATE: Final = "no template could be made of the face: use another picture"


class Outcome(StrEnum):
    """What became of a picture."""

    ACCEPTED = "accepted"
    WARNING = "warning"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one row, and why, in words for people; a warning is enrolled all the same."""

    place: str
    reference: str
    outcome: Outcome
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolReport:
    """A run's verdicts, row by row, and the entries that were emitted, signed, by reference in order of appearance.

    ``collisions`` are the pairs of references on the list that look like one person.
    """

    verdicts: tuple[Verdict, ...]
    entries: tuple[WatchlistEntry, ...]
    collisions: tuple[Collision, ...] = ()

    def count(self, outcome: Outcome) -> int:
        """How many rows ended so."""
        return sum(verdict.outcome is outcome for verdict in self.verdicts)


Sign = Callable[[WatchlistEntry], WatchlistEntry]
Emit = Callable[[WatchlistEntry], None]
Keep = Callable[[str, Person], None]
"""Keeps a person under an entry id; called again when a better picture of the same person comes."""
Progress = Callable[[Verdict], None]


@dataclass(slots=True, kw_only=True)
class _Candidate:
    """A person on the way to an entry."""

    category: Category
    response: Response
    templates: list[FloatArray] = field(default_factory=list)
    best_quality: float = -1.0


class _RefusedError(Exception):
    """The row cannot be enrolled; the text says why."""


class Enroller:
    """Enrols people into one deployment's watchlist.

    Args (keyword only):
        deployment_id: whose list.
        detector, refiner, embedder: the pack's, as the probe side uses them.
        template_points: the pack's alignment template, (5, 2), pixels of the chip.
        pack_sha256: the template space.
        key: the vault's ``watchlist/<deployment_id>``.
        lookalike_threshold: cosine from which two references look like one person; the threshold that is to be in
            force is the right one.
        sign, emit: put the signature on an entry; send it.
        keep: keeps names, reasons and pictures; see `Keep`.
        now: the clock.
        limits: what a picture must reach.
    """

    def __init__(
        self,
        *,
        deployment_id: str,
        detector: FaceDetector,
        refiner: LandmarkRefiner,
        embedder: Embedder,
        template_points: FloatArray,
        pack_sha256: str,
        key: DataKey,
        lookalike_threshold: float,
        sign: Sign,
        emit: Emit,
        keep: Keep,
        now: Callable[[], datetime],
        limits: EnrolmentLimits | None = None,
    ) -> None:
        self._deployment_id = deployment_id
        self._detector = detector
        self._refiner = refiner
        self._embedder = embedder
        self._template_points = template_points
        self._pack_sha256 = pack_sha256
        self._key = key
        self._threshold = lookalike_threshold
        self._sign = sign
        self._emit = emit
        self._keep = keep
        self._now = now
        self._limits = limits or EnrolmentLimits()

    def enrol(
        self,
        rows: Iterable[Row],
        *,
        progress: Progress,
        known: Mapping[str, FloatArray] | None = None,
    ) -> EnrolReport:
        """Judge every row, then sign and emit one entry per person who has a usable picture.

        ``known`` holds the templates, (n, dim), of those enrolled before, by a label for people; they are compared
        with for lookalikes only. Blocks; what `sign`, `emit` and `keep` raise ends it. Enrolling a reference again
        replaces its entry.
        """
        gallery = Gallery(self._embedder.dim)
        for label, templates in (known or {}).items():
            for template in templates:
                if not is_template(template):
                    raise ValueError(
                        f"a template of {label} is not finite or not of length 1: enrol it again"
                    )
                gallery.add(label, template)
        people: dict[str, _Candidate] = {}
        verdicts: list[Verdict] = []
        for row in rows:
            verdict = self._judge(row, people, gallery)
            verdicts.append(verdict)
            progress(verdict)
        entries = []
        for reference, person in people.items():
            entry = self._sign(self._entry(reference, person))
            self._emit(entry)
            entries.append(entry)
        return EnrolReport(
            verdicts=tuple(verdicts),
            entries=tuple(entries),
            collisions=tuple(gallery.collisions(self._threshold)),
        )

    def _judge(self, row: Row, people: dict[str, _Candidate], gallery: Gallery) -> Verdict:
        try:
            reasons = self._take(row, people, gallery)
        except (_RefusedError, PictureRefusedError) as refused:
            return _verdict(row, Outcome.REFUSED, (str(refused),))
        return _verdict(row, Outcome.WARNING if reasons else Outcome.ACCEPTED, tuple(reasons))

    def _take(self, row: Row, people: dict[str, _Candidate], gallery: Gallery) -> list[str]:
        """Add the row's picture to its person; returns what to warn of."""
        if row.problem or row.category is None or row.response is None:
            raise _RefusedError(row.problem or "the row names no category and response")
        person = people.get(row.reference)
        if person is not None:
            _check_same(row, person)
        today = self._now().date()
        misdated = date_refusal(row.image_date, today)
        if misdated:
            raise _RefusedError(misdated)
        image = read_picture(row.image)
        copied = gallery.same_picture(_fingerprint(image))
        if copied == row.reference:
            raise _RefusedError(f"{row.reference} has this very picture already: it adds nothing")
        box, landmarks = self._only_face(image)
        quality = measure_shot(image, box, landmarks)
        why_not = refusal(quality, self._limits)
        if why_not:
            raise _RefusedError(why_not)
        template = self._template(image, landmarks)
        reasons = warnings_of(quality, self._limits)
        if copied:
            reasons.append(
                f"the very same picture stands under {copied} too: one person twice, or a mix-up?"
            )
        old = age_warning(row.image_date, today, self._limits)
        reasons += [old] if old else []
        reasons += gallery.warnings(row.reference, template, self._threshold)
        if person is None:
            person = _Candidate(category=row.category, response=row.response)
        if quality.overall > person.best_quality:
            entry_id = id_of(self._deployment_id, row.reference)
            self._keep(entry_id, _person(row, row.category, row.response, image, box))
            person.best_quality = quality.overall
        people[row.reference] = person
        person.templates.append(template)
        gallery.add(row.reference, template)
        gallery.saw(row.reference, _fingerprint(image))
        return reasons

    def _only_face(self, image: Image) -> tuple[FloatArray, FloatArray]:
        faces = self._detector.detect(image)
        if len(faces) == 0:
            raise _RefusedError("no face was found: use a sharp, frontal picture")
        if len(faces) > 1:
            raise _RefusedError(
                f"{len(faces)} faces were found: crop the picture to the person meant"
            )
        refined = self._refiner.refine(image, faces)
        return refined.boxes[0], refined.landmarks[0]

    def _template(self, image: Image, landmarks: FloatArray) -> FloatArray:
        try:
            chip = align_chip(image, landmarks, self._template_points, self._embedder.size)
            template = np.asarray(self._embedder.embed(chip[None])[0], dtype=np.float32)
        except (DegenerateLandmarksError, ModelOutputError) as error:
            raise _RefusedError(_NO_TEMPLATE) from error
        if not is_template(template):
            raise _RefusedError(_NO_TEMPLATE)
        return template

    def _entry(self, reference: str, person: _Candidate) -> WatchlistEntry:
        entry_id = id_of(self._deployment_id, reference)
        return WatchlistEntry(
            deployment_id=self._deployment_id,
            entry_id=entry_id,
            action=WatchlistAction.ENROL,
            category=person.category,
            response=person.response,
            pack_sha256=self._pack_sha256,
            templates=tuple(
                seal(
                    self._key,
                    template.astype("<f4").tobytes(),
                    what="watchlist-template",
                    whose=entry_id,
                )
                for template in person.templates
            ),
            issued_at=self._now(),
            signature=UNSIGNED,
        )


def _fingerprint(image: Image) -> bytes:
    """A digest of the pixels: one picture under two names, or saved again without a change, has one."""
    return sha256(image.tobytes()).digest()


def _verdict(row: Row, outcome: Outcome, reasons: tuple[str, ...]) -> Verdict:
    return Verdict(place=row.place, reference=row.reference, outcome=outcome, reasons=reasons)


def _check_same(row: Row, person: _Candidate) -> None:
    """Refuse a row that contradicts what earlier rows of its person said."""
    if row.category is not person.category or row.response is not person.response:
        raise _RefusedError(
            f"an earlier row of {row.reference} says {person.category} and {person.response}, this one "
            f"{row.category} and {row.response}: make them agree"
        )
    if len(person.templates) >= _MOST_TEMPLATES:
        raise _RefusedError(
            f"{row.reference} has {_MOST_TEMPLATES} pictures already: more do not help"
        )


def _person(
    row: Row, category: Category, response: Response, image: Image, box: FloatArray
) -> Person:
    return Person(
        reference=row.reference,
        name=row.name,
        category=category,
        response=response,
        reason=row.reason,
        image_jpeg=_portrait(image, box),
    )


def _portrait(image: Image, box: FloatArray) -> bytes:
    """Head and shoulders as a JPEG of at most 480 pixels a side."""
    height, width = image.shape[:2]
    grown = clip_boxes(grow_boxes(box[None], _PICTURE_MARGIN), width=width, height=height)[0]
    left, top, right, bottom = (int(value) for value in grown)
    part = image[top : max(bottom, top + 1), left : max(right, left + 1)]
    scale = min(1.0, _PICTURE_SIDE / max(part.shape[:2]))
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return encoded.tobytes()
