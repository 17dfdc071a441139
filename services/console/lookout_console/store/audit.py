"""The audit: who did what to what, when and why; each entry's hash covers the one before it.

An entry is written in the transaction of what it records. If it cannot be written, the transaction does not happen.
Entries are published from the store afterwards, in order (`Audit.unpublished`, `Audit.published`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from lookout.audit import entry_hash, first_break
from lookout.events import AuditEntry
from sqlalchemy import Connection, RowMapping, Select, insert, select, update

from lookout_console.domain.errors import AuditLostError
from lookout_console.store.engine import Store
from lookout_console.store.tables import audit, audit_head, audit_published

_PAGE: Final = 100
_LONGEST_REASON: Final = 2000
# Made once: everything that is done executes these.
_HEAD: Final = select(audit_head).with_for_update()
_ADD: Final = insert(audit)
_MOVE: Final = update(audit_head)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One entry. ``actor`` is an account's id, or the name of a part of the system; hashes are hex."""

    sequence: int
    deployment_id: str
    actor: str
    action: str
    subject: str
    reason: str
    at: datetime
    previous_hash: str
    entry_hash: str


def _may_write() -> str:
    """Nothing is in the way."""
    return ""


class Audit:
    """Appends to the chain, reads it, and checks it."""

    def __init__(
        self, store: Store, clock: Callable[[], datetime], why_not: Callable[[], str] = _may_write
    ) -> None:
        """``why_not`` says why nothing may be done at present, empty when it may: the topic is out of reach."""
        self._store, self._clock, self._why_not = store, clock, why_not

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
        """Add an entry within an open transaction. Waits for whoever else is adding one.

        Raises:
            AuditLostError: entries cannot be published at present, so nothing is done.
        """
        if why := self._why_not():
            raise AuditLostError(f"The audit cannot be written ({why}): nothing was done.")
        # The one row that every writer locks: the chain has one order, however many consoles run.
        head = connection.execute(_HEAD).mappings().one()
        blank = AuditEntry(
            deployment_id=deployment_id,
            sequence=head["sequence"] + 1,
            actor=actor,
            action=action,
            subject=subject,
            reason=_storable(reason)[:_LONGEST_REASON],
            at=self._clock(),
            previous_hash=bytes.fromhex(head["entry_hash"]),
            entry_hash=b"",
        )
        entry = replace(blank, entry_hash=entry_hash(blank))
        connection.execute(_ADD, _values(entry))
        connection.execute(
            _MOVE, {"sequence": entry.sequence, "entry_hash": entry.entry_hash.hex()}
        )

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
            return tuple(AuditLine(**dict(row)) for row in connection.execute(wanted).mappings())

    def broken_at(self) -> int | None:
        """The first sequence at which the chain does not hold, or None while it does. Reads all of it."""
        with self._store.look() as connection:
            head = connection.execute(select(audit_head)).mappings().one()
            count, last = 0, bytes.fromhex(head["entry_hash"])

            def counted() -> Iterator[AuditEntry]:
                nonlocal count, last
                for entry in _entries(connection, select(audit).order_by(audit.c.sequence)):
                    # What was added while this reads is not what the head was read for.
                    if entry.sequence > head["sequence"]:
                        return
                    count += 1
                    yield entry
                    last = entry.entry_hash

            found = first_break(counted())
        if found is None and (count != head["sequence"] or last.hex() != head["entry_hash"]):
            return count + 1
        return found

    def entries(self) -> Sequence[AuditEntry]:
        """The whole chain, the oldest first."""
        with self._store.look() as connection:
            return list(_entries(connection, select(audit).order_by(audit.c.sequence)))

    def unpublished(self, most: int) -> Sequence[AuditEntry]:
        """The oldest entries that are not known to be on the topic."""
        done = select(audit_published.c.sequence).scalar_subquery()
        wanted = select(audit).where(audit.c.sequence > done).order_by(audit.c.sequence).limit(most)
        with self._store.look() as connection:
            return list(_entries(connection, wanted))

    def published(self, through: int) -> None:
        """Everything up to ``through`` is acknowledged on the topic. Another console may know of more."""
        with self._store.transaction() as connection:
            connection.execute(
                update(audit_published)
                .where(audit_published.c.sequence < through)
                .values(sequence=through)
            )


def _storable(text: str) -> str:
    """Without what no database takes as text: NUL and lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _values(entry: AuditEntry) -> dict[str, object]:
    return {
        "sequence": entry.sequence,
        "deployment_id": entry.deployment_id,
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "reason": entry.reason,
        "at": entry.at,
        "previous_hash": entry.previous_hash.hex(),
        "entry_hash": entry.entry_hash.hex(),
    }


def _entries(connection: Connection, wanted: Select[tuple[object]]) -> Iterator[AuditEntry]:
    for row in connection.execute(wanted).mappings():
        yield _entry_of(row)


def _entry_of(row: RowMapping) -> AuditEntry:
    values = dict(row)
    for name in ("previous_hash", "entry_hash"):
        values[name] = bytes.fromhex(values[name])
    return AuditEntry(**values)
