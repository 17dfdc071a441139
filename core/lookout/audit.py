"""The audit's chain: what the hash of an entry covers, and where a chain does not hold. Pure."""

import hashlib
import json
from collections.abc import Iterable
from typing import Final

from lookout.events import AuditEntry

GENESIS: Final = bytes(32)
"""What stands before the first entry, whose sequence is 1."""


def entry_hash(entry: AuditEntry) -> bytes:
    """SHA-256 over the previous hash and all fields as a JSON list (UTF-8, no spaces); times as ISO 8601 in UTC."""
    fields = [
        entry.previous_hash.hex(),
        str(entry.sequence),
        entry.deployment_id,
        entry.actor,
        entry.action,
        entry.subject,
        entry.reason,
        entry.at.isoformat(),
    ]
    body = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate has no UTF-8; it must still have a hash, and one of its own.
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).digest()


def first_break(entries: Iterable[AuditEntry]) -> int | None:
    """The first sequence at which a chain does not hold from its beginning on, or None while it does.

    An entry that comes again as it was counts once: publication is at least once. One that comes again otherwise, or is
    missing, breaks the chain.
    """
    hashes = [GENESIS]
    for entry in entries:
        if 0 < entry.sequence < len(hashes):
            if hashes[entry.sequence] != entry.entry_hash or entry_hash(entry) != entry.entry_hash:
                return entry.sequence
            continue
        if (
            entry.sequence != len(hashes)
            or entry.previous_hash != hashes[-1]
            or entry.entry_hash != entry_hash(entry)
        ):
            return len(hashes)
        hashes.append(entry.entry_hash)
    return None
