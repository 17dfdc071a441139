"""Watchlists: imported row by row with a verdict each, compared with the last, frozen by hash, withdrawn from."""

import csv
import dataclasses
import hmac
import io
import json
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from lookout.events import Category, Response
from lookout.ids import entry_id as id_of
from lookout.sealing.ports import KeyGoneError
from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from lookout_console.actions.desk import Actor, Desk
from lookout_console.actions.ports import Examiner, NewExaminer
from lookout_console.domain.deployments import Stage
from lookout_console.domain.errors import BadInputError, UnknownError, WrongStateError
from lookout_console.domain.roles import Permission, allowed
from lookout_console.domain.watchlists import (
    COLUMNS,
    MOST_ROWS,
    Outcome,
    Said,
    line_of,
    list_hash,
    read_row,
)
from lookout_console.store.tables import collisions, deployments, entries, imports, ledger, verdicts

LARGEST_FILE: Final = 256 * 1024 * 1024
_LARGEST_PICTURE: Final = 8 * 1024 * 1024
_LARGEST_TABLE: Final = 16 * 1024 * 1024
_MOST_MEMBERS: Final = MOST_ROWS * 2 + 10
_SHOWN_VERDICTS: Final = 200
_OPEN: Final = (Stage.DRAFT, Stage.APPLIED, Stage.AUTHORISED, Stage.STOPPED)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RowVerdict:
    """What became of one row."""

    row: int
    reference: str
    outcome: Outcome
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An import, under way or done. ``verdicts`` are the last two hundred, the newest first."""

    import_id: str
    deployment_id: str
    file: str
    rows: int
    done: int
    trouble: str
    ended: bool
    counts: Mapping[Outcome, int]
    verdicts: tuple[RowVerdict, ...]


class Watchlists:
    """The actions on watchlists."""

    def __init__(self, desk: Desk, new_examiner: NewExaminer) -> None:
        self._desk, self._new_examiner = desk, new_examiner

    def begin_import(self, actor: Actor, deployment_id: str, file: str, archive: bytes) -> str:
        """Check the file as a whole and make an import of it; its id. `run_import` does the work.

        Raises:
            BadInputError: no zip, no table in it, too many rows, or something in it is not what it should be.
            WrongStateError: the deployment is live or over.
        """
        desk = self._desk
        desk.require(actor, Permission.COMPOSE_WATCHLIST)
        with _opened(archive) as members:
            rows = sum(1 for _ in _rows(members))
        if rows == 0:
            raise BadInputError("The table has no rows.")
        import_id = str(uuid.uuid4())
        with desk.store.transaction() as connection:
            self._composable(connection, deployment_id)
            connection.execute(
                insert(imports).values(
                    import_id=import_id,
                    deployment_id=deployment_id,
                    file=file[:240],
                    rows=rows,
                    done=0,
                    trouble="",
                    by=actor.account_id,
                    begun_at=desk.clock(),
                )
            )
            desk.record(
                connection,
                actor,
                "watchlist.import",
                import_id,
                f"{rows} rows",
                deployment_id=deployment_id,
            )
        desk.changed("import", deployment_id, import_id)
        return import_id

    def run_import(self, import_id: str, archive: bytes) -> None:
        """Judge every row that has no verdict yet; each is kept with its verdict at once. Blocks for the models.

        An import that was cut off goes on where it stopped when it is run again. What fails ends it with a word why.
        """
        desk = self._desk
        job = self.job(import_id)
        examiner = self._new_examiner(job.deployment_id, self._references(job.deployment_id))
        trouble = ""
        try:
            with _opened(archive) as members:
                pictures = {name.filename: name for name in members.infolist()}
                for number, row in enumerate(_rows(members), start=1):
                    if number > job.done:
                        self._take(job, number, row, members, pictures, examiner)
        except BadInputError as error:
            trouble = str(error)
        finally:
            with desk.store.transaction() as connection:
                connection.execute(
                    update(imports)
                    .where(imports.c.import_id == import_id)
                    .values(ended_at=desk.clock(), trouble=trouble)
                )
            desk.changed("import", job.deployment_id, import_id)

    def freeze(self, actor: Actor, deployment_id: str) -> str:
        """Fix the composition; its hash, which the authorising officer signs."""
        desk = self._desk
        desk.require(actor, Permission.COMPOSE_WATCHLIST)
        with desk.store.transaction() as connection:
            self._composable(connection, deployment_id)
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
            kept = f"{reason} (list {self._hash(connection, deployment_id)[:16]})"
            desk.record(
                connection, actor, "watchlist.withdraw", entry_id, kept, deployment_id=deployment_id
            )
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

    def job(self, import_id: str) -> Job:
        """An import as it stands. Raises `UnknownError`."""
        with self._desk.store.look() as connection:
            row = (
                connection.execute(select(imports).where(imports.c.import_id == import_id))
                .mappings()
                .one_or_none()
            )
            if row is None:
                raise UnknownError("There is no such import.")
            found = (
                connection.execute(
                    select(verdicts)
                    .where(verdicts.c.import_id == import_id)
                    .order_by(verdicts.c.row.desc())
                )
                .mappings()
                .all()
            )
        judged = [
            RowVerdict(
                row=one["row"],
                reference=one["reference"],
                outcome=Outcome(one["outcome"]),
                why=one["why"],
            )
            for one in found
        ]
        return Job(
            import_id=import_id,
            deployment_id=row["deployment_id"],
            file=row["file"],
            rows=row["rows"],
            done=row["done"],
            trouble=row["trouble"],
            ended=row["ended_at"] is not None,
            counts={kind: sum(one.outcome is kind for one in judged) for kind in Outcome},
            verdicts=tuple(judged[:_SHOWN_VERDICTS]),
        )

    def jobs(self, deployment_id: str) -> tuple[Job, ...]:
        """The imports of a deployment, the newest first."""
        with self._desk.store.look() as connection:
            ids = (
                connection.execute(
                    select(imports.c.import_id)
                    .where(imports.c.deployment_id == deployment_id)
                    .order_by(imports.c.begun_at.desc())
                )
                .scalars()
                .all()
            )
        return tuple(self.job(import_id) for import_id in ids)

    def person(self, deployment_id: str, entry_id: str) -> tuple[Said, bytes] | None:
        """What is said of a person and their picture; None once it is purged."""
        with self._desk.store.look() as connection:
            sealed = connection.execute(
                select(entries.c.sealed).where(
                    entries.c.entry_id == entry_id, entries.c.deployment_id == deployment_id
                )
            ).scalar_one_or_none()
        return None if sealed is None else self._opened(deployment_id, entry_id, sealed)

    def _take(
        self,
        job: Job,
        number: int,
        row: Mapping[str, str],
        members: zipfile.ZipFile,
        pictures: Mapping[str, zipfile.ZipInfo],
        examiner: Examiner,
    ) -> None:
        desk = self._desk
        reference = " ".join((row.get("reference") or "").split())[:120]
        values: dict[str, Any] | None = None
        alike: tuple[str, ...] = ()
        try:
            said, warnings = read_row(row, desk.clock().date())
            picture = _picture(members, pictures, said.picture)
            examined = examiner.examine(said.reference, picture)
            if examined.refusal:
                raise BadInputError(examined.refusal)
            values = self._entry_values(job.deployment_id, said, examined.portrait_jpeg)
            alike = examined.collides_with
            reasons = (*warnings, *examined.warnings)
            outcome, why = (Outcome.WARNING if reasons else Outcome.ACCEPTED), "; ".join(reasons)
        except BadInputError as refused:
            outcome, why = Outcome.REFUSED, str(refused)
        with desk.store.transaction() as connection:
            if values is not None:
                self._enter(connection, job.deployment_id, reference, values, alike)
            connection.execute(
                insert(verdicts).values(
                    import_id=job.import_id,
                    row=number,
                    reference=reference,
                    outcome=outcome,
                    why=why,
                )
            )
            connection.execute(
                update(imports).where(imports.c.import_id == job.import_id).values(done=number)
            )
        desk.changed("import", job.deployment_id, job.import_id)

    def _entry_values(self, deployment_id: str, said: Said, portrait: bytes) -> dict[str, Any]:
        entry_id = id_of(deployment_id, said.reference)
        facts = dataclasses.asdict(said) | {"image_date": said.image_date.isoformat()}
        head = json.dumps(facts).encode()
        return {
            "entry_id": entry_id,
            "deployment_id": deployment_id,
            "category": said.category,
            "response": said.response,
            "blue": said.blue,
            "needs_authority": said.needs_authority,
            "content": line_of(entry_id, said, portrait),
            "sealed": self._desk.seal(
                f"people/{deployment_id}",
                len(head).to_bytes(4, "big") + head + portrait,
                what="person",
                whose=entry_id,
            ),
        }

    def _enter(
        self,
        connection: Connection,
        deployment_id: str,
        reference: str,
        values: dict[str, Any],
        alike: tuple[str, ...],
    ) -> None:
        """The entry replaces one of the same reference; any authority over the list before is void by its hash."""
        self._composable(connection, deployment_id)
        connection.execute(delete(entries).where(entries.c.entry_id == values["entry_id"]))
        connection.execute(insert(entries).values(withdrawn_at=None, **values))
        connection.execute(
            update(deployments)
            .where(deployments.c.deployment_id == deployment_id)
            .values(frozen_hash="")
        )
        for other in alike:
            first, second = sorted((reference, other))
            pair = (
                collisions.c.deployment_id == deployment_id,
                collisions.c.first == first,
                collisions.c.second == second,
            )
            if connection.execute(select(collisions).where(*pair)).first() is None:
                connection.execute(
                    insert(collisions).values(
                        deployment_id=deployment_id, first=first, second=second
                    )
                )
        who = self.mark(reference)
        gone = (ledger.c.who == who, ledger.c.deployment_id == deployment_id)
        connection.execute(delete(ledger).where(*gone))
        connection.execute(
            insert(ledger).values(
                who=who,
                deployment_id=deployment_id,
                category=values["category"],
                basis="",
                listed_at=self._desk.clock(),
            )
        )

    def mark(self, reference: str) -> str:
        """What the ledger keeps of a person: a keyed hash of the reference, so that it can be asked and not read."""
        key = self._desk.vault.get_or_create("ledger/membership").secret
        return hmac.new(key, reference.strip().casefold().encode(), "sha256").hexdigest()

    def asked(self, actor: Actor, reference: str, reason: str) -> tuple[tuple[str, str, date], ...]:
        """Was this person on a list: deployment, category and day of each. Recorded without the reference."""
        desk = self._desk
        desk.require(actor, Permission.ASK_MEMBERSHIP)
        if not reason.strip():
            raise BadInputError("A reason is needed: it is recorded with your name.")
        who = self.mark(reference)
        with desk.store.transaction() as connection:
            desk.record(connection, actor, "membership.ask", who[:16], reason)
            rows = connection.execute(
                select(ledger).where(ledger.c.who == who).order_by(ledger.c.listed_at)
            ).mappings()
            return tuple(
                (row["deployment_id"], row["category"], row["listed_at"].date()) for row in rows
            )

    def _entry_of(self, row: RowMapping, *, named: bool) -> Entry:
        found = self._opened(row["deployment_id"], row["entry_id"], row["sealed"])
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

    def _opened(
        self, deployment_id: str, entry_id: str, sealed: bytes
    ) -> tuple[Said, bytes] | None:
        try:
            plain = self._desk.open(
                f"people/{deployment_id}", sealed, what="person", whose=entry_id
            )
        except KeyGoneError:
            return None
        size = int.from_bytes(plain[:4], "big")
        facts = json.loads(plain[4 : 4 + size])
        facts |= {
            "category": Category(facts["category"]),
            "response": Response(facts["response"]),
            "image_date": date.fromisoformat(facts["image_date"]),
        }
        return Said(**facts), plain[4 + size :]

    def _references(self, deployment_id: str) -> tuple[str, ...]:
        with self._desk.store.look() as connection:
            rows = connection.execute(
                select(entries).where(entries.c.deployment_id == deployment_id)
            ).mappings()
            return tuple(self._entry_of(row, named=False).reference for row in rows)

    @staticmethod
    def _composable(connection: Connection, deployment_id: str) -> None:
        stage = connection.execute(
            select(deployments.c.stage).where(deployments.c.deployment_id == deployment_id)
        ).scalar_one_or_none()
        if stage is None:
            raise UnknownError("There is no such deployment.")
        if Stage(stage) not in _OPEN:
            raise WrongStateError(
                f"The deployment is {stage}: its list cannot be added to. Withdrawing is always possible."
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


def _opened(archive: bytes) -> zipfile.ZipFile:
    try:
        members = zipfile.ZipFile(io.BytesIO(archive))
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise BadInputError("This is not a zip file.") from None
    found = members.infolist()
    if len(found) > _MOST_MEMBERS:
        raise BadInputError(f"The zip holds {len(found)} files: at most {_MOST_MEMBERS}.")
    for one in found:
        parts = one.filename.replace("\\", "/").split("/")
        if one.filename.startswith("/") or ".." in parts or ":" in one.filename:
            raise BadInputError("The zip names a path outside itself: nothing of it was read.")
        if one.flag_bits & 1:
            raise BadInputError("The zip is encrypted: send it without a password.")
    return members


def _rows(members: zipfile.ZipFile) -> Iterator[dict[str, str]]:
    tables = [one for one in members.infolist() if one.filename.lower().endswith(".csv")]
    if len(tables) != 1:
        raise BadInputError(f"The zip holds {len(tables)} CSV files: exactly one is wanted.")
    text = _bytes_of(members, tables[0], _LARGEST_TABLE)
    try:
        reader = csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline=""), strict=True)
        lacking = [name for name in COLUMNS[:10] if name not in (reader.fieldnames or ())]
        if lacking:
            raise BadInputError(f"The table lacks these columns: {', '.join(lacking)}.")
        for number, row in enumerate(reader, start=1):
            if number > MOST_ROWS:
                raise BadInputError(f"The table has more than {MOST_ROWS:,} rows.")
            yield {name: value for name, value in row.items() if isinstance(value, str) and name}
    except (csv.Error, UnicodeDecodeError):
        raise BadInputError("The table cannot be read: save it as CSV in UTF-8.") from None


def _picture(members: zipfile.ZipFile, pictures: Mapping[str, zipfile.ZipInfo], name: str) -> bytes:
    found = pictures.get(name)
    if found is None:
        raise BadInputError("the zip holds no picture of that name")
    return _bytes_of(members, found, _LARGEST_PICTURE)


def _bytes_of(members: zipfile.ZipFile, one: zipfile.ZipInfo, most: int) -> bytes:
    """Read no more than is allowed, whatever the zip says of the size: a bomb is cut off, not unpacked."""
    try:
        with members.open(one) as stream:
            data = stream.read(most + 1)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError):
        raise BadInputError("a file in the zip is damaged") from None
    if len(data) > most:
        raise BadInputError(f"a file in the zip is larger than {most // 1024 // 1024} MiB")
    return data
