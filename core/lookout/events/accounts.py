"""The account of keys and of what was done: issues, receipts, certificates, audit, dead letters."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lookout.events.values import ErasureKind, ErasureReason, Signature


class PurgeState(StrEnum):
    """How far the purge of a closed deployment is: begun, as far as it goes for now, or done."""

    BEGUN = "begun"
    INCOMPLETE = "incomplete"
    COMPLETE = "complete"


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
