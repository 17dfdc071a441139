"""The evidence of one alert for proceedings: pictures, what was decided, who held it, each file hashed and the whole signed.

Whoever receives it checks the manifest's hashes, then the signature over the manifest's bytes (Ed25519) with the
public key that the force publishes. ``custody.csv`` is the audit's entries of this alert, as they stand in the chain.
"""

import csv
import dataclasses
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from lookout.sealing.ports import KeyGoneError
from lookout.sealing.signing import Signer
from sqlalchemy import select

from lookout_console.actions.alerts import Alerts
from lookout_console.actions.desk import Actor, Desk
from lookout_console.actions.watchlists import Watchlists
from lookout_console.domain.errors import BadInputError, WrongStateError
from lookout_console.domain.roles import Permission
from lookout_console.store.tables import alerts as alert_table
from lookout_console.store.tables import audit

SIGNER: Final = "evidence"
_CUSTODY: Final = (
    "sequence",
    "deployment_id",
    "actor",
    "action",
    "subject",
    "reason",
    "at",
    "previous_hash",
    "entry_hash",
)


class Evidence:
    """Makes evidence files."""

    def __init__(self, desk: Desk, alerts: Alerts, watchlists: Watchlists) -> None:
        self._desk, self._alerts, self._watchlists = desk, alerts, watchlists

    def export(self, actor: Actor, alert_id: str, reason: str) -> bytes:
        """A zip; recorded as a disclosure before it is made, so that its own custody holds it.

        Raises:
            BadInputError: without a reason.
            WrongStateError: the picture is gone.
            UnknownError: there is no such alert.
        """
        desk = self._desk
        desk.require(actor, Permission.HOLD_EVIDENCE)
        if not reason.strip():
            raise BadInputError("Say for which proceedings: it is recorded with your name.")
        raised = self._alerts.get(alert_id)
        seen = self._seen(alert_id)
        with desk.store.transaction() as connection:
            desk.record(
                connection,
                actor,
                "evidence.export",
                alert_id,
                reason,
                deployment_id=raised.deployment_id,
            )
        files = {"seen.jpg": seen, "custody.csv": self._custody(alert_id)}
        person = self._watchlists.person(raised.deployment_id, raised.entry_id)
        if person is not None:
            files["enrolled.jpg"] = person[1]
        facts = {
            field.name: getattr(raised, field.name)
            for field in dataclasses.fields(raised)
            if field.name not in ("said", "seeded")
        }
        facts["reference"] = person[0].reference if person is not None else ""
        files["alert.json"] = _json(facts)
        return self._packed(alert_id, files)

    def _packed(self, alert_id: str, files: Mapping[str, bytes]) -> bytes:
        signer = Signer(SIGNER, self._desk.vault.get_or_create(f"signing/{SIGNER}"))
        manifest = _json(
            {
                "alert_id": alert_id,
                "made_at": self._desk.clock(),
                "public_key": signer.public_key.hex(),
                "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
            }
        )
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, data in files.items():
                packed.writestr(name, data)
            packed.writestr("manifest.json", manifest)
            packed.writestr("manifest.sig", signer.sign(manifest).value)
        return out.getvalue()

    def _seen(self, alert_id: str) -> bytes:
        with self._desk.store.look() as connection:
            row = (
                connection.execute(
                    select(alert_table.c.sealed, alert_table.c.sealed_under).where(
                        alert_table.c.alert_id == alert_id
                    )
                )
                .mappings()
                .one()
            )
        if row["sealed"] is not None:
            try:
                return self._desk.open(
                    row["sealed_under"], row["sealed"], what="seen", whose=alert_id
                )
            except KeyGoneError:
                pass
        raise WrongStateError("The evidence of this alert is gone: its time was over.")

    def _custody(self, alert_id: str) -> bytes:
        with self._desk.store.look() as connection:
            rows = connection.execute(
                select(audit).where(audit.c.subject == alert_id).order_by(audit.c.sequence)
            ).mappings()
            out = io.StringIO()
            writer = csv.writer(out)
            writer.writerow(_CUSTODY)
            for row in rows:
                writer.writerow([_plain(row[name]) for name in _CUSTODY])
        return out.getvalue().encode()


def _json(value: Any) -> bytes:
    return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, indent=1).encode()


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(
            {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        )
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return value
