"""What is kept of each person on a list, sealed; and the mark that the membership ledger keeps of them."""

import dataclasses
import hmac
import json
from datetime import date

from lookout.events import Category, Response
from lookout.sealing.ports import KeyGoneError
from sqlalchemy import Connection, select

from lookout_console.actions.desk import Desk
from lookout_console.domain.deployments import Stage
from lookout_console.domain.errors import UnknownError, WrongStateError
from lookout_console.domain.watchlists import Said
from lookout_console.store.tables import deployments

_OPEN = (Stage.DRAFT, Stage.APPLIED, Stage.AUTHORISED, Stage.STOPPED)
_WHAT = "person"


def closed(desk: Desk, deployment_id: str, entry_id: str, said: Said, portrait: bytes) -> bytes:
    """What is said of a person, with their picture, sealed under the deployment's key."""
    facts = dataclasses.asdict(said) | {"image_date": said.image_date.isoformat()}
    head = json.dumps(facts).encode()
    plain = len(head).to_bytes(4, "big") + head + portrait
    return desk.seal(f"people/{deployment_id}", plain, what=_WHAT, whose=entry_id)


def opened(
    desk: Desk, deployment_id: str, entry_id: str, sealed: bytes
) -> tuple[Said, bytes] | None:
    """What `closed` sealed; None once the deployment's people are forgotten."""
    try:
        plain = desk.open(f"people/{deployment_id}", sealed, what=_WHAT, whose=entry_id)
    except KeyGoneError:
        return None
    size = int.from_bytes(plain[:4], "big")
    facts = json.loads(plain[4 : 4 + size])
    facts |= {
        "category": Category(facts["category"]),
        "response": Response(facts["response"]),
        "image_date": date.fromisoformat(facts["image_date"]),
    }
    return Said(**facts), plain[4 + size :]


def mark(desk: Desk, reference: str) -> str:
    """What the ledger keeps of a person: a keyed hash of the reference, so that it can be asked and not read."""
    key = desk.vault.get_or_create("ledger/membership").secret
    return hmac.new(key, reference.strip().casefold().encode(), "sha256").hexdigest()


def check_composable(connection: Connection, deployment_id: str) -> None:
    """Raise unless a deployment's list may be added to."""
    stage = connection.execute(
        select(deployments.c.stage).where(deployments.c.deployment_id == deployment_id)
    ).scalar_one_or_none()
    if stage is None:
        raise UnknownError("There is no such deployment.")
    if Stage(stage) not in _OPEN:
        raise WrongStateError(
            f"The deployment is {stage}: its list cannot be added to. Withdrawing is always possible."
        )
