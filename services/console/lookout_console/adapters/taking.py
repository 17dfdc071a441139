"""Alerts from the topic into the store: the evidence is opened, sealed anew and committed, and only then its key destroyed."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Protocol

import structlog
from lookout.events import Alert, ErasureReason
from lookout.sealing.envelope import open_sealed
from lookout.sealing.ports import (
    CannotOpenError,
    Destruction,
    Keyring,
    KeyringUnavailableError,
)
from lookout.stream.ports import Partition, RetryableError
from lookout.stream.processor import Delivery, Outcome
from sqlalchemy.exc import SQLAlchemyError

from lookout_console.domain.errors import AuditLostError, UnknownError

_log = structlog.get_logger(__name__)
TAKEN: Final = "taken"
KNOWN: Final = "known"
FOREIGN: Final = "foreign"
WITHOUT_PICTURE: Final = "without_picture"


class Desk(Protocol):
    """Where alerts are kept."""

    def take(self, alert: Alert, picture_jpeg: bytes | None) -> bool:
        """Commit an alert; whether it is new. `UnknownError` for a deployment of somebody else's."""


class AlertTaker:
    """`lookout.stream.processor.Processor` of alerts. One thread calls all of it.

    The runner destroys what the outcome names, with a receipt, before it commits the offset. A crash in between brings the
    alert again: it is known then, and its key is destroyed all the same.
    """

    def __init__(self, *, desk: Desk, keyring: Keyring, counted: Callable[[str], None]) -> None:
        """``counted`` is told one of this module's words for each alert."""
        self._desk, self._keyring, self._counted = desk, keyring, counted

    def process(self, batch: Sequence[Delivery[Alert]]) -> Outcome:
        """Keep each alert, in order. `RetryableError` while the store or the audit cannot be written."""
        outcome = Outcome()
        for delivery in batch:
            taken = self._take(delivery.event)
            if taken is not None:
                outcome.destroy.append(taken)
        return outcome

    def tick(self, now: datetime) -> Outcome:
        """Nothing is due by the clock."""
        del now
        return Outcome()

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """Nothing is kept for partitions."""

    def drain(self) -> Outcome:
        """Nothing is held back."""
        return Outcome()

    def _take(self, alert: Alert) -> Destruction | None:
        picture = self._picture(alert)
        try:
            new = self._desk.take(alert, picture)
        except UnknownError:
            # Of a deployment that was opened elsewhere: its evidence is for whoever opened it, or ends by itself.
            self._counted(FOREIGN)
            _log.warning("alert of a deployment that is not known here", alert_id=alert.alert_id)
            return None
        except (SQLAlchemyError, AuditLostError) as error:
            raise RetryableError(
                f"alerts cannot be kept: {type(error).__name__} of the console's store"
            ) from error
        self._counted(TAKEN if new else KNOWN)
        if picture is None or alert.thumbnail is None:
            return None
        return Destruction(
            key_id=alert.thumbnail.key_id,
            reason=ErasureReason.EVIDENCE_TAKEN,
            deployment_id=alert.deployment_id,
            captured_at=alert.captured_at,
        )

    def _picture(self, alert: Alert) -> bytes | None:
        if alert.thumbnail is None or not alert.sightings:
            return None
        try:
            (key,) = self._keyring.get([alert.thumbnail.key_id])
        except KeyringUnavailableError as error:
            raise RetryableError(str(error)) from error
        if key is not None:
            try:
                return open_sealed(
                    key, alert.thumbnail, what="thumbnail", whose=alert.sightings[0].face_id
                )
            except CannotOpenError:
                _log.warning("evidence does not open", alert_id=alert.alert_id)
        # People must know that the system saw somebody, picture or not.
        self._counted(WITHOUT_PICTURE)
        return None
