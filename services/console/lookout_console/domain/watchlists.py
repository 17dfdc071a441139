"""Who may be on a list, with what said about them; and the identity of a list, which an authorising officer signs. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from lookout.events import Category, Response

from lookout_console.domain.errors import BadInputError

E = TypeVar("E", bound=StrEnum)

OLD_PICTURE: Final = timedelta(days=365 * 5)
MOST_ROWS: Final = 20_000
COLUMNS: Final = (
    "reference",
    "name",
    "picture",
    "category",
    "response",
    "reason",
    "legal_basis",
    "image_source",
    "image_date",
    "requested_by",
    "contact",
    "birth_date",
    "vulnerable",
    "extra_authority",
    "blue",
)
_REQUIRED: Final = (
    "reference",
    "name",
    "picture",
    "category",
    "response",
    "reason",
    "legal_basis",
    "image_source",
    "image_date",
    "requested_by",
)
_YES: Final = frozenset({"yes", "true", "1"})


class Outcome(StrEnum):
    """What became of a row."""

    ACCEPTED = "accepted"
    WARNING = "warning"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a row says of a person. `repr` names nobody."""

    reference: str
    name: str
    picture: str
    category: Category
    response: Response
    reason: str
    legal_basis: str
    image_source: str
    image_date: date
    requested_by: str
    contact: str
    under_18: bool
    vulnerable: bool
    extra_authority: str
    blue: bool

    def __repr__(self) -> str:
        """Only what is no secret."""
        return f"Said({self.category}, {self.response})"

    @property
    def needs_authority(self) -> bool:
        """Whether the person is under 18 or vulnerable (domain row 7)."""
        return self.under_18 or self.vulnerable


def read_row(row: Mapping[str, str], today: date) -> tuple[Said, tuple[str, ...]]:
    """What a row of the CSV says, and what to warn of.

    Raises:
        BadInputError: something required is missing or not in its closed list; red without whom to call; under 18 or
            vulnerable without the extra authority.
    """
    texts = {name: " ".join((row.get(name) or "").split())[:1000] for name in COLUMNS}
    missing = [name for name in _REQUIRED if not texts[name]]
    if missing:
        raise BadInputError(f"missing: {', '.join(missing)}")
    birth = _date("birth_date", texts["birth_date"]) if texts["birth_date"] else None
    said = Said(
        reference=texts["reference"][:120],
        name=texts["name"],
        picture=texts["picture"],
        category=_one_of(Category, "category", texts["category"]),
        response=_one_of(Response, "response", texts["response"]),
        reason=texts["reason"],
        legal_basis=texts["legal_basis"],
        image_source=texts["image_source"],
        image_date=_date("image_date", texts["image_date"]),
        requested_by=texts["requested_by"],
        contact=texts["contact"],
        under_18=birth is not None and _years(birth, today) < 18,
        vulnerable=texts["vulnerable"].lower() in _YES,
        extra_authority=texts["extra_authority"],
        blue=texts["blue"].lower() in _YES,
    )
    if said.image_date > today:
        raise BadInputError("image_date is in the future")
    if said.response is Response.RED and not said.contact:
        raise BadInputError("red needs a contact: who is called at once")
    if said.needs_authority and not said.extra_authority:
        raise BadInputError("under 18 or vulnerable: extra_authority must say who agreed and why")
    warnings = (
        ["the picture is older than five years"] if today - said.image_date > OLD_PICTURE else []
    )
    return said, tuple(warnings)


def line_of(entry_id: str, said: Said, picture: bytes) -> str:
    """The hash, hex, of everything about one entry."""
    fields = (
        *(entry_id, said.reference, said.name, said.category, said.response, said.reason),
        *(said.legal_basis, said.image_source, said.image_date.isoformat(), said.requested_by),
        *(said.contact, str(said.under_18), str(said.vulnerable), said.extra_authority),
        *(str(said.blue), hashlib.sha256(picture).hexdigest()),
    )
    return hashlib.sha256("\x1f".join(fields).encode()).hexdigest()


def list_hash(lines: Iterable[str]) -> str:
    """The identity of a composition, whatever the order. Withdrawn entries stay in: a withdrawal voids nothing."""
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _one_of(kind: type[E], name: str, text: str) -> E:
    try:
        return kind(text.lower())
    except ValueError:
        wanted = ", ".join(member.value for member in kind)
        raise BadInputError(f"{name} is one of: {wanted}") from None


def _date(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInputError(f"{name} is a date as 2026-11-27") from None


def _years(birth: date, today: date) -> int:
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))
