"""The audit: who did what to what, when and why; each entry's hash covers the one before it.

An entry is written in the transaction of what it records. If it cannot be written, the transaction does not happen.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, RowMapping, insert, select, update

from lookout_console.store.engine import GENESIS, Store
from lookout_console.store.tables import audit, audit_head

_PAGE: Final = 100
_LONGEST_REASON: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One entry. ``actor`` is an account's id, or the name of a part of the system."""

    sequence: int
    deployment_id: str
    actor: str
    action: str
    subject: str
    reason: str
    at: datetime
    previous_hash: str
    entry_hash: str


def hash_of(previous: str, fields: Sequence[str]) -> str:
    """SHA-256, hex, over the previous hash and the fields as JSON."""
    body = json.dumps([previous, *fields], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()


class Audit:
    """Appends to the chain, reads it, and checks it."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store, self._clock = store, clock

    def record(
        self,
        connection: Connection,
        *,
        actor: str,
        action: str,
        subject: str,
        reason: str,
        deployment_id: str = "",
    ) -> None:
        """Add an entry within an open transaction. Waits for whoever else is adding one."""
        # The one row that every writer locks: the chain has one order, however many consoles run.
        head = connection.execute(select(audit_head).with_for_update()).mappings().one()
        sequence, at = head["sequence"] + 1, self._clock()
        kept = reason[:_LONGEST_REASON]
        entry_hash = hash_of(
            head["entry_hash"], _fields(sequence, deployment_id, actor, action, subject, kept, at)
        )
        connection.execute(
            insert(audit).values(
                sequence=sequence,
                deployment_id=deployment_id,
                actor=actor,
                action=action,
                subject=subject,
                reason=kept,
                at=at,
                previous_hash=head["entry_hash"],
                entry_hash=entry_hash,
            )
        )
        connection.execute(update(audit_head).values(sequence=sequence, entry_hash=entry_hash))

    def page(
        self, *, before: int | None = None, actor: str = "", action: str = ""
    ) -> tuple[AuditLine, ...]:
        """Up to a hundred entries, the newest first."""
        wanted = select(audit).order_by(audit.c.sequence.desc()).limit(_PAGE)
        if before is not None:
            wanted = wanted.where(audit.c.sequence < before)
        if actor:
            wanted = wanted.where(audit.c.actor == actor)
        if action:
            wanted = wanted.where(audit.c.action.startswith(action, autoescape=True))
        with self._store.look() as connection:
            return tuple(_line_of(row) for row in connection.execute(wanted).mappings())

    def broken_at(self) -> int | None:
        """The first sequence at which the chain does not hold, or None while it does. Reads all of it."""
        previous, expected = GENESIS, 1
        with self._store.look() as connection:
            for row in connection.execute(select(audit).order_by(audit.c.sequence)).mappings():
                line = _line_of(row)
                fields = _fields(
                    line.sequence,
                    line.deployment_id,
                    line.actor,
                    line.action,
                    line.subject,
                    line.reason,
                    line.at,
                )
                if (
                    line.sequence != expected
                    or line.previous_hash != previous
                    or line.entry_hash != hash_of(previous, fields)
                ):
                    return expected
                previous, expected = line.entry_hash, expected + 1
            head = connection.execute(select(audit_head)).mappings().one()
        return None if head["entry_hash"] == previous else expected


def _fields(
    sequence: int,
    deployment_id: str,
    actor: str,
    action: str,
    subject: str,
    reason: str,
    at: datetime,
) -> list[str]:
    return [str(sequence), deployment_id, actor, action, subject, reason, at.isoformat()]


def _line_of(row: RowMapping) -> AuditLine:
    return AuditLine(**dict(row))
