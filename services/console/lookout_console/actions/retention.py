"""What is forgotten when its time is over, and what is held back, with whose reason."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lookout.events import PurgeCertificate
from lookout.sealing.ports import KeyGoneError
from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from lookout_console.actions.desk import Actor, Desk
from lookout_console.domain.errors import (
    BadInputError,
    ConflictError,
    UnknownError,
    WrongStateError,
)
from lookout_console.domain.retention import PEOPLE_PURGED_AFTER, hold_key, runs_out
from lookout_console.domain.roles import Permission
from lookout_console.store.tables import (
    alerts,
    certificates,
    collisions,
    deployments,
    entries,
    handsets,
    imports,
    messages,
    verdicts,
)

CLOCK: Final = "retention"
_HOLD: Final = hold_key("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The keeper's word on the purge of a deployment, as far as the record needs it."""

    deployment_id: str
    revision: int
    state: str
    purged_at: datetime
    entries: int
    keys_issued: int
    keys_held: int
    missing: tuple[str, ...]
    signer: str


class Retention:
    """Legal holds, and the turn of the clock that forgets."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def hold(self, actor: Actor, alert_id: str, reason: str) -> None:
        """Hold the evidence of an alert back from its end: it is sealed anew under a key of its own.

        Raises:
            BadInputError: without a reason.
            ConflictError: it is held already.
            WrongStateError: its evidence is gone.
        """
        desk = self._begun(actor, reason)
        with desk.store.transaction() as connection:
            row = _row(connection, alert_id)
            if row["held_by"]:
                raise ConflictError("This evidence is held already.")
            picture = self._picture(row)
            key = hold_key(alert_id)
            sealed = desk.seal(key, picture, what="seen", whose=alert_id)
            _set(
                connection,
                alert_id,
                sealed=sealed,
                sealed_under=key,
                held_by=actor.account_id,
                held_reason=reason,
            )
            self._record(connection, actor.account_id, "evidence.hold", row, reason)
        desk.changed("alert", row["deployment_id"], alert_id)

    def release(self, actor: Actor, alert_id: str, reason: str) -> None:
        """End a hold: the evidence's time is over, so it is erased at once.

        Raises:
            BadInputError: without a reason.
            WrongStateError: it is not held.
        """
        desk = self._begun(actor, reason)
        with desk.store.transaction() as connection:
            row = _row(connection, alert_id)
            if not row["held_by"]:
                raise WrongStateError("This evidence is not held.")
            _set(connection, alert_id, sealed=None, sealed_under="", held_by="", held_reason="")
            self._record(connection, actor.account_id, "evidence.release", row, reason)
            desk.vault.destroy(hold_key(alert_id))
        desk.changed("alert", row["deployment_id"], alert_id)

    def turn(self) -> None:
        """Forget what is due by now. Called every minute or so; what fails is due the next time again."""
        now = self._desk.clock()
        self._people_due(now)
        self._evidence_due(now)

    def certified(self, certificate: PurgeCertificate) -> None:
        """Keep the keeper's certificate of a purge. Again, it changes nothing."""
        desk, mine = self._desk, certificates.c.deployment_id == certificate.deployment_id
        with desk.store.transaction() as connection:
            known = select(certificates).where(
                mine, certificates.c.revision == certificate.revision
            )
            if connection.execute(known).first() is not None:
                return
            connection.execute(
                insert(certificates).values(
                    deployment_id=certificate.deployment_id,
                    revision=certificate.revision,
                    state=certificate.state,
                    purged_at=certificate.purged_at,
                    entries=certificate.entries,
                    keys_issued=certificate.keys_issued,
                    keys_held=certificate.keys_held,
                    missing=list(certificate.missing),
                    signer=certificate.signature.signer,
                )
            )
            desk.audit.record(
                connection,
                actor=certificate.signature.signer,
                action="deployment.certified",
                subject=certificate.deployment_id,
                reason=f"revision {certificate.revision}: {certificate.state}",
                deployment_id=certificate.deployment_id,
            )
        desk.changed("deployment", certificate.deployment_id, certificate.deployment_id)

    def certificate(self, deployment_id: str) -> Certificate | None:
        """The latest certificate of a deployment's purge, None while there is none."""
        wanted = (
            select(certificates)
            .where(certificates.c.deployment_id == deployment_id)
            .order_by(certificates.c.revision.desc())
            .limit(1)
        )
        with self._desk.store.look() as connection:
            row = connection.execute(wanted).mappings().one_or_none()
        if row is None:
            return None
        return Certificate(**dict(row) | {"missing": tuple(row["missing"])})

    def _begun(self, actor: Actor, reason: str) -> Desk:
        self._desk.require(actor, Permission.HOLD_EVIDENCE)
        if not reason.strip():
            raise BadInputError("A reason is needed: it is recorded with your name.")
        return self._desk

    def _picture(self, row: RowMapping) -> bytes:
        if row["sealed"] is not None:
            try:
                return self._desk.open(
                    row["sealed_under"], row["sealed"], what="seen", whose=row["alert_id"]
                )
            except KeyGoneError:
                pass
        raise WrongStateError("The evidence of this alert is gone: nothing can be held.")

    def _people_due(self, now: datetime) -> None:
        wanted = select(deployments.c.deployment_id).where(
            deployments.c.over_at <= now - PEOPLE_PURGED_AFTER,
            deployments.c.people_purged_at.is_(None),
        )
        with self._desk.store.look() as connection:
            due = connection.execute(wanted).scalars().all()
        for deployment_id in due:
            with self._desk.store.transaction() as connection:
                purge_people(self._desk, connection, deployment_id)
                self._desk.audit.record(
                    connection,
                    actor=CLOCK,
                    action="people.erase",
                    subject=deployment_id,
                    reason="24 hours after the deployment was over",
                    deployment_id=deployment_id,
                )
            self._desk.changed("deployment", deployment_id, deployment_id)

    def _evidence_due(self, now: datetime) -> None:
        wanted = (
            select(alerts.c.deployment_id, alerts.c.sealed_under)
            .where(alerts.c.sealed_under != "")
            .distinct()
        )
        with self._desk.store.look() as connection:
            kept = connection.execute(wanted).all()
        for deployment_id, key in kept:
            due = runs_out(key, deployment_id)
            if due is not None and now >= due:
                self._erase(deployment_id, key)

    def _erase(self, deployment_id: str, key: str) -> None:
        with self._desk.store.transaction() as connection:
            done = connection.execute(
                update(alerts)
                .where(alerts.c.sealed_under == key)
                .values(sealed=None, sealed_under="")
            )
            self._desk.audit.record(
                connection,
                actor=CLOCK,
                action="evidence.erase",
                subject=key,
                reason=f"{done.rowcount} alerts: their time is over",
                deployment_id=deployment_id,
            )
            self._desk.vault.destroy(key)

    def _record(
        self, connection: Connection, actor: str, action: str, row: RowMapping, reason: str
    ) -> None:
        self._desk.audit.record(
            connection,
            actor=actor,
            action=action,
            subject=row["alert_id"],
            reason=reason,
            deployment_id=row["deployment_id"],
        )


