"""An entry's row as the bytes that lie in the table's changelog: JSON, versioned, in UTC.

Rows hold ids and times, never a name, a picture or a template.
"""

import json
from datetime import datetime
from typing import Any

from lookout.events import Sighting

from lookout_alerting.domain import EntryRow, Episode

_VERSION = 1


class UnreadableRowError(Exception):
    """Bytes in the changelog that are no row of this version. The text holds nothing of their content."""


def encode_row(row: EntryRow) -> bytes:
    """A row as bytes."""
    plain = {
        "v": _VERSION,
        "deployment_id": row.deployment_id,
        "entry_id": row.entry_id,
        "episodes": [_plain_episode(episode) for episode in row.episodes],
    }
    return json.dumps(plain, separators=(",", ":")).encode()


def decode_row(value: bytes) -> EntryRow:
    """The row that `encode_row` wrote.

    Raises:
        UnreadableRowError: the bytes are something else.
    """
    try:
        plain = json.loads(value)
        if plain["v"] != _VERSION:
            raise UnreadableRowError(f"wanted a row of version {_VERSION}, got {plain['v']!r}")
        return EntryRow(
            deployment_id=_text(plain["deployment_id"]),
            entry_id=_text(plain["entry_id"]),
            episodes=tuple(_episode(episode) for episode in plain["episodes"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableRowError(f"not a row: {type(error).__name__}") from None


def _plain_episode(episode: Episode) -> dict[str, Any]:
    return {
        "alerted_at": episode.alerted_at.isoformat(),
        "first_seen": episode.first_seen.isoformat(),
        "last_seen": episode.last_seen.isoformat(),
        "sightings": [
            [s.match_id, s.face_id, s.track_id, s.camera_id, s.captured_at.isoformat(), s.score]
            for s in episode.sightings
        ],
    }


def _episode(plain: dict[str, Any]) -> Episode:
    sightings = tuple(_sighting(*fields) for fields in plain["sightings"])
    if not sightings:
        raise ValueError("an episode begins with a sighting")
    return Episode(
        alerted_at=_moment(plain["alerted_at"]),
        first_seen=_moment(plain["first_seen"]),
        last_seen=_moment(plain["last_seen"]),
        sightings=sightings,
    )


def _sighting(
    match_id: object,
    face_id: object,
    track_id: object,
    camera_id: object,
    captured_at: object,
    score: object,
) -> Sighting:
    if not isinstance(score, float):
        raise TypeError("a score is a float")
    return Sighting(
        match_id=_text(match_id),
        face_id=_text(face_id),
        track_id=_text(track_id),
        camera_id=_text(camera_id),
        captured_at=_moment(captured_at),
        score=score,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("wanted text")
    return value


def _moment(value: object) -> datetime:
    """A time with its zone: one without could not be compared with any other."""
    moment = datetime.fromisoformat(_text(value))
    if moment.utcoffset() is None:
        raise ValueError("a time without its zone")
    return moment
