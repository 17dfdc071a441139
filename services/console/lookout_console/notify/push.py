"""Web push to handsets, without a payload: the push service of the browser's maker learns that something waits, not what.

A push without a body needs no encryption (RFC 8291), only the sender's VAPID signature (RFC 8292), which the
cryptography that is here already makes.
"""

import base64
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import Engine, delete, insert, select

from lookout_console.journal import Clock
from lookout_console.notify.tables import push_subscriptions

_TTL_S: Final = 120
_TOKEN_LIVES: Final = timedelta(hours=12)
_TIMEOUT_S: Final = 5.0
_GONE: Final = frozenset({404, 410})


class PushRefusedError(Exception):
    """This is no address of a push service."""


class Push:
    """Subscriptions of handsets, and the pushing. ``key`` is a P-256 private key; ``contact`` a mailto: or https: address."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Clock,
        key: ec.EllipticCurvePrivateKey,
        contact: str,
        http: httpx.Client | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._key = key
        self._signing = ECKey.import_key(key)
        self._contact = contact
        self._http = http or httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False)

    def public_key(self) -> str:
        """What a browser subscribes with: the uncompressed point, base64url."""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return base64.urlsafe_b64encode(point).rstrip(b"=").decode()

    def subscribe(self, account_id: str, endpoint: str) -> None:
        """Push to a browser from now on.

        Raises:
            PushRefusedError: not an https address.
        """
        parts = urlsplit(endpoint)
        if parts.scheme != "https" or not parts.hostname or len(endpoint) > 2000:
            raise PushRefusedError("a push service has an https address")
        with self._engine.begin() as connection:
            connection.execute(
                delete(push_subscriptions).where(push_subscriptions.c.endpoint == endpoint)
            )
            connection.execute(
                insert(push_subscriptions).values(endpoint=endpoint, account_id=account_id)
            )

    def forget(self, account_id: str) -> None:
        """Push to no browser of an account any more."""
        with self._engine.begin() as connection:
            connection.execute(
                delete(push_subscriptions).where(push_subscriptions.c.account_id == account_id)
            )

    def push(self, account_ids: frozenset[str]) -> int:
        """Wake the handsets of these accounts; how many pushes were taken. Blocks for the push services."""
        with self._engine.connect() as connection:
            endpoints = connection.execute(
                select(push_subscriptions.c.endpoint).where(
                    push_subscriptions.c.account_id.in_(account_ids)
                )
            ).scalars()
            wanted = list(endpoints)
        return sum(self._push(endpoint) for endpoint in wanted)

    def _push(self, endpoint: str) -> bool:
        headers = {"TTL": str(_TTL_S), "Urgency": "high", "Authorization": self._vapid(endpoint)}
        try:
            answer = self._http.post(endpoint, headers=headers)
        except httpx.HTTPError:
            return False
        if answer.status_code in _GONE:
            with self._engine.begin() as connection:
                connection.execute(
                    delete(push_subscriptions).where(push_subscriptions.c.endpoint == endpoint)
                )
        return answer.is_success

    def _vapid(self, endpoint: str) -> str:
        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int((self._clock() + _TOKEN_LIVES).timestamp()),
            "sub": self._contact,
        }
        token = jwt.encode({"alg": "ES256", "typ": "JWT"}, claims, self._signing)
        return f"vapid t={token}, k={self.public_key()}"
