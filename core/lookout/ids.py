"""Deterministic ids: what stands for the same thing has the same id, so a replay is recognised.

UUIDv5 under one namespace, over the parts that make the thing what it is. Key ids are never made here: a key id that
could be derived could be made twice.
"""

import uuid

_NAMESPACE = uuid.UUID("5bd0f9b4-0f2c-5f7e-9a53-6c9f1d3b7a10")


def _derived(kind: str, *parts: object) -> str:
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join([kind, *map(str, parts)])))


def frame_id(deployment_id: str, camera_id: str, run: str, sequence: int) -> str:
    """Id of the ``sequence``-th frame of a camera in one run of capture (a restart begins another run)."""
    return _derived("frame", deployment_id, camera_id, run, sequence)


def track_id(camera_id: str, first_frame_id: str, ordinal: int) -> str:
    """Id of the ``ordinal``-th track that began on a frame."""
    return _derived("track", camera_id, first_frame_id, ordinal)


def face_id(track: str, frame: str) -> str:
    """Id of a track's shot on a frame: a track has one face on a frame."""
    return _derived("face", track, frame)


def match_id(face: str, entry_id: str) -> str:
    """Id of the match of a face with an entry."""
    return _derived("match", face, entry_id)


def alert_id(entry_id: str, first_match_id: str) -> str:
    """Id of the alert that a match opens: replaying the match sends the same alert again, never another."""
    return _derived("alert", entry_id, first_match_id)


def entry_id(deployment_id: str, reference: str) -> str:
    """Id of a watchlist entry in a deployment: ``reference`` is the importer's own id of the person."""
    return _derived("entry", deployment_id, reference)


def decision_id(alert: str, kind: str, part: object) -> str:
    """Id of a decision about an alert: ``part`` tells those of one kind apart. Sending it again is no second decision."""
    return _derived("decision", alert, kind, part)
