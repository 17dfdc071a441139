"""The pre-shift check: a test alert that walks the same way as a real one, and counts in no record."""

import uuid
from typing import Final

import cv2
import numpy as np
from lookout.events import Alert, Category, Response, Sighting

from lookout_console.actions.alerts import Alerts
from lookout_console.actions.desk import Actor, Desk
from lookout_console.domain.roles import Permission

_WIDTH: Final = 320
_HEIGHT: Final = 400
NOBODY: Final = "test"
"""The entry of a test alert: nobody's."""


class PreShift:
    """Raises test alerts."""

    def __init__(self, desk: Desk, alerts: Alerts) -> None:
        self._desk, self._alerts = desk, alerts

    def start(self, actor: Actor, deployment_id: str, camera: str) -> str:
        """Raise a test alert of a deployment; its id."""
        desk = self._desk
        desk.require(actor, Permission.CHECK)
        alert_id, now = str(uuid.uuid4()), desk.clock()
        with desk.store.transaction() as connection:
            desk.record(connection, actor, "check.start", alert_id, deployment_id=deployment_id)
        sighting = Sighting(
            match_id=alert_id,
            face_id=alert_id,
            track_id=alert_id,
            camera_id=camera,
            captured_at=now,
            score=0.0,
        )
        alert = Alert(
            deployment_id=deployment_id,
            alert_id=alert_id,
            revision=1,
            entry_id=NOBODY,
            category=Category.MISSING_AT_RISK,
            response=Response.GREEN,
            threshold=0.0,
            margin=None,
            captured_at=now,
            alerted_at=now,
            sightings=(sighting,),
            demonstration=False,
            thumbnail=None,
        )
        self._alerts.take(alert, _chart(), test=True)
        return alert_id


def _chart() -> bytes:
    """A drawn chart as a JPEG, (400, 320, 3): nobody's face."""
    chart = np.full((_HEIGHT, _WIDTH, 3), 232, np.uint8)
    for step in range(0, _WIDTH, 40):
        shade = 255 * step // _WIDTH
        cv2.rectangle(chart, (step, 0), (step + 40, 60), (shade, shade, shade), -1)
    cv2.circle(chart, (_WIDTH // 2, 220), 110, (90, 90, 90), 3, cv2.LINE_AA)
    cv2.putText(chart, "TEST", (88, 240), cv2.FONT_HERSHEY_SIMPLEX, 1.8, (40, 40, 40), 4)
    _, encoded = cv2.imencode(".jpg", chart)
    return encoded.tobytes()
