"""Evidence of alerts, re-sealed under the vault's key of their day: a day is forgotten by destroying one key."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date
from pathlib import Path
from typing import Final

from lookout.events import Alert
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

_WHAT = "evidence"
_ENDING: Final = ".sealed"
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_ALERT: TypeAdapter[Alert] = TypeAdapter(Alert)


class EvidenceStoreError(Exception):
    """Evidence cannot be had or kept; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """An alert as kept: without its sealed thumbnail, which is opened here. ``thumbnail_jpeg`` is for human eyes."""

    alert: Alert
    thumbnail_jpeg: bytes


class EvidenceStore:
    """One folder per day (UTC, of the alert's first revision) with one sealed file per alert.

    Every method may raise `lookout.sealing.ports.VaultError`; an alert id that could not be a file's name is a
    ValueError.
    """

    def __init__(self, *, root: Path, vault: Vault) -> None:
        self._root = root
        self._vault = vault

    def save(self, alert: Alert, thumbnail_jpeg: bytes | None) -> None:
        """Commit an alert with its opened thumbnail: when this returns, it survives a power cut.

        Only then may the caller destroy the thumbnail's key. A later revision brings no thumbnail (None): the one
        that is kept stays. Saving the same alert again changes nothing.

        Raises:
            EvidenceStoreError: the disk refuses, or what is kept already does not open.
        """
        path = self._find(alert.alert_id)
        kept = None if path is None else self._open(path, alert.alert_id)
        if kept is not None and kept.alert.revision > alert.revision:
            alert = kept.alert
        picture = thumbnail_jpeg or (kept.thumbnail_jpeg if kept is not None else b"")
        if path is None:
            day = alert.alerted_at.astimezone(UTC).date()
            path = self._root / day.isoformat() / f"{_checked(alert.alert_id)}{_ENDING}"
        plaintext = join_parts(_ALERT.dump_json(replace(alert, thumbnail=None)), picture)
        key = self._vault.get_or_create(_key_name(path.parent.name))
        try:
            write_sealed(path, seal(key, plaintext, what=_WHAT, whose=alert.alert_id))
        except SealedFileError as error:
            raise EvidenceStoreError(
                f"{error}. The evidence is not kept; free space and try again"
            ) from error

    def get(self, alert_id: str) -> Evidence | None:
        """What is kept of an alert, None where nothing is.

        Raises:
            EvidenceStoreError: its day's key is gone or another one, or the file is damaged.
        """
        path = self._find(alert_id)
        return None if path is None else self._open(path, alert_id)

    def alerts(self) -> Iterator[str]:
        """Ids of all alerts kept, oldest day first; nothing is opened."""
        for path in sorted(self._root.glob(f"*/[!.]*{_ENDING}")):
            yield path.name.removesuffix(_ENDING)

    def count_before(self, day: date) -> int:
        """How many alerts are kept of days before ``day``; nothing is opened."""
        return sum(len(list(folder.glob(f"[!.]*{_ENDING}"))) for folder in self._before(day))

    def purge_before(self, day: date) -> int:
        """Forget all days before ``day``: each day's key first, then its files. How many alerts there were."""
        count = self.count_before(day)
        for folder in self._before(day):
            self._vault.destroy(_key_name(folder.name))
            shutil.rmtree(folder)
        return count

    def _before(self, day: date) -> list[Path]:
        return [folder for folder in self._days() if date.fromisoformat(folder.name) < day]

    def _days(self) -> list[Path]:
        pattern = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
        return sorted(path for path in self._root.glob(pattern) if path.is_dir())

    def _find(self, alert_id: str) -> Path | None:
        name = f"{_checked(alert_id)}{_ENDING}"
        return next((day / name for day in self._days() if (day / name).exists()), None)

    def _open(self, path: Path, alert_id: str) -> Evidence | None:
        day = path.parent.name
        try:
            sealed = read_sealed(path)
            if sealed is None:
                return None
            key = self._vault.get(_key_name(day))
            text, picture = split_parts(open_sealed(key, sealed, what=_WHAT, whose=alert_id))
        except KeyGoneError as error:
            raise EvidenceStoreError(
                f"evidence of {day} cannot be read: the vault has no key for that day. It was purged, or this is "
                "another vault"
            ) from error
        except CannotOpenError as error:
            raise EvidenceStoreError(
                f"evidence of alert {alert_id} does not open with the vault's key of {day}: this vault is not the "
                "one it was stored with, or the file was altered"
            ) from error
        except SealedFileError as error:
            raise EvidenceStoreError(str(error)) from error
        return Evidence(alert=_ALERT.validate_json(text), thumbnail_jpeg=picture)


def _key_name(day: str) -> str:
    return f"evidence/{day}"


def _checked(alert_id: str) -> str:
    if not _ID.fullmatch(alert_id):
        raise ValueError(f"the alert id must be letters, digits and hyphens, but is {alert_id!r}")
    return alert_id
