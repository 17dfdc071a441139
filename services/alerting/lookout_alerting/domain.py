"""When matches become an alert: one per person, however many shots and cameras, until a gap since the last sighting.

Pure: no clock, no stream, no keys. What is known of an entry is an `EntryRow`, a list of *episodes*. An episode is the
time in which the entry was seen without a gap, and stands for one alert. A match whose capture time lies within an
episode, or within the gap of it on either side, belongs to it; any other match opens an episode of its own.

Three properties carry the service's promises, and hold whatever the order of arrival:

- A match that was decided once is covered by its row from then on, so a redelivered match never opens another alert.
- A row only ever opens an alert under ``alert_id(entry, match)``, so the same match can open only that one.
- The key of a match that opened an alert is never destroyed here: it is the evidence, and the console's to end.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from lookout import ids
from lookout.events import Alert, ErasureReason, Match, Sighting
from lookout.sealing.ports import Destruction


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the decision depends on.

    ``gap`` without a sighting ends an episode. A match older than ``discard_after`` (capture to now) is past the life
    of its evidence and alerts nobody; a younger one always does, however late: its times show its age.
    """

    gap: timedelta = timedelta(seconds=60)
    discard_after: timedelta = timedelta(minutes=10)

    @property
    def remember(self) -> timedelta:
        """How long after its last sighting an episode can still matter to a match that is not discarded."""
        return self.gap + self.discard_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One alert, and the sightings behind it: the first, and the first of each further camera, in order of arrival.

    ``first_seen`` and ``last_seen`` are capture times over all of the episode's matches, repeated cameras included.
    """

    alerted_at: datetime
    first_seen: datetime
    last_seen: datetime
    sightings: tuple[Sighting, ...]

    @property
    def opened_by(self) -> str:
        """Id of the match that opened the episode."""
        return self.sightings[0].match_id

    @property
    def revision(self) -> int:
        """The revision of the alert that tells of every sighting."""
        return len(self.sightings)

    def covers(self, seen: datetime, gap: timedelta) -> bool:
        """Whether a sighting at this time is of this episode."""
        # Differences exist between any two times; a time less or plus a gap may be none.
        return self.first_seen - seen <= gap and seen - self.last_seen <= gap

    def knows_camera(self, camera_id: str) -> bool:
        """Whether a sighting of this camera is part of the alert already."""
        return any(sighting.camera_id == camera_id for sighting in self.sightings)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow:
    """What is remembered of a watchlist entry: its episodes that can still matter, newest first.

    Bounded: episodes are further apart than the gap, and forgotten after `Rules.remember`.
    """

    deployment_id: str
    entry_id: str
    episodes: tuple[Episode, ...]

    def last_seen(self) -> datetime:
        """The latest capture time of any match of the entry."""
        return max(episode.last_seen for episode in self.episodes)


class Verdict(StrEnum):
    """What became of a match."""

    OPENED = "opened"
    REPEATED = "repeated"
    REVISED = "revised"
    DUPLICATE = "duplicate"
    STALE = "stale"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do about a match, in this order: send the alert, destroy the key, keep the row."""

    verdict: Verdict
    row: EntryRow | None
    alert: Alert | None = None
    destroy: Destruction | None = None


def decide(
    match: Match, row: EntryRow | None, *, now: datetime, rules: Rules, in_force: bool
) -> Decision:
    """Decide about one match, given the row of its entry (None when the entry is not known).

    ``in_force`` says whether the match's deployment gives authority at ``now``.
    """
    episodes = _remembered(row, now, rules)
    opened = next((e for e in episodes if e.opened_by == match.match_id), None)
    if opened is not None:
        alert = _alert(match, opened.sightings[:1], opened.alerted_at) if in_force else None
        verdict = Verdict.REPEATED if in_force else Verdict.CLOSED
        return Decision(verdict=verdict, row=_row(match, episodes), alert=alert)
    if not in_force:
        return _ended(match, episodes, Verdict.CLOSED, ErasureReason.DEPLOYMENT_CLOSED)
    if now - match.captured_at > rules.discard_after:
        return _ended(match, episodes, Verdict.STALE, ErasureReason.STALE)
    current = next((e for e in episodes if e.covers(match.captured_at, rules.gap)), None)
    if current is None:
        return _opened(match, episodes, now)
    return _joined(match, episodes, current, now)


def _opened(match: Match, episodes: tuple[Episode, ...], now: datetime) -> Decision:
    episode = Episode(
        alerted_at=now,
        first_seen=match.captured_at,
        last_seen=match.captured_at,
        sightings=(_sighting(match),),
    )
    return Decision(
        verdict=Verdict.OPENED,
        row=_row(match, (episode, *episodes)),
        alert=_alert(match, episode.sightings, now),
    )


def _joined(
    match: Match, episodes: tuple[Episode, ...], current: Episode, now: datetime
) -> Decision:
    news = not current.knows_camera(match.camera_id)
    sightings = (*current.sightings, _sighting(match)) if news else current.sightings
    grown = replace(
        current,
        first_seen=min(current.first_seen, match.captured_at),
        last_seen=max(current.last_seen, match.captured_at),
        sightings=sightings,
    )
    return Decision(
        verdict=Verdict.REVISED if news else Verdict.DUPLICATE,
        row=_row(match, (grown if e is current else e for e in episodes)),
        alert=_alert(match, sightings, now) if news else None,
        destroy=_destruction(match, ErasureReason.DUPLICATE),
    )


def _ended(
    match: Match, episodes: tuple[Episode, ...], verdict: Verdict, reason: ErasureReason
) -> Decision:
    return Decision(verdict=verdict, row=_row(match, episodes), destroy=_destruction(match, reason))


def _remembered(row: EntryRow | None, now: datetime, rules: Rules) -> tuple[Episode, ...]:
    if row is None:
        return ()
    return tuple(e for e in row.episodes if now - e.last_seen <= rules.remember)


def _row(match: Match, episodes: Iterable[Episode]) -> EntryRow | None:
    ordered = tuple(sorted(episodes, key=lambda episode: episode.last_seen, reverse=True))
    if not ordered:
        return None
    return EntryRow(deployment_id=match.deployment_id, entry_id=match.entry_id, episodes=ordered)


def _alert(match: Match, sightings: tuple[Sighting, ...], at: datetime) -> Alert:
    # The thumbnail stays with the first revision: its key is the evidence, a later match's key is destroyed.
    first = len(sightings) == 1
    return Alert(
        deployment_id=match.deployment_id,
        alert_id=ids.alert_id(match.entry_id, sightings[0].match_id),
        revision=len(sightings),
        entry_id=match.entry_id,
        category=match.category,
        response=match.response,
        threshold=match.threshold,
        margin=match.margin,
        captured_at=match.captured_at,
        alerted_at=at,
        sightings=sightings,
        demonstration=match.demonstration,
        thumbnail=match.thumbnail if first else None,
    )


def _sighting(match: Match) -> Sighting:
    return Sighting(
        match_id=match.match_id,
        face_id=match.face_id,
        track_id=match.track_id,
        camera_id=match.camera_id,
        captured_at=match.captured_at,
        score=match.score,
    )


def _destruction(match: Match, reason: ErasureReason) -> Destruction:
    return Destruction(
        key_id=match.thumbnail.key_id,
        reason=reason,
        deployment_id=match.deployment_id,
        captured_at=match.captured_at,
    )
