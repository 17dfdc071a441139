"""The vault as a folder: one file per key, wrapped by a key derived from a secret that is not in the folder.

For keys that must outlive a restart. Keep the folder outside backups: a copy of a wrapped key outlives its destruction,
and opens for whoever has the secret. In production a KMS takes this place.
"""

import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lookout.sealing.envelope import KEY_BYTES, NONCE_BYTES, TAG_BYTES
from lookout.sealing.ports import DataKey, KeyGoneError, VaultError

_MAGIC = b"LKV1"
_FILE_BYTES = len(_MAGIC) + NONCE_BYTES + KEY_BYTES + TAG_BYTES
_SUFFIX = ".key"
_KINDS = ("watchlist", "people", "evidence", "signing", "ledger")
_NAME = re.compile(rf"({'|'.join(_KINDS)})/[A-Za-z0-9][A-Za-z0-9._-]{{0,99}}")
_LEAST_SECRET_BYTES = 32


class FileVault:
    """`lookout.sealing.ports.Vault` in ``folder``, which must exist. Several processes may use it at once."""

    def __init__(self, folder: Path, secret: bytes) -> None:
        if not folder.is_dir():
            raise VaultError(f"no vault folder {folder}: create it with mode 0700, outside backups")
        if len(secret) < _LEAST_SECRET_BYTES:
            raise VaultError(
                f"the vault's secret must be at least {_LEAST_SECRET_BYTES} bytes, but got {len(secret)}: make one "
                "with generate_secret_file"
            )
        self._folder = folder
        # The secret is random, not a password, so HKDF is enough.
        derivation = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"lookout.v1|vault")
        self._wrapping = AESGCM(derivation.derive(secret))

    def get(self, name: str) -> DataKey:
        """The key; `KeyGoneError` if there is none (any more), `VaultError` if it does not open."""
        try:
            stored = self._path(name).read_bytes()
        except FileNotFoundError:
            raise KeyGoneError(f"no key {name} in the vault") from None
        except OSError as error:
            raise VaultError(f"key {name} cannot be read: {error.strerror}") from error
        return DataKey(name, self._unwrapped(name, stored))

    def create(self, name: str) -> DataKey:
        """A fresh key, on disk when this returns. `VaultError` if the name is taken."""
        path = self._path(name)
        secret = secrets.token_bytes(KEY_BYTES)
        nonce = secrets.token_bytes(NONCE_BYTES)
        wrapped = _MAGIC + nonce + self._wrapping.encrypt(nonce, secret, name.encode())
        path.parent.mkdir(mode=0o700, exist_ok=True)
        temporary = path.parent / f".{secrets.token_hex(8)}"
        try:
            _write_new(temporary, wrapped)
            # A link appears whole or not at all, and never over another's.
            os.link(temporary, path)
        except FileExistsError:
            raise VaultError(f"key {name} is in the vault already") from None
        except OSError as error:
            raise VaultError(f"key {name} cannot be written: {error.strerror}") from error
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
        return DataKey(name, secret)

    def get_or_create(self, name: str) -> DataKey:
        """The key, made if there is none."""
        try:
            return self.get(name)
        except KeyGoneError:
            pass
        try:
            return self.create(name)
        except VaultError:
            # Somebody else was faster; if that is not why, this says what is.
            return self.get(name)

    def destroy(self, name: str) -> None:
        """Overwrite the file, then remove it.

        This proves that the vault cannot give the key any more. It does not prove that no trace of the wrapped file is
        left on the medium: copy-on-write file systems, SSDs, snapshots and backups keep old blocks. Such a trace opens
        only with the vault's secret; destroying that is what ends all of them.
        """
        path = self._path(name)
        try:
            with path.open("r+b") as file:
                file.write(secrets.token_bytes(_FILE_BYTES))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            raise VaultError(f"key {name} cannot be destroyed: {error.strerror}") from error
        _sync_folder(path.parent)

    def names(self) -> Sequence[str]:
        """The names of all keys, in order."""
        return sorted(
            f"{kind}/{path.name.removesuffix(_SUFFIX)}"
            for kind in _KINDS
            for path in (self._folder / kind).glob(f"[!.]*{_SUFFIX}")
        )

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise VaultError(
                f"a vault name must be one of {', '.join(_KINDS)}, a slash, and letters, digits, dots, underscores or "
                f"hyphens, but got {name!r}"
            )
        return self._folder / f"{name}{_SUFFIX}"

    def _unwrapped(self, name: str, stored: bytes) -> bytes:
        if len(stored) != _FILE_BYTES or not stored.startswith(_MAGIC):
            raise VaultError(f"the file of key {name} is damaged, or no key of this vault")
        body = stored[len(_MAGIC) :]
        try:
            return self._wrapping.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], name.encode())
        except InvalidTag:
            raise VaultError(
                f"key {name} does not open: the vault's secret is another one than it was wrapped with, or the file was "
                "altered or renamed"
            ) from None


def generate_secret_file(path: Path) -> None:
    """Write a fresh vault secret, readable by its owner only. `VaultError` if the file exists: it may be in use."""
    try:
        _write_new(path, secrets.token_hex(KEY_BYTES).encode() + b"\n")
    except FileExistsError:
        raise VaultError(f"{path} exists: keys may be wrapped with it, so it stays") from None
    except OSError as error:
        raise VaultError(f"{path} cannot be written: {error.strerror}") from error


def read_secret_file(path: Path) -> bytes:
    """The vault's secret, as `FileVault` takes it."""
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise VaultError(
            f"the vault's secret {path} cannot be read ({error.strerror}): make one, or mount it"
        ) from error


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
