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
            deployment_id=plain["deployment_id"],
            entry_id=plain["entry_id"],
            episodes=tuple(_episode(episode) for episode in plain["episodes"]),
        )
    except (ValueError, KeyError, TypeError) as error:
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
    return Episode(
        alerted_at=datetime.fromisoformat(plain["alerted_at"]),
        first_seen=datetime.fromisoformat(plain["first_seen"]),
        last_seen=datetime.fromisoformat(plain["last_seen"]),
        sightings=tuple(_sighting(*fields) for fields in plain["sightings"]),
    )


def _sighting(
    match_id: str, face_id: str, track_id: str, camera_id: str, captured_at: str, score: float
) -> Sighting:
    return Sighting(
        match_id=match_id,
        face_id=face_id,
        track_id=track_id,
        camera_id=camera_id,
        captured_at=datetime.fromisoformat(captured_at),
        score=score,
    )
