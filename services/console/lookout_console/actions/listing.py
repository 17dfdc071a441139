"""From the list in the store to the signed records that matching obeys: sent when a deployment goes live, not before."""

import base64
import json
from collections.abc import Sequence
from datetime import datetime

from lookout.events import (
    UNSIGNED,
    Category,
    Response,
    Sealed,
    WatchlistAction,
    WatchlistEntry,
)
from lookout.watchlist import content_hash
from sqlalchemy import RowMapping, select, update

from lookout_console.actions.desk import Desk
from lookout_console.domain.errors import WrongStateError
from lookout_console.domain.watchlists import list_hash
from lookout_console.store.tables import deployments, entries


def packed(templates: Sequence[Sealed]) -> bytes:
    """Sealed templates as one column keeps them."""
    return json.dumps(
        [
            [base64.b64encode(one.nonce).decode(), base64.b64encode(one.ciphertext).decode()]
            for one in templates
        ]
    ).encode()


def unpacked(deployment_id: str, stored: bytes) -> tuple[Sealed, ...]:
    """What `packed` packed: sealed under the deployment's key."""
    return tuple(
        Sealed(
            key_id=f"watchlist/{deployment_id}",
            nonce=base64.b64decode(nonce),
            ciphertext=base64.b64decode(ciphertext),
        )
        for nonce, ciphertext in json.loads(stored)
    )


def publish_list(desk: Desk, deployment_id: str, pack_sha256: str) -> str:
    """Send what matching has not been sent of a list; the hash that matching will have in force. Blocks until acknowledged.

    Sending again what was sent before a crash changes nothing: the latest record of an entry counts.

    Raises:
        WrongStateError: what is in the store is not what was signed, or was made with another model pack.
    """
    with desk.store.look() as connection:
        signed = connection.execute(
            select(deployments.c.signed_hash).where(deployments.c.deployment_id == deployment_id)
        ).scalar_one_or_none()
        rows = (
            connection.execute(select(entries).where(entries.c.deployment_id == deployment_id))
            .mappings()
            .all()
        )
    if not rows or list_hash(row["content"] for row in rows) != signed:
        raise WrongStateError(
            "The watchlist is not the one that was authorised: it must be frozen and authorised again."
        )
    if any(row["pack_sha256"] != pack_sha256 for row in rows):
        raise WrongStateError(
            "The watchlist was made with another model pack than runs now: import it again."
        )
    # Who was withdrawn before anything was sent never leaves the console.
    sent = [row for row in rows if row["published"] or row["withdrawn_at"] is None]
    records = [record_of(row, desk.clock()) for row in sent]
    fresh = [record for row, record in zip(sent, records, strict=True) if not row["published"]]
    desk.control.publish_all(fresh)
    found = content_hash(records)
    with desk.store.transaction() as connection:
        connection.execute(
            update(entries)
            .where(
                entries.c.deployment_id == deployment_id,
                entries.c.entry_id.in_([record.entry_id for record in fresh]),
            )
            .values(published=True)
        )
        connection.execute(
            update(deployments)
            .where(deployments.c.deployment_id == deployment_id)
            .values(list_hash=found)
        )
    return found


def record_of(row: RowMapping, now: datetime) -> WatchlistEntry:
    """An entry's enrolment, unsigned."""
    return WatchlistEntry(
        deployment_id=row["deployment_id"],
        entry_id=row["entry_id"],
        action=WatchlistAction.ENROL,
        category=Category(row["category"]),
        response=Response(row["response"]),
        pack_sha256=row["pack_sha256"],
        templates=unpacked(row["deployment_id"], row["templates"]),
        issued_at=now,
        signature=UNSIGNED,
    )


def withdrawal_of(row: RowMapping, now: datetime) -> WatchlistEntry:
    """An entry's withdrawal, unsigned."""
    return WatchlistEntry(
        deployment_id=row["deployment_id"],
        entry_id=row["entry_id"],
        action=WatchlistAction.WITHDRAW,
        category=None,
        response=None,
        pack_sha256=row["pack_sha256"],
        templates=(),
        issued_at=now,
        signature=UNSIGNED,
    )
