"""Alerts: taken in, claimed, looked at by one or two people blind to each other, met, and their outcome recorded."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from lookout.events import Alert, Category, Decision, DecisionKind, Response
from lookout.sealing.ports import KeyGoneError
from sqlalchemy import Connection, RowMapping, insert, select, update

from lookout_console.actions.desk import Actor, Desk
from lookout_console.actions.watchlists import Watchlists
from lookout_console.domain.alerts import (
    Adjudication,
    Disposal,
    EnvironmentFactor,
    IdentityBy,
    SubjectFactor,
    SystemFactor,
    Truth,
    Verdict,
    Verification,
    adjudicated,
    check_outcome,
    check_verification,
)
from lookout_console.domain.errors import (
    BadInputError,
    ConflictError,
    UnknownError,
    WrongStateError,
)
from lookout_console.domain.roles import Permission
from lookout_console.domain.watchlists import Said
from lookout_console.store.tables import (
    alerts,
    deliveries,
    deployments,
    engagements,
    entries,
    outcomes,
    verifications,
)

LONGEST_STOP_MINUTES: Final = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an alert, as recorded; demographics as the person described themselves, empty where not said."""

    disposal: Disposal
    sex: str
    ethnicity: str
    age_band: str
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Engagement:
    """What is known after the person was met."""

    truth: Truth
    identity_by: IdentityBy | None
    minutes: int | None
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One handset's part in an alert."""

    account_id: str
    delivered_at: datetime
    answer: str
    answered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """An alert and all that was done about it. ``said`` is None once the list is purged."""

    alert_id: str
    deployment_id: str
    entry_id: str
    category: Category
    response: Response
    blue: bool
    test: bool
    demonstration: bool
    camera: str
    place: str
    captured_at: datetime
    alerted_at: datetime
    score: float
    threshold: float
    has_picture: bool
    claimed_by: str
    adjudication: Adjudication
    wanted: int
    verifications: tuple[Verification, ...]
    engagement: Engagement | None
    outcomes: tuple[Outcome, ...]
    deliveries: tuple[Delivery, ...]
    said: Said | None

    @property
    def over(self) -> bool:
        """Whether nobody need do anything more at once."""
        return self.adjudication not in (Adjudication.WAITING, Adjudication.VIABLE) or (
            self.engagement is not None
        )


