"""Alerts as they stand: what the store knows of each, and what of it a verifier may see."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from lookout.events import Category, Response
from sqlalchemy import Connection, RowMapping, Select, Table, bindparam, select

from lookout_console.actions.desk import Desk
from lookout_console.actions.listed import opened
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
)
from lookout_console.domain.errors import UnknownError
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
    claimed_shown: str
    adjudication: Adjudication
    wanted: int
    looked: int
    cameras: tuple[str, ...]
    seeded: bool
    held: bool
    verifications: tuple[Verification, ...]
    engagement: Engagement | None
    outcomes: tuple[Outcome, ...]
    deliveries: tuple[Delivery, ...]
    said: Said | None

    @property
    def over(self) -> bool:
        """Whether nobody need do anything more at once."""
        if self.seeded:
            return self.adjudication is not Adjudication.WAITING
        return self.adjudication not in (Adjudication.WAITING, Adjudication.VIABLE) or (
            self.engagement is not None
        )

    def shown_to(self, account_id: str) -> "Raised":
        """What this person may see: until it is decided, nobody's verdict but their own (domain row 16)."""
        if self.adjudication is not Adjudication.WAITING:
            return self
        own = tuple(one for one in self.verifications if one.by == account_id)
        # That it is a planted one would tell the answer.
        return replace(self, verifications=own, seeded=False)


def row_of(connection: Connection, alert_id: str, *, lock: bool = False) -> RowMapping:
    """An alert's row with what its deployment asks. Raises `UnknownError`."""
    wanted = _ONE_LOCKED if lock else _ONE
    row = connection.execute(wanted, {"alert_id": alert_id}).mappings().one_or_none()
    if row is None:
        raise UnknownError("There is no such alert.")
    return row


def raised_of(desk: Desk, connection: Connection, row: RowMapping) -> Raised:
    """One alert with all that was done about it."""
    return _raised(desk, connection, [row])[0]


def all_of(desk: Desk, connection: Connection, deployment_id: str) -> tuple[Raised, ...]:
    """Every alert of a deployment, planted ones too, the oldest first."""
    rows = (
        connection.execute(
            _with_deployment()
            .where(alerts.c.deployment_id == deployment_id)
            .order_by(alerts.c.alerted_at)
        )
        .mappings()
        .all()
    )
    return _raised(desk, connection, rows)


def _with_deployment() -> Select[Any]:
    return select(alerts, deployments.c.verifiers, deployments.c.location).join(
        deployments, deployments.c.deployment_id == alerts.c.deployment_id
    )


def _by_alert(
    connection: Connection, wanted: Select[Any], ids: Sequence[str]
) -> Mapping[str, list[RowMapping]]:
    found: dict[str, list[RowMapping]] = defaultdict(list)
    for row in connection.execute(wanted, {"ids": ids}).mappings():
        found[row["alert_id"]].append(row)
    return found


def _of_alerts(table: Table, order: str) -> Select[Any]:
    among = table.c.alert_id.in_(bindparam("ids", expanding=True))
    return select(table).where(among).order_by(table.c[order])


# Made once: an alert must not pay for putting statements together.
_ONE: Final = _with_deployment().where(alerts.c.alert_id == bindparam("alert_id"))
_ONE_LOCKED: Final = _ONE.with_for_update(of=alerts)
_LOOKED: Final = _of_alerts(verifications, "at")
_MET: Final = _of_alerts(engagements, "at")
_CAME: Final = _of_alerts(outcomes, "number")
_SENT: Final = _of_alerts(deliveries, "delivered_at")
_SAID: Final = select(entries.c.entry_id, entries.c.deployment_id, entries.c.sealed).where(
    entries.c.entry_id.in_(bindparam("ids", expanding=True))
)


def _raised(desk: Desk, connection: Connection, rows: Sequence[RowMapping]) -> tuple[Raised, ...]:
    ids = [row["alert_id"] for row in rows]
    looked = _by_alert(connection, _LOOKED, ids)
    met = _by_alert(connection, _MET, ids)
    came = _by_alert(connection, _CAME, ids)
    sent = _by_alert(connection, _SENT, ids)
    said = _said(desk, connection, {row["entry_id"] for row in rows})
    now = desk.clock()
    return tuple(
        _one(
            row,
            [_verification_of(one) for one in looked.get(row["alert_id"], ())],
            [_engagement_of(one) for one in met.get(row["alert_id"], ())],
            [_outcome_of(one) for one in came.get(row["alert_id"], ())],
            [Delivery(**_without_alert(one)) for one in sent.get(row["alert_id"], ())],
            said.get(row["entry_id"]),
            now,
        )
        for row in rows
    )


def _said(desk: Desk, connection: Connection, ids: Iterable[str]) -> Mapping[str, Said]:
    found = {}
    for entry_id, deployment_id, sealed in connection.execute(_SAID, {"ids": list(ids)}).all():
        person = opened(desk, deployment_id, entry_id, sealed)
        if person is not None:
            found[entry_id] = person[0]
    return found


def _one(
    row: RowMapping,
    looked: Sequence[Verification],
    met: Sequence[Engagement],
    came: Sequence[Outcome],
    sent: Sequence[Delivery],
    said: Said | None,
    now: datetime,
) -> Raised:
    return Raised(
        alert_id=row["alert_id"],
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
        claimed_shown=row["claimed_shown"],
        adjudication=adjudicated(
            [one.verdict for one in looked],
            wanted=row["verifiers"],
            raised_at=row["alerted_at"],
            now=now,
        ),
        wanted=row["verifiers"],
        looked=len(looked),
        cameras=tuple(row["cameras"]),
        seeded=row["seeded"],
        held=bool(row["held_by"]),
        verifications=tuple(looked),
        engagement=met[0] if met else None,
        outcomes=tuple(came),
        deliveries=tuple(sent),
        said=said,
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
