"""Who said it: Ed25519 signatures, and the list of those whose word counts."""

import base64
import binascii
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lookout.events import Signature
from lookout.sealing.ports import DataKey

PUBLIC_KEY_BYTES = 32
ROLE_CONTROL = "control"
ROLE_RECEIPTS = "receipts"


class TrustError(Exception):
    """The list of trusted signers cannot be read or is no such list. Says what to do."""


class Signer:
    """Signs in one name. The private key is the secret of a vault key, ``signing/<name>``."""

    def __init__(self, name: str, key: DataKey) -> None:
        self.name = name
        self._private = Ed25519PrivateKey.from_private_bytes(key.secret)

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that others list to trust this signer."""
        return self._private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> Signature:
        """The signature over ``message``, with the signer's name."""
        return Signature(signer=self.name, value=self._private.sign(message))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedSigner:
    """A listed signer: ``roles`` is what their word counts for, ``demonstration`` that it counts nowhere real."""

    public_key: bytes
    roles: frozenset[str]
    demonstration: bool = False


class TrustStore:
    """The signers whose word counts, by name."""

    def __init__(self, signers: Mapping[str, TrustedSigner]) -> None:
        for name, signer in signers.items():
            if len(signer.public_key) != PUBLIC_KEY_BYTES:
                raise TrustError(
                    f"the public key of {name} must be {PUBLIC_KEY_BYTES} bytes, but got {len(signer.public_key)}"
                )
        self._signers = dict(signers)

    @classmethod
    def load(cls, path: Path) -> "TrustStore":
        """The list in a file that `save` wrote."""
        try:
            listed = json.loads(path.read_text())["signers"]
            return cls({entry["signer"]: _trusted(entry) for entry in listed})
        except OSError as error:
            raise TrustError(
                f"{path} cannot be read ({error.strerror}): nobody's word counts until it lists signers"
            ) from error
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise TrustError(
                f'{path} is no list of signers: wanted {{"signers": [{{"signer", "public_key" in base64, "roles", '
                f'"demonstration"}}]}} ({type(error).__name__})'
            ) from error

    def save(self, path: Path) -> None:
        """Write the list; a reader sees the old or the new one, whole."""
        listed = [
            {
                "signer": name,
                "public_key": base64.b64encode(signer.public_key).decode(),
                "roles": sorted(signer.roles),
                "demonstration": signer.demonstration,
            }
            for name, signer in sorted(self._signers.items())
        ]
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        temporary.write_text(json.dumps({"signers": listed}, indent=2) + "\n")
        temporary.replace(path)

    def adding(
        self,
        signer: Signer,
        *,
        roles: Iterable[str],
        demonstration: bool = False,
    ) -> "TrustStore":
        """This list and one more signer; a signer of the same name is replaced."""
        added = TrustedSigner(
            public_key=signer.public_key, roles=frozenset(roles), demonstration=demonstration
        )
        return TrustStore({**self._signers, signer.name: added})

    def signer(self, name: str) -> TrustedSigner | None:
        """What is listed of a signer."""
        return self._signers.get(name)

    def demonstration_signers(self) -> Sequence[str]:
        """The names of those whose word counts nowhere real."""
        return sorted(name for name, signer in self._signers.items() if signer.demonstration)

    def verify(self, signature: Signature, message: bytes, *, role: str) -> bool:
        """Whether a listed signer with this role signed exactly this message."""
        listed = self._signers.get(signature.signer)
        return (
            listed is not None
            and role in listed.roles
            and verify(listed.public_key, message, signature.value)
        )


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` over ``message`` was made with the private half of ``public_key``."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _trusted(entry: Mapping[str, object]) -> TrustedSigner:
    roles, demonstration = entry["roles"], entry.get("demonstration", False)
    if not isinstance(roles, list) or not isinstance(demonstration, bool):
        raise TypeError("roles must be a list and demonstration true or false")
    return TrustedSigner(
        public_key=base64.b64decode(str(entry["public_key"]), validate=True),
        roles=frozenset(str(role) for role in roles),
        demonstration=demonstration,
    )
