"""Pooling the scores of a track, and the rule that confirms a match. Pure: no clock, no stream, no index.

Scores are pooled, never templates: by the time a track's next shot arrives, the template of the one before cannot be
opened any more (unless it is pending, and even then it is not opened twice).
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from lookout.events import Embedding, ErasureReason, Match
from lookout.vision.arrays import FloatArray

TEMPLATES_PER_ENTRY = 8
"""The most templates one entry may have. A search over-fetches by this number, so that it finds distinct entries."""

_UNIT_TOLERANCE = 1e-2
_FLOAT_BYTES = 4


class BadTemplateError(ValueError):
    """Bytes or an array that is no template. The text tells lengths, never values."""


def read_template(plaintext: bytes, dim: int) -> FloatArray:
    """The template (``dim``,) in float32 little-endian bytes.

    Raises:
        BadTemplateError: another length, a value that is not finite, or a vector that is not L2-normalised.
    """
    if len(plaintext) != dim * _FLOAT_BYTES:
        raise BadTemplateError(
            f"a template must be {dim} float32 values ({dim * _FLOAT_BYTES} bytes), but got {len(plaintext)} bytes"
        )
    template = np.frombuffer(plaintext, dtype="<f4").astype(np.float32)
    require_unit(template[None])
    return template


def require_unit(templates: FloatArray) -> None:
    """Refuse templates (N, D) that are not finite and of length 1: their cosine would mean nothing."""
    if not np.isfinite(templates).all():
        raise BadTemplateError(
            "a template must be finite, but one has values that are not: embed the image again"
        )
    norms = np.linalg.norm(templates, axis=1)
    if norms.size and np.abs(norms - 1.0).max() > _UNIT_TOLERANCE:
        worst = float(norms[np.abs(norms - 1.0).argmax()])
        raise BadTemplateError(
            f"a template must be L2-normalised, but one has length {worst:.3f}: embed the image again"
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry and the cosine of its best template with the probe."""

    entry_id: str
    score: float


Candidates = tuple[Candidate, ...]
"""Distinct entries, best first."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """``shots`` of the last ``of`` shots of a track must agree."""

    shots: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.shots <= self.of:
            raise ValueError(
                f"a confirmation rule needs 1 <= shots <= of, but got {self.shots} of {self.of}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One comparison: a probe, what the search found for it, and the threshold that held at that moment."""

    embedding: Embedding
    candidates: Candidates
    threshold: float

    @property
    def claim(self) -> str | None:
        """The best entry, if its score reaches the threshold."""
        return self.candidates[0].entry_id if self.reached else None

    @property
    def reached(self) -> bool:
        """Whether the best score reaches the threshold. NaN never does."""
        return bool(self.candidates) and self.candidates[0].score >= self.threshold

    @property
    def score(self) -> float:
        """The best cosine; -1 in an empty gallery."""
        return self.candidates[0].score if self.candidates else -1.0

    @property
    def margin(self) -> float | None:
        """How far the next distinct entry is behind; None with one entry."""
        if len(self.candidates) < 2:
            return None
        return self.candidates[0].score - self.candidates[1].score