def purge_people(desk: Desk, connection: Connection, deployment_id: str) -> None:
    """Everything said of people on a list goes: rows overwritten, and the keys that sealed them destroyed."""
    for table in (entries, collisions, handsets, messages):
        connection.execute(delete(table).where(table.c.deployment_id == deployment_id))
    whose = select(imports.c.import_id).where(imports.c.deployment_id == deployment_id)
    connection.execute(delete(verdicts).where(verdicts.c.import_id.in_(whose)))
    connection.execute(
        update(deployments)
        .where(deployments.c.deployment_id == deployment_id)
        .values(people_purged_at=desk.clock())
    )
    for kind in ("people", "watchlist"):
        desk.vault.destroy(f"{kind}/{deployment_id}")


def purge_evidence(desk: Desk, connection: Connection, deployment_id: str) -> None:
    """The evidence of a deployment whose authority is void goes, but for what is held for proceedings."""
    connection.execute(
        update(alerts)
        .where(
            alerts.c.deployment_id == deployment_id,
            alerts.c.sealed_under.not_like(f"{_HOLD}%"),
        )
        .values(sealed=None, sealed_under="")
    )
    for name in desk.vault.names():
        if runs_out(name, deployment_id) is not None:
            desk.vault.destroy(name)


def _row(connection: Connection, alert_id: str) -> RowMapping:
    wanted = select(alerts).where(alerts.c.alert_id == alert_id).with_for_update()
    row = connection.execute(wanted).mappings().one_or_none()
    if row is None:
        raise UnknownError("There is no such alert.")
    return row


def _set(connection: Connection, alert_id: str, **values: object) -> None:
    connection.execute(update(alerts).where(alerts.c.alert_id == alert_id).values(**values))
