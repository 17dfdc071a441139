"""Envelopes on disk: one file each, written whole or not at all, readable by its owner only."""

import contextlib
import os
import secrets
import struct
from pathlib import Path

from lookout.events import Sealed
from lookout.sealing.envelope import NONCE_BYTES

_MAGIC = b"LKS1"
_LENGTH = struct.Struct(">I")


class SealedFileError(Exception):
    """The file is no envelope, or cannot be read or written; the text names the file and says why."""


def make_private_folder(folder: Path) -> None:
    """Create the folder with mode 0700 if it is missing; its parents get the same."""
    if folder.is_dir():
        return
    make_private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def write_sealed(path: Path, sealed: Sealed) -> None:
    """Put the envelope on disk, in place of what was there; when this returns, it survives a power cut.

    Raises:
        SealedFileError: the disk refuses.
    """
    key_id = sealed.key_id.encode()
    content = b"".join([_MAGIC, _LENGTH.pack(len(key_id)), key_id, sealed.nonce, sealed.ciphertext])
    temporary = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        make_private_folder(path.parent)
        _write_new(temporary, content)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise SealedFileError(f"{path} cannot be written: {error.strerror}") from error


def read_sealed(path: Path) -> Sealed | None:
    """The envelope of a file, None where there is no file.

    Raises:
        SealedFileError: the file cannot be read, or is no envelope.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SealedFileError(f"{path} cannot be read: {error.strerror}") from error
    start = len(_MAGIC) + _LENGTH.size
    if len(content) < start or not content.startswith(_MAGIC):
        raise SealedFileError(f"{path} is damaged: it is no sealed file of Lookout")
    (length,) = _LENGTH.unpack(content[len(_MAGIC) : start])
    nonce_at = start + length
    if len(content) < nonce_at + NONCE_BYTES:
        raise SealedFileError(f"{path} is damaged: it is cut short")
    return Sealed(
        key_id=content[start:nonce_at].decode(errors="replace"),
        nonce=content[nonce_at : nonce_at + NONCE_BYTES],
        ciphertext=content[nonce_at + NONCE_BYTES :],
    )


def join_parts(text: bytes, picture: bytes) -> bytes:
    """One plaintext out of a JSON text and a picture."""
    return _LENGTH.pack(len(text)) + text + picture


def split_parts(plaintext: bytes) -> tuple[bytes, bytes]:
    """The JSON text and the picture of `join_parts`."""
    (length,) = _LENGTH.unpack(plaintext[: _LENGTH.size])
    end = _LENGTH.size + length
    return plaintext[_LENGTH.size : end], plaintext[end:]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