@dataclass(frozen=True, slots=True)
class Settled:
    """A shot that is finished with: its key goes, for this reason."""

    shot: Shot
    reason: ErasureReason


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Enough shots agree; ``shot`` scored best of those still pending, and is the evidence."""

    shot: Shot
    entry_id: str
    agreeing: int


Verdict = Settled | Confirmed


@dataclass(slots=True)
class _Place:
    """A shot in the window; ``counts`` while its claim may yet support a match, ``pending`` while it may become one too."""

    shot: Shot
    pending: bool
    counts: bool


class TrackScores:
    """What is remembered of a live track: scores of its last shots, and the entries already confirmed.

    A shot below the threshold is settled at once (`no_match`) and keeps its place in the window. A shot that reaches it
    is pending until its entry is confirmed, until no window of the rule can hold enough agreeing shots any more, or
    until the track falls silent. Silence ends the shot and not its claim: where the stream stood still, the track's
    other shots come late, and one that agrees confirms the match then. One match per track and entry, ever: later
    shots of that entry are `duplicate`.
    """

    def __init__(self, *, confirmed: Iterable[str] = ()) -> None:
        """``confirmed`` are entries that this track is known to have matched before (in an earlier process)."""
        self._window: list[_Place] = []
        self._confirmed = set(confirmed)
        self._faces: set[str] = set()

    def copy(self) -> "TrackScores":
        """An independent copy: work on it, and keep it only once what it decided is certain to be carried out."""
        twin = TrackScores(confirmed=self._confirmed)
        twin._window = [replace(place) for place in self._window]
        twin._faces = set(self._faces)
        return twin

    def knows(self, face_id: str) -> bool:
        """Whether this face has been pooled: the same face again is a repetition, not another shot."""
        return face_id in self._faces

    @property
    def pending(self) -> Sequence[Shot]:
        """Shots that wait for a confirmation, oldest first."""
        return [place.shot for place in self._window if place.pending]

    def pool(self, shot: Shot, rule: Confirmation) -> Sequence[Verdict]:
        """Take in the next shot and say what is settled by it, confirmations first."""
        self._faces.add(shot.embedding.face_id)
        claim = shot.claim
        known = claim in self._confirmed
        counts = claim is not None and not known
        self._window.append(_Place(shot, pending=counts, counts=counts))
        verdicts: list[Verdict] = []
        if claim is None:
            verdicts.append(Settled(shot, ErasureReason.NO_MATCH))
        elif known:
            verdicts.append(Settled(shot, ErasureReason.DUPLICATE))
        verdicts += self._slide(rule)
        if claim is not None and not known:
            verdicts += self._confirm(claim, rule)
        verdicts += self._give_up_hopeless(rule)
        return verdicts

    def silence(self) -> Sequence[Settled]:
        """The track has gone quiet: nothing pending waits any longer."""
        settled = [Settled(shot, ErasureReason.UNCONFIRMED) for shot in self.pending]
        for place in self._window:
            place.pending = False
        return settled

    def _slide(self, rule: Confirmation) -> Sequence[Settled]:
        leaving = self._window[: -rule.of]
        del self._window[: -rule.of]
        return [
            Settled(place.shot, ErasureReason.UNCONFIRMED) for place in leaving if place.pending
        ]

    def _confirm(self, entry_id: str, rule: Confirmation) -> Sequence[Verdict]:
        agreeing = [p for p in self._window if p.counts and p.shot.claim == entry_id]
        if len(agreeing) < rule.shots:
            return []
        # Never empty: the shot that has just come is among them.
        pending = [place for place in agreeing if place.pending]
        best = max(pending, key=lambda place: place.shot.score)
        self._confirmed.add(entry_id)
        for place in agreeing:
            place.pending = place.counts = False
        return [
            Confirmed(best.shot, entry_id, len(agreeing)),
            *[Settled(p.shot, ErasureReason.DUPLICATE) for p in pending if p is not best],
        ]

    def _give_up_hopeless(self, rule: Confirmation) -> Sequence[Settled]:
        hopeless = [
            place
            for index, place in enumerate(self._window)
            if place.counts and not self._reachable(index, rule)
        ]
        let_go = [place for place in hopeless if place.pending]
        for place in hopeless:
            place.pending = place.counts = False
        return [Settled(place.shot, ErasureReason.UNCONFIRMED) for place in let_go]

    def _reachable(self, index: int, rule: Confirmation) -> bool:
        """Whether some window that holds this place can still hold enough shots that agree with it."""
        claim = self._window[index].shot.claim
        for start in range(index + 1):
            held = self._window[start:]
            agreeing = sum(place.counts and place.shot.claim == claim for place in held)
            if agreeing + rule.of - len(held) >= rule.shots:
                return True
        return False


class DecidedMatches:
    """Matches that are on the topic already, kept as long as their evidence. Safe to use from several threads.

    A crash between the destruction of a match's lesser shots and the commit brings the track's shots again, without
    the company that confirmed them. Without this memory the evidence of an alert would look unconfirmed, and be
    destroyed under the eyes of whoever is judging it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faces: dict[str, datetime] = {}
        self._tracks: dict[tuple[str, str], dict[str, datetime]] = {}

    def note(self, match: Match) -> None:
        """A match read from the topic."""
        with self._lock:
            self._faces[match.face_id] = match.matched_at
            track = self._tracks.setdefault((match.deployment_id, match.track_id), {})
            track[match.entry_id] = match.matched_at

    def is_evidence(self, face_id: str) -> bool:
        """Whether a face's key belongs to a match now: it is not matching's to destroy."""
        with self._lock:
            return face_id in self._faces

    def entries(self, deployment_id: str, track_id: str) -> frozenset[str]:
        """Entries that a track has matched."""
        with self._lock:
            return frozenset(self._tracks.get((deployment_id, track_id), ()))

    def forget(self, before: datetime) -> None:
        """Forget matches made before a time: their evidence has gone."""
        with self._lock:
            self._faces = {face: at for face, at in self._faces.items() if at >= before}
            kept = (
                (track, {entry: at for entry, at in entries.items() if at >= before})
                for track, entries in self._tracks.items()
            )
            self._tracks = {track: entries for track, entries in kept if entries}
