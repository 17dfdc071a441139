"""Taking an alert's evidence: open it, keep it sealed in the own store, and only then destroy its key."""

from lookout.events import Alert, ErasureReason
from lookout.sealing.envelope import open_sealed
from lookout.sealing.ports import Destruction, Keyring
from lookout.stream.ports import Clock

from lookout_cli.people.evidence import EvidenceStore


class EvidenceTaker:
    """What stands in for the console: without it, evidence ends with its key's time to live."""

    def __init__(self, *, keyring: Keyring, store: EvidenceStore, clock: Clock, name: str) -> None:
        """``name`` is who the receipts say destroyed the keys."""
        self._keyring, self._store, self._clock, self._name = keyring, store, clock, name

    def open(self, alert: Alert) -> bytes | None:
        """The alert's thumbnail as a JPEG; None where it has none, or where its key is gone."""
        sealed = alert.thumbnail
        if sealed is None or not alert.sightings:
            return None
        (key,) = self._keyring.get([sealed.key_id])
        if key is None:
            return None
        return open_sealed(key, sealed, what="thumbnail", whose=alert.sightings[0].face_id)

    def take(self, alert: Alert) -> bytes | None:
        """Keep the evidence and destroy its key; the thumbnail. Repeating it is harmless.

        Raises:
            EvidenceStoreError: it could not be kept; the key lives on.
        """
        picture = self.open(alert)
        self._store.save(alert, picture)
        if alert.thumbnail is not None and picture is not None:
            order = Destruction(
                key_id=alert.thumbnail.key_id,
                reason=ErasureReason.EVIDENCE_TAKEN,
                deployment_id=alert.deployment_id,
                captured_at=alert.captured_at,
            )
            self._keyring.destroy([order], by=self._name, at=self._clock())
        return picture
