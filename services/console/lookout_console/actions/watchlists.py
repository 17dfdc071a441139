"""Watchlists: imported row by row with a verdict each, compared with the last, frozen by hash, withdrawn from."""

from dataclasses import dataclass
from datetime import date, datetime

from lookout.events import Category, Response
from sqlalchemy import Connection, RowMapping, select, update

from lookout_console.actions.archives import LARGEST_FILE
from lookout_console.actions.desk import Actor, Desk
from lookout_console.actions.imports import Imports, Job
from lookout_console.actions.listed import check_composable, mark, opened
from lookout_console.actions.listing import withdrawal_of
from lookout_console.actions.ports import NewExaminer
from lookout_console.domain.errors import BadInputError, UnknownError, WrongStateError
from lookout_console.domain.roles import Permission, allowed
from lookout_console.domain.watchlists import Said, list_hash
from lookout_console.store.tables import collisions, deployments, entries, ledger

__all__ = ["LARGEST_FILE", "Entry", "Job", "Overview", "Watchlists"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A person on a list. ``said`` is None where the reader may not know names, or the key is gone."""

    entry_id: str
    category: Category
    response: Response
    blue: bool
    needs_authority: bool
    withdrawn_at: datetime | None
    reference: str
    said: Said | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A list as it would be signed."""

    count: int
    blue: int
    needing_authority: int
    hash_now: str
    frozen_hash: str
    signed_hash: str
    added: int
    dropped: int
    kept: int
    collisions: tuple[tuple[str, str], ...]


class Watchlists:
    """The actions on watchlists."""

    def __init__(self, desk: Desk, new_examiner: NewExaminer) -> None:
        self._desk = desk
        self._imports = Imports(desk, new_examiner)

    def begin_import(self, actor: Actor, deployment_id: str, file: str, archive: bytes) -> str:
        """See `Imports.begin`."""
        return self._imports.begin(actor, deployment_id, file, archive)

    def run_import(self, import_id: str, archive: bytes) -> None:
        """See `Imports.run`."""
        self._imports.run(import_id, archive)

    def job(self, import_id: str) -> Job:
        """See `Imports.job`."""
        return self._imports.job(import_id)

    def jobs(self, deployment_id: str) -> tuple[Job, ...]:
        """See `Imports.jobs`."""
        return self._imports.jobs(deployment_id)

    def freeze(self, actor: Actor, deployment_id: str) -> str:
        """Fix the composition; its hash, which the authorising officer signs."""
        desk = self._desk
        desk.require(actor, Permission.COMPOSE_WATCHLIST)
        with desk.store.transaction() as connection:
            check_composable(connection, deployment_id)
            found = self._hash(connection, deployment_id)
            if not found:
                raise WrongStateError("Nobody is on the list.")
            connection.execute(
                update(deployments)
                .where(deployments.c.deployment_id == deployment_id)
                .values(frozen_hash=found, frozen_by=actor.account_id)
            )
            desk.record(connection, actor, "watchlist.freeze", found, deployment_id=deployment_id)
        desk.changed("deployment", deployment_id, deployment_id)
        return found

    def withdraw(self, actor: Actor, deployment_id: str, entry_id: str, reason: str) -> None:
        """Take a person off the list, at any time; it voids no authority, for it only lessens it.

        Raises:
            BadInputError: without a reason.
            UnknownError: not on this list, or withdrawn already.
        """
        desk = self._desk
        desk.require(actor, Permission.WITHDRAW_ENTRY)
        if not reason.strip():
            raise BadInputError("A reason is needed: it is recorded with your name.")
        with desk.store.transaction() as connection:
            changed = connection.execute(
                update(entries)
                .where(
                    entries.c.entry_id == entry_id,
                    entries.c.deployment_id == deployment_id,
                    entries.c.withdrawn_at.is_(None),
                )
                .values(withdrawn_at=desk.clock())
            )
            if changed.rowcount != 1:
                raise UnknownError("This person is not on the list, or no longer.")
            kept = f"{reason} (list now {self._hash_in_force(connection, deployment_id)})"
            desk.record(
                connection, actor, "watchlist.withdraw", entry_id, kept, deployment_id=deployment_id
            )
            row = (
                connection.execute(select(entries).where(entries.c.entry_id == entry_id))
                .mappings()
                .one()
            )
            if row["published"]:
                # Before the commit: nobody is matched any more, whatever becomes of the record of it.
                desk.control.publish(withdrawal_of(row, desk.clock()))
        desk.changed("deployment", deployment_id, deployment_id)

    def entries(self, actor: Actor, deployment_id: str) -> tuple[Entry, ...]:
        """Everybody on the list; names only for who may see them. Recorded as a consultation."""
        desk = self._desk
        desk.require(actor, Permission.SEE_WATCHLIST)
        named = allowed(actor.roles, Permission.SEE_NAMES)
        with desk.store.transaction() as connection:
            desk.record(
                connection,
                actor,
                "watchlist.view",
                deployment_id,
                "with names" if named else "without names",
                deployment_id=deployment_id,
            )
        with desk.store.look() as connection:
            rows = connection.execute(
                select(entries).where(entries.c.deployment_id == deployment_id)
            ).mappings()
            found = [self._entry_of(row, named=named) for row in rows]
        return tuple(sorted(found, key=lambda entry: entry.reference))

    def overview(self, deployment_id: str) -> Overview:
        """The list as it would be signed, and against the list of the deployment before."""
        with self._desk.store.look() as connection:
            rows = (
                connection.execute(select(entries).where(entries.c.deployment_id == deployment_id))
                .mappings()
                .all()
            )
            known = (
                connection.execute(
                    select(deployments).where(deployments.c.deployment_id == deployment_id)
                )
                .mappings()
                .one_or_none()
            )
            if known is None:
                raise UnknownError("There is no such deployment.")
            alike = connection.execute(
                select(collisions.c.first, collisions.c.second).where(
                    collisions.c.deployment_id == deployment_id
                )
            ).all()
            now, last = self._against_last(connection, deployment_id, known["made_at"])
        return Overview(
            count=len(rows),
            blue=sum(row["blue"] for row in rows),
            needing_authority=sum(row["needs_authority"] for row in rows),
            hash_now=list_hash(row["content"] for row in rows) if rows else "",
            frozen_hash=known["frozen_hash"],
            signed_hash=known["signed_hash"],
            added=len(now - last),
            dropped=len(last - now),
            kept=len(now & last),
            collisions=tuple((pair[0], pair[1]) for pair in alike),
        )

    def person(self, deployment_id: str, entry_id: str) -> tuple[Said, bytes] | None:
        """What is said of a person and their picture; None once it is purged."""
        with self._desk.store.look() as connection:
            sealed = connection.execute(
                select(entries.c.sealed).where(
                    entries.c.entry_id == entry_id, entries.c.deployment_id == deployment_id
                )
            ).scalar_one_or_none()
        return None if sealed is None else opened(self._desk, deployment_id, entry_id, sealed)

    def asked(self, actor: Actor, reference: str, reason: str) -> tuple[tuple[str, str, date], ...]:
        """Was this person on a list: deployment, category and day of each. Recorded without the reference."""
        desk = self._desk
        desk.require(actor, Permission.ASK_MEMBERSHIP)
        if not reason.strip():
            raise BadInputError("A reason is needed: it is recorded with your name.")
        who = mark(desk, reference)
        with desk.store.transaction() as connection:
            desk.record(connection, actor, "membership.ask", who[:16], reason)
            rows = connection.execute(
                select(ledger).where(ledger.c.who == who).order_by(ledger.c.listed_at)
            ).mappings()
            return tuple(
                (row["deployment_id"], row["category"], row["listed_at"].date()) for row in rows
            )

    def _entry_of(self, row: RowMapping, *, named: bool) -> Entry:
        found = opened(self._desk, row["deployment_id"], row["entry_id"], row["sealed"])
        said = None if found is None else found[0]
        return Entry(
            entry_id=row["entry_id"],
            category=Category(row["category"]),
            response=Response(row["response"]),
            blue=row["blue"],
            needs_authority=row["needs_authority"],
            withdrawn_at=row["withdrawn_at"],
            reference="" if said is None else said.reference,
            said=said if named else None,
        )

    @staticmethod
    def _hash(connection: Connection, deployment_id: str) -> str:
        lines = (
            connection.execute(
                select(entries.c.content).where(entries.c.deployment_id == deployment_id)
            )
            .scalars()
            .all()
        )
        return list_hash(lines) if lines else ""

    @staticmethod
    def _hash_in_force(connection: Connection, deployment_id: str) -> str:
        """The hash without those who were withdrawn: logged, and compared with nothing."""
        lines = connection.execute(
            select(entries.c.content).where(
                entries.c.deployment_id == deployment_id, entries.c.withdrawn_at.is_(None)
            )
        ).scalars()
        return list_hash(lines)

    @staticmethod
    def _against_last(
        connection: Connection, deployment_id: str, made_at: datetime
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Marks of who is on this list, and of who was on the one before."""

        def marks(of: str) -> frozenset[str]:
            return frozenset(
                connection.execute(
                    select(ledger.c.who).where(ledger.c.deployment_id == of)
                ).scalars()
            )

        before = connection.execute(
            select(deployments.c.deployment_id)
            .where(deployments.c.made_at < made_at)
            .order_by(deployments.c.made_at.desc())
            .limit(1)
        ).scalar_one_or_none()
        return marks(deployment_id), marks(before) if before else frozenset()
