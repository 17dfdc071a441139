"""Closed lists, sealed payloads and signatures: what the records are made of."""

from dataclasses import dataclass
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
