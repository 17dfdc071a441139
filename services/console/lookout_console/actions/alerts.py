"""Alerts: taken in, claimed, looked at by one or two people blind to each other, met, and their outcome recorded."""

from collections.abc import Sequence
from typing import Final

from lookout.events import Alert, Decision, DecisionKind
from lookout.ids import decision_id
from lookout.sealing.ports import KeyGoneError
from sqlalchemy import Connection, RowMapping, insert, select, update

from lookout_console.actions.desk import Actor, Desk
from lookout_console.actions.intake import take_in
from lookout_console.actions.outbox import Outbox
from lookout_console.actions.raised import Raised, all_of, raised_of, row_of
from lookout_console.actions.watchlists import Watchlists
from lookout_console.domain.alerts import (
    Adjudication,
    Disposal,
    EnvironmentFactor,
    HandsetAnswer,
    IdentityBy,
    Planted,
    SubjectFactor,
    SystemFactor,
    Truth,
    Verdict,
    Verification,
    check_answer,
    check_outcome,
    check_verification,
    taken_in,
)
from lookout_console.domain.errors import (
    BadInputError,
    ConflictError,
    UnknownError,
    WrongStateError,
)
from lookout_console.domain.roles import Permission
from lookout_console.store.tables import (
    alerts,
    deliveries,
    engagements,
    outcomes,
    verifications,
)

LONGEST_STOP_MINUTES: Final = 24 * 60


__all__ = ["Alerts", "Raised"]


