"""Alerts that are known to be false, planted by policy now and then: whether people look, or believe the machine."""

import uuid
from typing import Final

from lookout.sealing.ports import KeyGoneError
from sqlalchemy import Connection, RowMapping, insert, select

from lookout_console.actions.desk import Desk
from lookout_console.actions.listed import opened
from lookout_console.domain.deployments import Stage
from lookout_console.domain.retention import EvidenceKept, evidence_key
from lookout_console.store.tables import alerts, deployments, entries

PLANTER: Final = "policy"


class Planting:
    """Plants: the picture of a volunteer (blue list) is shown as seen, beside another person of the list."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def plant(self, deployment_id: str) -> str | None:
        """Plant one alert in a live deployment; its id. None where there is no volunteer, nobody else, or no alert yet.

        It takes camera and score from the last real alert, so that nothing but the pictures gives it away.
        """
        desk = self._desk
        with desk.store.transaction() as connection:
            last = _last(connection, deployment_id)
            volunteer, other = _pair(connection, deployment_id)
            if last is None or volunteer is None or other is None:
                return None
            try:
                shown = opened(desk, deployment_id, volunteer["entry_id"], volunteer["sealed"])
            except KeyGoneError:
                shown = None
            if shown is None:
                return None
            alert_id, now = str(uuid.uuid4()), desk.clock()
            key = evidence_key(deployment_id, EvidenceKept(last["evidence_kept"]), now)
            connection.execute(
                insert(alerts).values(
                    alert_id=alert_id,
                    deployment_id=deployment_id,
                    entry_id=other["entry_id"],
                    category=other["category"],
                    response=other["response"],
                    blue=False,
                    test=False,
                    demonstration=last["demonstration"],
                    camera=last["camera"],
                    cameras=[last["camera"]],
                    captured_at=now,
                    alerted_at=now,
                    score=last["score"],
                    threshold=last["threshold"],
                    seeded=True,
                    sealed=desk.seal(key, shown[1], what="seen", whose=alert_id),
                    sealed_under=key,
                )
            )
            desk.audit.record(
                connection,
                actor=PLANTER,
                action="alert.plant",
                subject=alert_id,
                reason="known to be false, to watch for automation bias",
                deployment_id=deployment_id,
            )
        desk.changed("alert", deployment_id, alert_id)
        return alert_id


def _last(connection: Connection, deployment_id: str) -> RowMapping | None:
    wanted = (
        select(alerts, deployments.c.evidence_kept)
        .join(deployments, deployments.c.deployment_id == alerts.c.deployment_id)
        .where(
            alerts.c.deployment_id == deployment_id,
            alerts.c.seeded.is_(False),
            deployments.c.stage == Stage.LIVE,
        )
        .order_by(alerts.c.alerted_at.desc())
        .limit(1)
    )
    return connection.execute(wanted).mappings().one_or_none()


def _pair(
    connection: Connection, deployment_id: str
) -> tuple[RowMapping | None, RowMapping | None]:
    found = (
        connection.execute(
            select(entries).where(
                entries.c.deployment_id == deployment_id, entries.c.withdrawn_at.is_(None)
            )
        )
        .mappings()
        .all()
    )
    volunteers = [row for row in found if row["blue"]]
    others = [row for row in found if not row["blue"]]
    chosen = uuid.uuid4().int
    return (
        volunteers[chosen % len(volunteers)] if volunteers else None,
        others[chosen // 7 % len(others)] if others else None,
    )
