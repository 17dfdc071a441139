"""The command line's store of who is enrolled: names, reasons and pictures, sealed, and nowhere else.

Kafka and Qdrant know entry ids only. One folder per deployment, one sealed file per entry, under the vault's key
``people/<deployment_id>``: destroying that key forgets everybody at once, the files with it.
"""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lookout.enrolment.person import Person
from lookout.events import Category, Response
from lookout.sealing.envelope import open_sealed, seal
from lookout.sealing.ports import CannotOpenError, KeyGoneError, Vault
from pydantic import TypeAdapter

from lookout_cli.people.sealed_files import (
    SealedFileError,
    join_parts,
    read_sealed,
    split_parts,
    write_sealed,
)

_WHAT = "person"
_ENDING: Final = ".sealed"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TEXTS = TypeAdapter(dict[str, str])


class PeopleStoreError(Exception):
    """What is stored cannot be had; the text says why and what to do, never who it is."""


class PeopleStore:
    """The people of every deployment under one root folder (mode 0700, files 0600). Writes are atomic.

    Every method may raise `lookout.sealing.ports.VaultError`; an id that could not be a file's name is a ValueError.
    """

    def __init__(self, *, root: Path, vault: Vault) -> None:
        self._root = root
        self._vault = vault

    def put(self, deployment_id: str, entry_id: str, person: Person) -> None:
        """Seal a person to disk, in place of what the entry had; the deployment's key is made with its first entry.

        Raises:
            PeopleStoreError: the disk refuses.
        """
        path = self._path(deployment_id, entry_id)
        texts = {
            "reference": person.reference,
            "name": person.name,
            "category": str(person.category),
            "response": str(person.response),
            "reason": person.reason,
        }
        plaintext = join_parts(json.dumps(texts).encode(), person.image_jpeg)
        key = self._vault.get_or_create(_key_name(deployment_id))
        try:
            write_sealed(path, seal(key, plaintext, what=_WHAT, whose=entry_id))
        except SealedFileError as error:
            raise PeopleStoreError(str(error)) from error

    def get(self, deployment_id: str, entry_id: str) -> Person | None:
        """The person of an entry, None where the store has none.

        Raises:
            PeopleStoreError: the key is gone or another one, or the file is damaged.
        """
        try:
            sealed = read_sealed(self._path(deployment_id, entry_id))
            if sealed is None:
                return None
            key = self._vault.get(_key_name(deployment_id))
            return _person(open_sealed(key, sealed, what=_WHAT, whose=entry_id))
        except KeyGoneError as error:
            raise PeopleStoreError(
                f"the people of deployment {deployment_id} cannot be read: the vault has no key for them. They were "
                "purged, or this is another vault"
            ) from error
        except CannotOpenError as error:
            raise PeopleStoreError(
                f"entry {entry_id} of deployment {deployment_id} does not open with the vault's key: this vault is "
                "not the one it was stored with, or the file was altered. Use the right vault, or enrol again"
            ) from error
        except SealedFileError as error:
            raise PeopleStoreError(f"{error}. Enrol the entry again") from error

    def entries(self, deployment_id: str) -> Sequence[str]:
        """Ids of the deployment's stored entries, sorted; nothing is opened."""
        folder = self._folder(deployment_id)
        return sorted(path.name.removesuffix(_ENDING) for path in folder.glob(f"[!.]*{_ENDING}"))

    def remove(self, deployment_id: str, entry_id: str) -> bool:
        """Delete one entry's file; False where there was none. The deployment's key lives on for the others."""
        try:
            self._path(deployment_id, entry_id).unlink()
        except FileNotFoundError:
            return False
        return True

    def purge(self, deployment_id: str) -> int:
        """Forget a deployment's people: the key first, then the files. How many there were. Idempotent."""
        folder = self._folder(deployment_id)
        count = len(self.entries(deployment_id))
        self._vault.destroy(_key_name(deployment_id))
        if folder.exists():
            shutil.rmtree(folder)
        return count

    def _folder(self, deployment_id: str) -> Path:
        return self._root / _checked("deployment id", deployment_id)

    def _path(self, deployment_id: str, entry_id: str) -> Path:
        return self._folder(deployment_id) / f"{_checked('entry id', entry_id)}{_ENDING}"


def _person(plaintext: bytes) -> Person:
    text, picture = split_parts(plaintext)
    texts = _TEXTS.validate_json(text)
    return Person(
        reference=texts["reference"],
        name=texts["name"],
        category=Category(texts["category"]),
        response=Response(texts["response"]),
        reason=texts["reason"],
        image_jpeg=picture,
    )


def _key_name(deployment_id: str) -> str:
    return f"people/{deployment_id}"


def _checked(kind: str, value: str) -> str:
    """An id that may be a file's name: nothing that climbs out of its folder."""
    if not _ID.fullmatch(value):
        raise ValueError(
            f"the {kind} must be letters, digits, dots, underscores and hyphens, but is {value!r}"
        )
    return value