class Alerts:
    """The actions on alerts."""

    def __init__(self, desk: Desk, watchlists: Watchlists) -> None:
        self._desk, self._watchlists = desk, watchlists
        self.outbox = Outbox(desk)

    def take(self, alert: Alert, picture_jpeg: bytes | None, *, test: bool = False) -> bool:
        """Keep an alert that came in; whether it is new. Repeating it changes nothing.

        Raises:
            UnknownError: of a deployment that this console does not know.
        """
        return take_in(self._desk, alert, picture_jpeg, test=test)

    def claim(self, actor: Actor, alert_id: str) -> None:
        """Say that one has this alert. Of two at once, one has it and the other is told who.

        Raises:
            ConflictError: somebody else has it.
        """
        desk = self._desk
        desk.require(actor, Permission.ADJUDICATE)
        with desk.store.transaction() as connection:
            changed = connection.execute(
                update(alerts)
                .where(alerts.c.alert_id == alert_id, alerts.c.claimed_by.is_(None))
                .values(
                    claimed_by=actor.account_id,
                    claimed_shown=actor.shown[:240],
                    claimed_at=desk.clock(),
                )
            )
            row = row_of(connection, alert_id)
            if changed.rowcount != 1 and row["claimed_by"] != actor.account_id:
                raise ConflictError(f"{row['claimed_shown']} has this one already.")
            if changed.rowcount == 1:
                self._record(connection, actor, "alert.claim", row, "")
        desk.changed("alert", row["deployment_id"], alert_id)

    def verify(
        self,
        actor: Actor,
        alert_id: str,
        *,
        verdict: Verdict,
        subject: Sequence[SubjectFactor],
        system: Sequence[SystemFactor],
        environment: Sequence[EnvironmentFactor],
        reason: str,
    ) -> Adjudication:
        """One person's decision, and what all decisions so far come to.

        Raises:
            NotAllowedError, ConflictError, WrongStateError, BadInputError: see `check_verification`.
        """
        desk = self._desk
        desk.require(actor, Permission.ADJUDICATE)
        new = Verification(
            by=actor.account_id,
            verdict=verdict,
            subject=tuple(subject),
            system=tuple(system),
            environment=tuple(environment),
            reason=reason.strip(),
            at=desk.clock(),
        )
        with desk.store.transaction() as connection:
            raised = raised_of(desk, connection, row_of(connection, alert_id, lock=True))
            check_verification(
                new, [done.by for done in raised.verifications], standing=raised.adjudication
            )
            factors = {"subject": subject, "system": system, "environment": environment}
            connection.execute(
                insert(verifications).values(
                    alert_id=alert_id,
                    by=new.by,
                    verdict=verdict,
                    factors={
                        name: [str(one) for one in ticked] for name, ticked in factors.items()
                    },
                    reason=new.reason,
                    at=new.at,
                )
            )
            row = row_of(connection, alert_id)
            now = raised_of(self._desk, connection, row).adjudication
            self._record(connection, actor, "alert.verify", row, f"{verdict}: {new.reason}")
            self._decided(
                connection,
                actor,
                row,
                DecisionKind.ADJUDICATION,
                actor.account_id,
                f"{verdict}/{now}",
                new.reason,
            )
        self.outbox.send_now()
        desk.changed("alert", raised.deployment_id, alert_id)
        return now

    def engage(
        self,
        actor: Actor,
        alert_id: str,
        *,
        truth: Truth,
        identity_by: IdentityBy | None,
        minutes: int | None,
        reason: str,
    ) -> None:
        """Record what is known after the person was met.

        Raises:
            WrongStateError: the adjudication is not viable.
            ConflictError: recorded already.
            BadInputError: without a reason, or how identity was established where it was.
        """
        desk = self._desk
        desk.require(actor, Permission.ENGAGE)
        established = truth in (Truth.CONFIRMED_TRUE, Truth.CONFIRMED_FALSE)
        if established and identity_by is None:
            raise BadInputError("Say how identity was established.")
        if minutes is not None and not 0 <= minutes <= LONGEST_STOP_MINUTES:
            raise BadInputError("Minutes of the stop: 0 to 1440.")
        if not reason.strip():
            raise BadInputError("Say what happened.")
        with desk.store.transaction() as connection:
            raised = raised_of(desk, connection, row_of(connection, alert_id, lock=True))
            _check_real(raised)
            check_outcome(raised.adjudication, truth, None)
            if raised.engagement is not None:
                raise ConflictError("This was recorded already.")
            connection.execute(
                insert(engagements).values(
                    alert_id=alert_id,
                    truth=truth,
                    identity_by=identity_by or "",
                    minutes=minutes,
                    by=actor.account_id,
                    reason=reason,
                    at=desk.clock(),
                )
            )
            row = row_of(connection, alert_id)
            self._record(connection, actor, "alert.engage", row, f"{truth}: {reason}")
            self._decided(connection, actor, row, DecisionKind.ENGAGEMENT, "", truth, reason)
        self.outbox.send_now()
        desk.changed("alert", raised.deployment_id, alert_id)

    def record_outcome(
        self,
        actor: Actor,
        alert_id: str,
        *,
        disposal: Disposal,
        reason: str,
        sex: str = "",
        ethnicity: str = "",
        age_band: str = "",
    ) -> None:
        """Record what came of it. A later one, such as a charge, is added and takes nothing away.

        Raises:
            WrongStateError: nobody was met.
            BadInputError: without a reason.
        """
        desk = self._desk
        desk.require(actor, Permission.ENGAGE)
        if not reason.strip():
            raise BadInputError("A reason is needed: it is recorded with your name.")
        with desk.store.transaction() as connection:
            raised = raised_of(desk, connection, row_of(connection, alert_id, lock=True))
            if raised.engagement is None:
                raise WrongStateError("First record whom you met.")
            check_outcome(raised.adjudication, raised.engagement.truth, disposal)
            made = connection.execute(
                insert(outcomes).values(
                    alert_id=alert_id,
                    disposal=disposal,
                    sex=sex,
                    ethnicity=ethnicity,
                    age_band=age_band,
                    by=actor.account_id,
                    reason=reason,
                    at=desk.clock(),
                )
            )
            row = row_of(connection, alert_id)
            self._record(connection, actor, "alert.outcome", row, f"{disposal}: {reason}")
            (number,) = made.inserted_primary_key or (None,)
            self._decided(connection, actor, row, DecisionKind.OUTCOME, number, disposal, reason)
        self.outbox.send_now()
        desk.changed("alert", raised.deployment_id, alert_id)

    def delivered(self, actor: Actor, alert_id: str, answer: HandsetAnswer | None = None) -> None:
        """A handset has an alert, and what its officer answers.

        Raises:
            WrongStateError: see `check_answer`.
        """
        desk = self._desk
        desk.require(actor, Permission.USE_HANDSET)
        now = desk.clock()
        with desk.store.transaction() as connection:
            row = row_of(connection, alert_id, lock=True)
            if answer is not None:
                check_answer(raised_of(desk, connection, row).adjudication, answer)
            mine = (deliveries.c.alert_id == alert_id, deliveries.c.account_id == actor.account_id)
            if connection.execute(select(deliveries).where(*mine)).first() is None:
                connection.execute(
                    insert(deliveries).values(
                        alert_id=alert_id,
                        account_id=actor.account_id,
                        delivered_at=now,
                        answer="",
                    )
                )
            if answer:
                connection.execute(
                    update(deliveries).where(*mine).values(answer=answer, answered_at=now)
                )
            self._record(connection, actor, f"alert.{answer or 'delivered'}", row, "by handset")
        desk.changed("alert", row["deployment_id"], alert_id)

    def get(self, alert_id: str) -> Raised:
        """One alert, without a record of it: for rendering what is pushed. Raises `UnknownError`."""
        with self._desk.store.look() as connection:
            return raised_of(self._desk, connection, row_of(connection, alert_id))

    def view(self, actor: Actor, alert_id: str) -> Raised:
        """One alert as this person may see it, its consultation recorded."""
        self._desk.require(actor, Permission.SEE_ALERTS)
        with self._desk.store.transaction() as connection:
            row = row_of(connection, alert_id)
            self._record(connection, actor, "alert.view", row, "")
            return raised_of(self._desk, connection, row).shown_to(actor.account_id)

    def queue(self, actor: Actor, deployment_id: str) -> tuple[Raised, ...]:
        """The alerts that wait or are being met, the oldest first; the consultation is recorded."""
        desk = self._desk
        desk.require(actor, Permission.SEE_ALERTS)
        with desk.store.transaction() as connection:
            desk.record(connection, actor, "queue.view", deployment_id, deployment_id=deployment_id)
            found = all_of(desk, connection, deployment_id)
        return tuple(one.shown_to(actor.account_id) for one in found if not one.over)

    def all(self, deployment_id: str) -> tuple[Raised, ...]:
        """Every real alert of a deployment, for its record: planted ones count nowhere."""
        with self._desk.store.look() as connection:
            found = all_of(self._desk, connection, deployment_id)
        return tuple(one for one in found if not one.seeded)

    def planted(self, deployment_id: str) -> Planted:
        """How many planted alerts were decided, and by how many of them somebody was taken in."""
        with self._desk.store.look() as connection:
            found = all_of(self._desk, connection, deployment_id)
        return taken_in([one.verifications for one in found if one.seeded])

    def waiting(self, deployment_id: str) -> int:
        """How many wait for a decision."""
        with self._desk.store.look() as connection:
            found = all_of(self._desk, connection, deployment_id)
        return sum(one.adjudication is Adjudication.WAITING for one in found)

    def picture(self, actor: Actor, alert_id: str, which: str) -> bytes:
        """A JPEG: ``seen`` or ``enrolled``; the consultation is recorded. Raises `UnknownError` once it is gone."""
        desk = self._desk
        desk.require(actor, Permission.SEE_ALERTS)
        with desk.store.transaction() as connection:
            row = row_of(connection, alert_id)
            self._record(connection, actor, "picture.view", row, which)
        picture = self._seen(row) if which == "seen" else None
        if which == "enrolled":
            person = self._watchlists.person(row["deployment_id"], row["entry_id"])
            picture = None if person is None else person[1]
        if picture is None:
            raise UnknownError("This picture is gone.")
        return picture

    def _seen(self, row: RowMapping) -> bytes | None:
        if row["sealed"] is None:
            return None
        try:
            return self._desk.open(
                row["sealed_under"], row["sealed"], what="seen", whose=row["alert_id"]
            )
        except KeyGoneError:
            return None

    def _record(
        self, connection: Connection, actor: Actor, action: str, row: RowMapping, reason: str
    ) -> None:
        self._desk.record(
            connection,
            actor,
            action,
            row["alert_id"],
            reason,
            deployment_id=row["deployment_id"],
        )

    def _decided(
        self,
        connection: Connection,
        actor: Actor,
        row: RowMapping,
        kind: DecisionKind,
        part: object,
        value: str,
        reason: str,
    ) -> None:
        if row["seeded"]:
            # Planted by policy: nobody outside is to think that somebody was there.
            return
        self.outbox.put(
            connection,
            Decision(
                deployment_id=row["deployment_id"],
                decision_id=decision_id(row["alert_id"], kind, part),
                alert_id=row["alert_id"],
                kind=kind,
                value=str(value),
                reason=reason,
                decided_by=actor.account_id,
                decided_at=self._desk.clock(),
            ),
        )


def _check_real(raised: Raised) -> None:
    if raised.seeded:
        raise WrongStateError("This was a planted alert: there is nobody to meet.")
