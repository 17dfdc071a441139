"""What comes in from alerting: kept once, its picture sealed anew under the key of its day."""

from collections.abc import Sequence
from typing import Final

from lookout.events import Alert
from sqlalchemy import Connection, bindparam, insert, select, update

from lookout_console.actions.desk import Desk
from lookout_console.domain.errors import UnknownError
from lookout_console.domain.retention import EvidenceKept, evidence_key
from lookout_console.store.tables import alerts, deployments, entries

# Made once: an alert must not wait for statements to be put together.
_ADD: Final = insert(alerts)
_CAMERAS: Final = select(alerts.c.cameras).where(alerts.c.alert_id == bindparam("id"))
_KEPT: Final = select(deployments.c.evidence_kept).where(
    deployments.c.deployment_id == bindparam("id")
)
_BLUE: Final = select(entries.c.blue).where(entries.c.entry_id == bindparam("id"))


def take_in(desk: Desk, alert: Alert, picture_jpeg: bytes | None, *, test: bool = False) -> bool:
    """Keep an alert that came in; whether it is new. Repeating it changes nothing.

    Raises:
        UnknownError: of a deployment that this console does not know.
    """
    sighting = alert.sightings[0]
    with desk.store.transaction() as connection:
        known = connection.execute(_CAMERAS, {"id": alert.alert_id}).scalar_one_or_none()
        if known is not None:
            return _seen_again(connection, alert, known)
        kept = connection.execute(_KEPT, {"id": alert.deployment_id}).scalar_one_or_none()
        if kept is None:
            raise UnknownError("This alert is of a deployment that is not known here.")
        blue = connection.execute(_BLUE, {"id": alert.entry_id}).scalar_one_or_none()
        key, sealed = "", None
        if picture_jpeg is not None:
            key = evidence_key(alert.deployment_id, EvidenceKept(kept), alert.alerted_at)
            sealed = desk.seal(key, picture_jpeg, what="seen", whose=alert.alert_id)
        connection.execute(
            _ADD,
            {
                "alert_id": alert.alert_id,
                "deployment_id": alert.deployment_id,
                "entry_id": alert.entry_id,
                "category": alert.category,
                "response": alert.response,
                "blue": bool(blue),
                "test": test,
                "demonstration": alert.demonstration,
                "camera": sighting.camera_id,
                "captured_at": alert.captured_at,
                "alerted_at": alert.alerted_at,
                "score": sighting.score,
                "threshold": alert.threshold,
                "sealed": sealed,
                "sealed_under": key,
                "seeded": False,
                "cameras": _cameras(alert),
            },
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


def _seen_again(connection: Connection, alert: Alert, known: Sequence[str]) -> bool:
    """A later revision tells of further cameras: noted, and no new alert."""
    cameras = list(dict.fromkeys([*known, *_cameras(alert)]))
    if cameras != list(known):
        connection.execute(
            update(alerts).where(alerts.c.alert_id == alert.alert_id).values(cameras=cameras)
        )
    return False


def _cameras(alert: Alert) -> list[str]:
    return list(dict.fromkeys(sighting.camera_id for sighting in alert.sightings))
