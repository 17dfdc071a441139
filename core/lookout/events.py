"""Every record that travels between services, as a frozen dataclass.

One class per Avro record under ``schemas/avro``; a conformance test holds the two together. Times are
timezone-aware UTC datetimes at microsecond precision. Ids of events are deterministic (``lookout.ids``), ids of
keys never are. What is biometric travels as `Sealed`, and only so.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DeploymentState(StrEnum):
    """Where a deployment stands, as far as the services need to know."""

    LIVE = "live"
    STOPPED = "stopped"
    ENDED = "ended"


class Category(StrEnum):
    """Why a person may be on a watchlist: a closed list, without an "other" (domain row 4)."""

    WANTED_BY_COURTS = "wanted_by_courts"
    SUSPECTED_OF_OFFENCE = "suspected_of_offence"
    COURT_CONDITIONS = "court_conditions"
    MISSING_AT_RISK = "missing_at_risk"
    RISK_OF_HARM = "risk_of_harm"
    ASSOCIATE = "associate"
    WITNESS = "witness"
    VICTIM = "victim"


class Response(StrEnum):
    """What officers are asked to do: immediately (red), arrest or check (amber), identify only (green)."""

    RED = "red"
    AMBER = "amber"
    GREEN = "green"


class WatchlistAction(StrEnum):
    """What a watchlist record does to its entry."""

    ENROL = "enrol"
    WITHDRAW = "withdraw"
    PURGE = "purge"


class ServiceState(StrEnum):
    """How a service says it is."""

    LIVE = "live"
    DEGRADED = "degraded"
    NOT_RUNNING = "not_running"


class ErasureKind(StrEnum):
    """What a record on the erasures topic tells: a block of key ids issued, or receipts."""

    ISSUED = "issued"
    RECEIPTS = "receipts"


class ErasureReason(StrEnum):
    """Why a key is gone. Every key ever issued ends in exactly one of these, or is alive."""

    PROCESSED = "processed"
    NO_MATCH = "no_match"
    DUPLICATE = "duplicate"
    UNCONFIRMED = "unconfirmed"
    STALE = "stale"
    REJECTED_QUALITY = "rejected_quality"
    REJECTED = "rejected"
    UNUSED = "unused"
    DEPLOYMENT_CLOSED = "deployment_closed"
    EXPIRED = "expired"
    EVIDENCE_TAKEN = "evidence_taken"


class PurgeState(StrEnum):
    """How far the purge of a closed deployment is: begun, as far as it goes for now, or done."""

    BEGUN = "begun"
    INCOMPLETE = "incomplete"
    COMPLETE = "complete"


class DecisionKind(StrEnum):
    """Which step of an alert's human handling a decision records."""

    ADJUDICATION = "adjudication"
    ENGAGEMENT = "engagement"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """AES-256-GCM ciphertext under a data key that lives in the keyring or the vault.

    ``key_id`` names the key, ``nonce`` is 12 bytes, ``ciphertext`` ends with the 16-byte tag. The additional data
    (what it is and whose) is not stored: whoever opens it must know what it should be.
    """

    key_id: str
    nonce: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Ed25519 over the record's Avro body with this field blank. ``signer`` names a listed public key."""

    signer: str
    value: bytes


UNSIGNED = Signature(signer="", value=b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The authority to look: nothing is captured or matched without a live one."""

    deployment_id: str
    state: DeploymentState
    opens_at: datetime
    closes_at: datetime
    cameras: tuple[str, ...]
    target_fpir: float
    pack_name: str
    pack_sha256: str
    watchlist_hash: str
    confirm_shots: int
    confirm_of: int
    authority: str
    demonstration: bool
    updated_at: datetime
    signature: Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchlistEntry:
    """A change to a deployment's watchlist. Names, reasons and pictures stay out of Kafka."""

    deployment_id: str
    entry_id: str
    action: WatchlistAction
    category: Category | None
    response: Response | None
    pack_sha256: str
    templates: tuple[Sealed, ...]
    issued_at: datetime
    signature: Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchlistState:
    """What matching has in force: ``content_hash`` is over every enrolled entry, withdrawn ones included."""

    deployment_id: str
    content_hash: str
    entries: int
    withdrawn: int
    pack_sha256: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """A service's word on itself, once a second. ``deployment_id`` is empty where none is concerned."""

    deployment_id: str
    service: str
    instance: str
    state: ServiceState
    reason: str
    since: datetime
    reported_at: datetime


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A block of key ids, ``block_id``:0 … ``block_id``:``count``-1, announced before the first is used."""

    service: str
    purpose: str
    count: int
    issued_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Key ids ``first`` … ``first + count - 1`` of the block are destroyed.

    ``captured_at`` is that of the image the key sealed, None where there was none (unused ids) or nobody knows.
    """

    first: int
    count: int
    reason: ErasureReason
    captured_at: datetime | None
    destroyed_at: datetime
    destroyed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    """Receipts of one block, a link of the keeper's chain.

    ``chain_hash`` = SHA-256(previous chain hash + Avro body of the record with chain hash and signature blank).
    """

    sequence: int
    receipts: tuple[Receipt, ...]
    previous_hash: bytes
    chain_hash: bytes
    signature: Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The account of keys: exactly one of ``issued`` and ``receipts`` is set, as ``kind`` says."""

    deployment_id: str
    block_id: str
    kind: ErasureKind
    issued: Issued | None
    receipts: Receipts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedRecords:
    """Every record of a topic's partition below an offset is deleted, for good."""

    topic: str
    partition: int
    below: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedKeys:
    """How many of a deployment's key ids ended for one reason."""

    reason: ErasureReason
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeCertificate:
    """What the keeper purged of a deployment that is over. The highest revision of a deployment counts.

    ``entries`` people were enrolled; ``watchlist_hash`` is what was authorised. ``keys_issued`` = the sum of
    ``keys_ended`` + ``keys_held``, which are alive as evidence of alerts. ``chain_sequence`` and ``chain_hash`` are the
    last link of the chain of receipts that was taken into account. ``missing`` says, for people, what keeps it from
    being complete.
    """

    deployment_id: str
    revision: int
    state: PurgeState
    closed_at: datetime
    purged_at: datetime
    entries: int
    watchlist_hash: str
    deleted: tuple[DeletedRecords, ...]
    keys_issued: int
    keys_ended: tuple[EndedKeys, ...]
    keys_held: int
    chain_sequence: int
    chain_hash: bytes
    missing: tuple[str, ...]
    signature: Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what, and why; each entry's hash covers the one before."""

    deployment_id: str
    sequence: int
    actor: str
    action: str
    subject: str
    reason: str
    at: datetime
    previous_hash: bytes
    entry_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message nobody could read or use: the original bytes (sealed, their key destroyed) and where it came from."""

    deployment_id: str
    source_topic: str
    source_partition: int
    source_offset: int
    service: str
    error: str
    detail: str
    failed_at: datetime
    original_key: bytes | None
    original_value: bytes | None


Event = (
    Deployment
    | WatchlistEntry
    | WatchlistState
    | ServiceStatus
    | Frame
    | Face
    | Track
    | Preview
    | Embedding
    | Match
    | Alert
    | Decision
    | Erasure
    | PurgeCertificate
    | AuditEntry
    | DeadLetter
)
