"""How a webhook is signed, and how its receiver checks it. Pure.

The signature covers the id, the time and the body: a body that is sent again later, or under another id, does not
hold. Receivers keep the ids of the last five minutes and drop what they have seen. The scheme and the header names are
those of the Standard Webhooks specification, version 1.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

WINDOW: Final = timedelta(minutes=5)
_ID: Final = "webhook-id"
_AT: Final = "webhook-timestamp"
_SIGNATURE: Final = "webhook-signature"


class BadWebhookError(Exception):
    """A webhook that must not be believed. The text says why."""


def webhook_key(master: bytes, webhook_id: str) -> bytes:
    """The key of one webhook, derived from the vault's: the store keeps no secret of any webhook."""
    return HKDF(
        algorithm=SHA256(), length=32, salt=None, info=b"webhook " + webhook_id.encode()
    ).derive(master)


def shown_secret(key: bytes) -> str:
    """The key as its receiver enters it."""
    return "whsec_" + base64.b64encode(key).decode()


def signed_headers(key: bytes, *, event_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers that prove where a body is from, when it was sent, and that it is whole."""
    seconds = str(int(at.timestamp()))
    return {
        _ID: event_id,
        _AT: seconds,
        _SIGNATURE: f"v1,{_mac(key, event_id, seconds, body)}",
        "content-type": "application/json",
    }


def check(key: bytes, headers: Mapping[str, str], body: bytes, *, now: datetime) -> str:
    """The id of a webhook that holds: what a receiver does, and what the tests hold the sender to.

    Raises:
        BadWebhookError: unsigned, altered, or from another time than about now.
    """
    event_id, seconds = headers.get(_ID, ""), headers.get(_AT, "")
    if not event_id or not seconds.isdecimal():
        raise BadWebhookError("id or timestamp is missing")
    wanted = _mac(key, event_id, seconds, body)
    given = [part.removeprefix("v1,") for part in headers.get(_SIGNATURE, "").split()]
    if not any(hmac.compare_digest(wanted, one) for one in given):
        raise BadWebhookError("the signature does not hold")
    if abs(now - datetime.fromtimestamp(int(seconds), tz=UTC)) > WINDOW:
        raise BadWebhookError("too old, or ahead of its time")
    return event_id


def _mac(key: bytes, event_id: str, seconds: str, body: bytes) -> str:
    message = f"{event_id}.{seconds}.".encode() + body
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
