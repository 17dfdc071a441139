"""A passer-by's way through the services, from a camera's image to a person's decision."""

from dataclasses import dataclass
from datetime import datetime

from lookout.events.values import Category, DecisionKind, Response, Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One camera image: ``image`` seals a JPEG of ``width`` x ``height`` pixels."""

    deployment_id: str
    frame_id: str
    camera_id: str
    sequence: int
    captured_at: datetime
    width: int
    height: int
    image: Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """One shot of a tracked face.

    ``box`` is xyxy in pixels of the frame, ``landmarks`` five x, y pairs (image-left eye first, nose, mouth
    corners). ``chip`` seals raw BGR bytes of ``chip_size`` x ``chip_size`` x 3, aligned for the pack;
    ``thumbnail`` seals a JPEG for human eyes. Both are under one key.
    """

    deployment_id: str
    face_id: str
    track_id: str
    camera_id: str
    frame_id: str
    captured_at: datetime
    shot: int
    box: tuple[float, ...]
    landmarks: tuple[float, ...]
    quality: float
    pack_sha256: str
    chip_size: int
    chip: Sealed
    thumbnail: Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """How many shots of a track were not used, by reason."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """The end of a track: for counting faces seen, never for recognising them."""

    deployment_id: str
    track_id: str
    camera_id: str
    first_seen: datetime
    last_seen: datetime
    frames: int
    shots: int
    rejected: tuple[Rejected, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A JPEG for the operator with every face pixelated beyond recovery."""

    deployment_id: str
    camera_id: str
    frame_id: str
    captured_at: datetime
    faces: int
    jpeg: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """The sealed template of a shot: float32 little-endian, L2-normalised, in the space of ``pack_sha256``."""

    deployment_id: str
    face_id: str
    track_id: str
    camera_id: str
    captured_at: datetime
    shot: int
    quality: float
    pack_sha256: str
    template: Sealed
    thumbnail: Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A track's comparison with the watchlist that reached the threshold on enough shots.

    ``score`` is the cosine of the best shot, ``margin`` its distance to the next best entry (None with one entry),
    ``confirmed_by`` the number of shots that agreed.
    """

    deployment_id: str
    match_id: str
    entry_id: str
    face_id: str
    track_id: str
    camera_id: str
    captured_at: datetime
    matched_at: datetime
    score: float
    threshold: float
    rank: int
    margin: float | None
    confirmed_by: int
    category: Category
    response: Response
    demonstration: bool
    thumbnail: Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One confirmed match behind an alert. ``face_id`` is whose the match's thumbnail is sealed as."""

    match_id: str
    face_id: str
    track_id: str
    camera_id: str
    captured_at: datetime
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One person, maybe: for trained people to look at and decide. Never an arrest.

    ``revision`` 1 is the alert; higher ones add sightings from other cameras and carry no thumbnail.
    """

    deployment_id: str
    alert_id: str
    revision: int
    entry_id: str
    category: Category
    response: Response
    threshold: float
    margin: float | None
    captured_at: datetime
    alerted_at: datetime
    sightings: tuple[Sighting, ...]
    demonstration: bool
    thumbnail: Sealed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a named person decided about an alert, and why (the score is never the reason)."""

    deployment_id: str
    decision_id: str
    alert_id: str
    kind: DecisionKind
    value: str
    reason: str
    decided_by: str
    decided_at: datetime
