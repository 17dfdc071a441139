"""The membership ledger: who was on which watchlist, and when. It stays when the watchlist goes, to answer "was I on it?".

Reference, category and dates; no name, no picture, no template. One sealed file per deployment, all under one key of the
vault, ``ledger/membership``: no deployment's id can be that key's name.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from lookout.events import Category
from lookout.sealing.envelope import open_sealed, seal
from lookout.sealing.ports import CannotOpenError, KeyGoneError, Vault
from pydantic import TypeAdapter

from lookout_cli.people.sealed_files import SealedFileError, read_sealed, write_sealed

LEDGER_KEY: Final = "ledger/membership"
_WHAT: Final = "membership"
_ENDING: Final = ".sealed"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class LedgerError(Exception):
    """The ledger cannot be read or written; the text says why and what to do, never who is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody who was enrolled."""

    reference: str
    category: Category
    enrolled_at: datetime

    def __repr__(self) -> str:
        """Name nobody: a person must not reach a log by way of a traceback."""
        return f"Member({self.category})"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One membership: somebody on the watchlist of a deployment. A window is None while it was never opened."""

    deployment_id: str
    member: Member
    opens_at: datetime | None
    closes_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """A deployment's members, by reference, and its window."""

    opens_at: datetime | None = None
    closes_at: datetime | None = None
    members: tuple[Member, ...] = ()


_SHEET: TypeAdapter[_Sheet] = TypeAdapter(_Sheet)


class MembershipLedger:
    """The ledger under one root folder. Every method may raise `LedgerError` and `lookout.sealing.ports.VaultError`."""

    def __init__(self, *, root: Path, vault: Vault) -> None:
        self._root = root
        self._vault = vault

    def enrolled(self, deployment_id: str, members: Iterable[Member]) -> None:
        """Note members. Who is in the ledger already keeps the date of the first enrolment."""
        sheet = self._read(deployment_id) or _Sheet()
        known = {member.reference: member for member in sheet.members}
        for member in members:
            first = known.get(member.reference, member)
            known[member.reference] = replace(member, enrolled_at=first.enrolled_at)
        if known:
            self._write(deployment_id, replace(sheet, members=tuple(known.values())))

    def window(self, deployment_id: str, *, opens_at: datetime, closes_at: datetime) -> None:
        """Note when a deployment was in force; nothing where the ledger knows none of its people."""
        sheet = self._read(deployment_id)
        if sheet is not None:
            self._write(deployment_id, replace(sheet, opens_at=opens_at, closes_at=closes_at))

    def entries(self, deployment_id: str) -> Sequence[LedgerEntry]:
        """The members of a deployment's watchlist."""
        sheet = self._read(deployment_id) or _Sheet()
        return [
            LedgerEntry(
                deployment_id=deployment_id,
                member=member,
                opens_at=sheet.opens_at,
                closes_at=sheet.closes_at,
            )
            for member in sheet.members
        ]

    def find(self, reference: str) -> Sequence[LedgerEntry]:
        """Every watchlist that somebody was on, in the order of enrolment."""
        found = [
            entry
            for path in self._root.glob(f"[!.]*{_ENDING}")
            for entry in self.entries(path.name.removesuffix(_ENDING))
            if entry.member.reference == reference
        ]
        return sorted(found, key=lambda entry: entry.member.enrolled_at)

    def _read(self, deployment_id: str) -> _Sheet | None:
        try:
            sealed = read_sealed(self._path(deployment_id))
            if sealed is None:
                return None
            key = self._vault.get(LEDGER_KEY)
            return _SHEET.validate_json(open_sealed(key, sealed, what=_WHAT, whose=deployment_id))
        except KeyGoneError as error:
            raise LedgerError(
                "the membership ledger cannot be read: the vault has no key for it. This is another vault"
            ) from error
        except CannotOpenError as error:
            raise LedgerError(
                f"the ledger of deployment {deployment_id} does not open: this vault is not the one it was written "
                "with, or the file was altered"
            ) from error
        except SealedFileError as error:
            raise LedgerError(str(error)) from error

    def _write(self, deployment_id: str, sheet: _Sheet) -> None:
        key = self._vault.get_or_create(LEDGER_KEY)
        sealed = seal(key, _SHEET.dump_json(sheet), what=_WHAT, whose=deployment_id)
        try:
            write_sealed(self._path(deployment_id), sealed)
        except SealedFileError as error:
            raise LedgerError(str(error)) from error

    def _path(self, deployment_id: str) -> Path:
        if not _ID.fullmatch(deployment_id):
            raise ValueError(
                "the deployment id must be letters, digits, dots, underscores and hyphens, but is "
                f"{deployment_id!r}"
            )
        return self._root / f"{deployment_id}{_ENDING}"
