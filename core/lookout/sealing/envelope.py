"""Envelopes: AES-256-GCM around what is biometric, bound to what it is and whose.

The additional data is not stored with the ciphertext: whoever opens an envelope says what it should hold, so a sealed
thumbnail cannot be passed off as a template, nor one person's as another's.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lookout.events import Sealed
from lookout.sealing.ports import CannotOpenError, DataKey

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16


def seal(key: DataKey, plaintext: bytes, *, what: str, whose: str) -> Sealed:
    """Seal ``plaintext`` under ``key`` with a fresh random nonce.

    ``what`` names the kind of content ("chip", "template", …), ``whose`` the id of what it belongs to. A key seals a
    handful of envelopes in its life, so random 96-bit nonces do not collide.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    ciphertext = _cipher(key).encrypt(nonce, plaintext, _additional(what, whose))
    return Sealed(key_id=key.key_id, nonce=nonce, ciphertext=ciphertext)


def open_sealed(key: DataKey, sealed: Sealed, *, what: str, whose: str) -> bytes:
    """The plaintext. Raises `CannotOpenError` when key, content or additional data are not what they should be."""
    if key.key_id != sealed.key_id:
        raise CannotOpenError(
            f"{what} of {whose} is sealed under key {sealed.key_id}, but key {key.key_id} was given"
        )
    if len(sealed.nonce) != NONCE_BYTES or len(sealed.ciphertext) < TAG_BYTES:
        raise CannotOpenError(
            f"{what} of {whose} is no envelope: the nonce must be {NONCE_BYTES} bytes and the ciphertext at least "
            f"{TAG_BYTES}, but got {len(sealed.nonce)} and {len(sealed.ciphertext)}"
        )
    try:
        return _cipher(key).decrypt(sealed.nonce, sealed.ciphertext, _additional(what, whose))
    except InvalidTag:
        # InvalidTag carries no text of its own, and the cause would only repeat that.
        raise CannotOpenError(
            f"{what} of {whose} does not open with key {key.key_id}: altered, or sealed as something else"
        ) from None


def _cipher(key: DataKey) -> AESGCM:
    if len(key.secret) != KEY_BYTES:
        raise CannotOpenError(
            f"key {key.key_id} must be {KEY_BYTES} bytes, but got {len(key.secret)}"
        )
    return AESGCM(key.secret)


def _additional(what: str, whose: str) -> bytes:
    return f"lookout.v1|{what}|{whose}".encode()