class Alerts:
    """The actions on alerts."""

    def __init__(self, desk: Desk, watchlists: Watchlists) -> None:
        self._desk, self._watchlists = desk, watchlists

    def take(self, alert: Alert, picture_jpeg: bytes | None, *, test: bool = False) -> bool:
        """Keep an alert that came in; whether it is new. Repeating it changes nothing.

        Raises:
            UnknownError: of a deployment that this console does not know.
        """
        desk = self._desk
        sighting = alert.sightings[0]
        with desk.store.transaction() as connection:
            known = connection.execute(
                select(alerts.c.alert_id).where(alerts.c.alert_id == alert.alert_id)
            ).first()
            if known is not None:
                return False
            deployment = connection.execute(
                select(deployments.c.deployment_id).where(
                    deployments.c.deployment_id == alert.deployment_id
                )
            ).first()
            if deployment is None:
                raise UnknownError("This alert is of a deployment that is not known here.")
            blue = connection.execute(
                select(entries.c.blue).where(entries.c.entry_id == alert.entry_id)
            ).scalar_one_or_none()
            sealed = None
            if picture_jpeg is not None:
                sealed = desk.seal(
                    f"evidence/{alert.deployment_id}",
                    picture_jpeg,
                    what="seen",
                    whose=alert.alert_id,
                )
            connection.execute(
                insert(alerts).values(
                    alert_id=alert.alert_id,
                    deployment_id=alert.deployment_id,
                    entry_id=alert.entry_id,
                    category=alert.category,
                    response=alert.response,
                    blue=bool(blue),
                    test=test,
                    demonstration=alert.demonstration,
                    camera=sighting.camera_id,
                    captured_at=alert.captured_at,
                    alerted_at=alert.alerted_at,
                    score=sighting.score,
                    threshold=alert.threshold,
                    sealed=sealed,
                )
            )
            desk.audit.record(
                connection,
                actor="alerting",
                action="alert.collect",
                subject=alert.alert_id,
                reason=f"camera {sighting.camera_id}",
                deployment_id=alert.deployment_id,
            )
        desk.changed("alert", alert.deployment_id, alert.alert_id)
        return True

    def claim(self, actor: Actor, alert_id: str) -> None:
        """ "I have this one." Of two at once, one has it and the other is told.

        Raises:
            ConflictError: somebody else has it.
        """
        desk = self._desk
        desk.require(actor, Permission.ADJUDICATE)
        with desk.store.transaction() as connection:
            changed = connection.execute(
                update(alerts)
                .where(alerts.c.alert_id == alert_id, alerts.c.claimed_by.is_(None))
                .values(claimed_by=actor.account_id, claimed_at=desk.clock())
            )
            row = self._row(connection, alert_id)
            if changed.rowcount != 1 and row["claimed_by"] != actor.account_id:
                raise ConflictError("Somebody else has this one already.")
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
            raised = self._raised(connection, self._row(connection, alert_id, lock=True))
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
            row = self._row(connection, alert_id)
            now = self._raised(connection, row).adjudication
            self._record(connection, actor, "alert.verify", row, f"{verdict}: {new.reason}")
            self._decided(actor, row, DecisionKind.ADJUDICATION, f"{verdict}/{now}", new.reason)
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
            raised = self._raised(connection, self._row(connection, alert_id, lock=True))
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
            row = self._row(connection, alert_id)
            self._record(connection, actor, "alert.engage", row, f"{truth}: {reason}")
            self._decided(actor, row, DecisionKind.ENGAGEMENT, truth, reason)
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
            raised = self._raised(connection, self._row(connection, alert_id, lock=True))
            if raised.engagement is None:
                raise WrongStateError("First record whom you met.")
            check_outcome(raised.adjudication, raised.engagement.truth, disposal)
            connection.execute(
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
            row = self._row(connection, alert_id)
            self._record(connection, actor, "alert.outcome", row, f"{disposal}: {reason}")
            self._decided(actor, row, DecisionKind.OUTCOME, disposal, reason)
        desk.changed("alert", raised.deployment_id, alert_id)

    def delivered(self, actor: Actor, alert_id: str, answer: str = "") -> None:
        """A handset has an alert, and what its officer answers."""
        desk = self._desk
        desk.require(actor, Permission.USE_HANDSET)
        now = desk.clock()
        with desk.store.transaction() as connection:
            row = self._row(connection, alert_id)
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
            return self._raised(connection, self._row(connection, alert_id))

    def view(self, actor: Actor, alert_id: str) -> Raised:
        """One alert, its consultation recorded."""
        self._desk.require(actor, Permission.SEE_ALERTS)
        with self._desk.store.transaction() as connection:
            row = self._row(connection, alert_id)
            self._record(connection, actor, "alert.view", row, "")
            return self._raised(connection, row)

    def queue(self, actor: Actor, deployment_id: str) -> tuple[Raised, ...]:
        """The alerts that wait or are being met, the oldest first; the consultation is recorded."""
        self._desk.require(actor, Permission.SEE_ALERTS)
        with self._desk.store.transaction() as connection:
            self._desk.record(
                connection, actor, "queue.view", deployment_id, deployment_id=deployment_id
            )
            return tuple(one for one in self._all(connection, deployment_id) if not one.over)

    def all(self, deployment_id: str) -> tuple[Raised, ...]:
        """Every alert of a deployment, for its record."""
        with self._desk.store.look() as connection:
            return self._all(connection, deployment_id)

    def waiting(self, deployment_id: str) -> int:
        """How many wait for a decision."""
        return sum(one.adjudication is Adjudication.WAITING for one in self.all(deployment_id))

    def picture(self, actor: Actor, alert_id: str, which: str) -> bytes:
        """A JPEG: ``seen`` or ``enrolled``. Raises `UnknownError` once it is gone."""
        self._desk.require(actor, Permission.SEE_ALERTS)
        with self._desk.store.look() as connection:
            row = self._row(connection, alert_id)
        if which == "enrolled":
            person = self._watchlists.person(row["deployment_id"], row["entry_id"])
            if person is not None:
                return person[1]
        elif which == "seen" and row["sealed"] is not None:
            try:
                return self._desk.open(
                    f"evidence/{row['deployment_id']}", row["sealed"], what="seen", whose=alert_id
                )
            except KeyGoneError:
                pass
        raise UnknownError("This picture is gone.")

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
        self, actor: Actor, row: RowMapping, kind: DecisionKind, value: str, reason: str
    ) -> None:
        self._desk.control.publish(
            Decision(
                deployment_id=row["deployment_id"],
                decision_id=str(uuid.uuid4()),
                alert_id=row["alert_id"],
                kind=kind,
                value=str(value),
                reason=reason,
                decided_by=actor.account_id,
                decided_at=self._desk.clock(),
            )
        )

    @staticmethod
    def _row(connection: Connection, alert_id: str, *, lock: bool = False) -> RowMapping:
        wanted = (
            select(alerts, deployments.c.verifiers, deployments.c.location)
            .join(deployments, deployments.c.deployment_id == alerts.c.deployment_id)
            .where(alerts.c.alert_id == alert_id)
        )
        if lock:
            wanted = wanted.with_for_update(of=alerts)
        row = connection.execute(wanted).mappings().one_or_none()
        if row is None:
            raise UnknownError("There is no such alert.")
        return row

    def _all(self, connection: Connection, deployment_id: str) -> tuple[Raised, ...]:
        rows = connection.execute(
            select(alerts, deployments.c.verifiers, deployments.c.location)
            .join(deployments, deployments.c.deployment_id == alerts.c.deployment_id)
            .where(alerts.c.deployment_id == deployment_id)
            .order_by(alerts.c.alerted_at)
        ).mappings()
        return tuple(self._raised(connection, row) for row in rows.all())

    def _raised(self, connection: Connection, row: RowMapping) -> Raised:
        alert_id = row["alert_id"]
        looked = [
            _verification_of(one)
            for one in connection.execute(
                select(verifications)
                .where(verifications.c.alert_id == alert_id)
                .order_by(verifications.c.at)
            ).mappings()
        ]
        met = (
            connection.execute(select(engagements).where(engagements.c.alert_id == alert_id))
            .mappings()
            .one_or_none()
        )
        came = connection.execute(
            select(outcomes).where(outcomes.c.alert_id == alert_id).order_by(outcomes.c.number)
        ).mappings()
        sent = connection.execute(
            select(deliveries).where(deliveries.c.alert_id == alert_id)
        ).mappings()
        person = self._watchlists.person(row["deployment_id"], row["entry_id"])
        return Raised(
            alert_id=alert_id,
            deployment_id=row["deployment_id"],
            entry_id=row["entry_id"],
            category=Category(row["category"]),
            response=Response(row["response"]),
            blue=row["blue"],
            test=row["test"],
            demonstration=row["demonstration"],
            camera=row["camera"],
            place=row["location"],
            captured_at=row["captured_at"],
            alerted_at=row["alerted_at"],
            score=row["score"],
            threshold=row["threshold"],
            has_picture=row["sealed"] is not None,
            claimed_by=row["claimed_by"] or "",
            adjudication=adjudicated(
                [one.verdict for one in looked],
                wanted=row["verifiers"],
                raised_at=row["alerted_at"],
                now=self._desk.clock(),
            ),
            wanted=row["verifiers"],
            verifications=tuple(looked),
            engagement=None if met is None else _engagement_of(met),
            outcomes=tuple(_outcome_of(one) for one in came),
            deliveries=tuple(Delivery(**_without_alert(one)) for one in sent),
            said=None if person is None else person[0],
        )


def _verification_of(row: RowMapping) -> Verification:
    factors = row["factors"]
    return Verification(
        by=row["by"],
        verdict=Verdict(row["verdict"]),
        subject=tuple(SubjectFactor(one) for one in factors["subject"]),
        system=tuple(SystemFactor(one) for one in factors["system"]),
        environment=tuple(EnvironmentFactor(one) for one in factors["environment"]),
        reason=row["reason"],
        at=row["at"],
    )


def _engagement_of(row: RowMapping) -> Engagement:
    return Engagement(
        truth=Truth(row["truth"]),
        identity_by=IdentityBy(row["identity_by"]) if row["identity_by"] else None,
        minutes=row["minutes"],
        by=row["by"],
        reason=row["reason"],
        at=row["at"],
    )


def _outcome_of(row: RowMapping) -> Outcome:
    return Outcome(
        disposal=Disposal(row["disposal"]),
        sex=row["sex"],
        ethnicity=row["ethnicity"],
        age_band=row["age_band"],
        by=row["by"],
        reason=row["reason"],
        at=row["at"],
    )


def _without_alert(row: RowMapping) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "alert_id"}
