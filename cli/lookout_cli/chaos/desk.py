"""Stands in for the people at the console: takes the evidence of every alert, and decides about it, whatever else happens."""

import threading
import uuid
from collections import deque
from typing import Final

from lookout.events import Alert, Decision, DecisionKind
from lookout.sealing.ports import KeyringUnavailableError
from lookout.stream.ports import StreamError

from lookout_cli.people.taking import EvidenceTaker
from lookout_cli.session import Session

_IDS: Final = uuid.UUID("0a1f7be2-62f4-5d5c-9b1f-7d4d2c8f1e60")
_LOOK_S: Final = 0.2


class Desk:
    """Works on a thread of its own; what does not answer is asked again."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._taker = EvidenceTaker(
            keyring=session.platform.keyring,
            store=session.evidence,
            clock=session.platform.clock,
            name="chaos",
        )
        self._waiting: deque[Alert] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)
        self.decided: set[str] = set()
        session.platform.follow(Alert, self._heard)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _heard(self, alert: Alert) -> None:
        if alert.revision == 1:
            self._waiting.append(alert)

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._waiting:
                self._stop.wait(_LOOK_S)
                continue
            try:
                self._deal_with(self._waiting[0])
                self._waiting.popleft()
            except (KeyringUnavailableError, StreamError):
                self._stop.wait(_LOOK_S)

    def _deal_with(self, alert: Alert) -> None:
        self._taker.take(alert)
        decision = Decision(
            deployment_id=alert.deployment_id,
            decision_id=str(uuid.uuid5(_IDS, alert.alert_id)),
            alert_id=alert.alert_id,
            kind=DecisionKind.ADJUDICATION,
            value="not_the_person",
            reason="planted",
            decided_by="chaos",
            decided_at=self._session.platform.clock(),
        )
        self._session.platform.emit(decision)
        self.decided.add(decision.decision_id)
