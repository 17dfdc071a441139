"""Whose word counts: the list of signers, and Ed25519."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

CONTROL = "control"
RECEIPTS = "receipts"


class TrustError(Exception):
    """The list of signers cannot be read. Says what to do."""


@dataclass(frozen=True, slots=True)
class _Signer:
    public_key: bytes
    roles: frozenset[str]


class Trust:
    """The listed signers."""

    def __init__(self, path: Path) -> None:
        """Read ``trust.json``."""
        try:
            listed: list[Mapping[str, object]] = json.loads(path.read_text())["signers"]
            self._signers = {str(entry["signer"]): _signer(entry) for entry in listed}
        except (OSError, ValueError, KeyError, TypeError, binascii.Error) as error:
            raise TrustError(
                f"{path} is no list of signers ({type(error).__name__}): give the trust.json of the system"
            ) from error

    def signed(self, signer: str, message: bytes, signature: bytes, *, role: str) -> bool:
        """Whether a listed signer with this role signed exactly this message."""
        listed = self._signers.get(signer)
        if listed is None or role not in listed.roles:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(listed.public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def _signer(entry: Mapping[str, object]) -> _Signer:
    roles = entry["roles"]
    if not isinstance(roles, list):
        raise TypeError("roles must be a list")
    key = base64.b64decode(str(entry["public_key"]), validate=True)
    return _Signer(key, frozenset(str(role) for role in roles))
