"""Imports: a zip judged row by row, each row kept with its verdict at once, so that one cut off goes on where it stopped."""

import hashlib
import threading
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lookout.events import Sealed
from lookout.ids import entry_id as id_of
from sqlalchemy import Connection, delete, func, insert, select, update

from lookout_console.actions.archives import open_archive, picture_of, rows_of
from lookout_console.actions.desk import Actor, Desk
from lookout_console.actions.listed import check_composable, closed, mark, opened
from lookout_console.actions.listing import packed, unpacked
from lookout_console.actions.ports import Examined, Examiner, NewExaminer
from lookout_console.domain.errors import BadInputError, NotDoneError, UnknownError
from lookout_console.domain.roles import Permission
from lookout_console.domain.watchlists import Outcome, Said, line_of, read_row
from lookout_console.store.tables import (
    collisions,
    deployments,
    entries,
    imports,
    ledger,
    verdicts,
)

_SHOWN_VERDICTS: Final = 200


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


class Imports:
    """Begun with the whole file checked, and then run on a thread that may block."""

    def __init__(self, desk: Desk, new_examiner: NewExaminer) -> None:
        self._desk, self._new_examiner = desk, new_examiner
        self._lock = threading.Lock()
        self._running: set[str] = set()

    def begin(self, actor: Actor, deployment_id: str, file: str, archive: bytes) -> str:
        """Check the file as a whole and make an import of it; its id. `run` does the work.

        The same file again, while its import was cut off, gives that import: it goes on where it stopped.

        Raises:
            BadInputError: no zip, no table in it, too many rows, or something in it is not what it should be.
            WrongStateError: the deployment is live or over.
        """
        desk = self._desk
        desk.require(actor, Permission.COMPOSE_WATCHLIST)
        with open_archive(archive) as members:
            rows = sum(1 for _ in rows_of(members))
        if rows == 0:
            raise BadInputError("The table has no rows.")
        sha256 = hashlib.sha256(archive).hexdigest()
        with desk.store.transaction() as connection:
            check_composable(connection, deployment_id)
            import_id = _unfinished(connection, deployment_id, sha256)
            begun = import_id is None
            if import_id is None:
                import_id = str(uuid.uuid4())
                connection.execute(
                    insert(imports).values(
                        import_id=import_id,
                        deployment_id=deployment_id,
                        file=file[:240],
                        file_sha256=sha256,
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
                "watchlist.import" if begun else "watchlist.resume",
                import_id,
                f"{rows} rows",
                deployment_id=deployment_id,
            )
        desk.changed("import", deployment_id, import_id)
        return import_id

    def run(self, import_id: str, archive: bytes) -> None:
        """Judge every row that has no verdict yet. Blocks for the models. Running already, it does nothing.

        What is wrong with the file ends the import with a word why; what breaks leaves it unfinished, and is raised.
        """
        with self._lock:
            if import_id in self._running:
                return
            self._running.add(import_id)
        try:
            self._run(self.job(import_id), archive)
        finally:
            self._running.discard(import_id)

    def job(self, import_id: str) -> Job:
        """An import as it stands. Raises `UnknownError`."""
        mine = verdicts.c.import_id == import_id
        with self._desk.store.look() as connection:
            row = (
                connection.execute(select(imports).where(imports.c.import_id == import_id))
                .mappings()
                .one_or_none()
            )
            if row is None:
                raise UnknownError("There is no such import.")
            counts = connection.execute(
                select(verdicts.c.outcome, func.count()).where(mine).group_by(verdicts.c.outcome)
            ).all()
            found = connection.execute(
                select(verdicts).where(mine).order_by(verdicts.c.row.desc()).limit(_SHOWN_VERDICTS)
            ).mappings()
            judged = [
                RowVerdict(
                    row=one["row"],
                    reference=one["reference"],
                    outcome=Outcome(one["outcome"]),
                    why=one["why"],
                )
                for one in found
            ]
        counted = {Outcome(outcome): count for outcome, count in counts}
        return Job(
            import_id=import_id,
            deployment_id=row["deployment_id"],
            file=row["file"],
            rows=row["rows"],
            done=row["done"],
            trouble=row["trouble"],
            ended=row["ended_at"] is not None,
            counts={kind: counted.get(kind, 0) for kind in Outcome},
            verdicts=tuple(judged),
        )

    def jobs(self, deployment_id: str) -> tuple[Job, ...]:
        """The imports of a deployment, the newest first."""
        wanted = (
            select(imports.c.import_id)
            .where(imports.c.deployment_id == deployment_id)
            .order_by(imports.c.begun_at.desc())
        )
        with self._desk.store.look() as connection:
            ids = connection.execute(wanted).scalars().all()
        return tuple(self.job(import_id) for import_id in ids)

    def _run(self, job: Job, archive: bytes) -> None:
        examiner = self._new_examiner(job.deployment_id, self._known(job.deployment_id))
        trouble = ""
        try:
            with open_archive(archive) as members:
                pictures = {name.filename: name for name in members.infolist()}
                for number, row in enumerate(rows_of(members), start=1):
                    if number > job.done:
                        self._take(job, number, row, members, pictures, examiner)
        except NotDoneError as error:
            trouble = str(error)
        self._ended(job, trouble)

    def _ended(self, job: Job, trouble: str) -> None:
        desk = self._desk
        with desk.store.transaction() as connection:
            connection.execute(
                update(imports)
                .where(imports.c.import_id == job.import_id)
                .values(ended_at=desk.clock(), trouble=trouble)
            )
            desk.audit.record(
                connection,
                actor="import",
                action="watchlist.imported",
                subject=job.import_id,
                reason=trouble or "every row has its verdict",
                deployment_id=job.deployment_id,
            )
        desk.changed("import", job.deployment_id, job.import_id)

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
            examined = examiner.examine(said.reference, picture_of(members, pictures, said.picture))
            _check(examined)
            values = self._entry_values(job.deployment_id, said, examined)
            alike = examined.collides_with
            reasons = (*warnings, *examined.warnings)
            outcome, why = (Outcome.WARNING if reasons else Outcome.ACCEPTED), "; ".join(reasons)
        except BadInputError as refused:
            outcome, why = Outcome.REFUSED, str(refused)
        with desk.store.transaction() as connection:
            check_composable(connection, job.deployment_id)
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

    def _entry_values(self, deployment_id: str, said: Said, examined: Examined) -> dict[str, Any]:
        entry_id = id_of(deployment_id, said.reference)
        return {
            "entry_id": entry_id,
            "deployment_id": deployment_id,
            "category": said.category,
            "response": said.response,
            "blue": said.blue,
            "needs_authority": said.needs_authority,
            "content": line_of(entry_id, said, examined.portrait_jpeg),
            "pack_sha256": examined.pack_sha256,
            "templates": packed(examined.templates),
            "published": False,
            "sealed": closed(self._desk, deployment_id, entry_id, said, examined.portrait_jpeg),
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
        connection.execute(delete(entries).where(entries.c.entry_id == values["entry_id"]))
        connection.execute(insert(entries).values(withdrawn_at=None, **values))
        connection.execute(
            update(deployments)
            .where(deployments.c.deployment_id == deployment_id)
            .values(frozen_hash="")
        )
        for other in alike:
            _note_alike(connection, deployment_id, *sorted((reference, other)))
        who = mark(self._desk, reference)
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

    def _known(self, deployment_id: str) -> Mapping[str, tuple[Sealed, ...]]:
        with self._desk.store.look() as connection:
            rows = (
                connection.execute(select(entries).where(entries.c.deployment_id == deployment_id))
                .mappings()
                .all()
            )
        known = {}
        for row in rows:
            person = opened(self._desk, deployment_id, row["entry_id"], row["sealed"])
            if person is not None:
                known[person[0].reference] = unpacked(deployment_id, row["templates"])
        return known


def _check(examined: Examined) -> None:
    if examined.refusal:
        raise BadInputError(examined.refusal)


def _unfinished(connection: Connection, deployment_id: str, sha256: str) -> str | None:
    wanted = select(imports.c.import_id).where(
        imports.c.deployment_id == deployment_id,
        imports.c.file_sha256 == sha256,
        imports.c.ended_at.is_(None),
    )
    found: str | None = connection.execute(wanted.limit(1)).scalar_one_or_none()
    return found


def _note_alike(connection: Connection, deployment_id: str, first: str, second: str) -> None:
    pair = (
        collisions.c.deployment_id == deployment_id,
        collisions.c.first == first,
        collisions.c.second == second,
    )
    if connection.execute(select(collisions).where(*pair)).first() is None:
        connection.execute(
            insert(collisions).values(deployment_id=deployment_id, first=first, second=second)
        )
