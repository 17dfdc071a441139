"""The pictures of an evaluation: from a folder with one folder per person, or from a CSV table."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

_PICTURES = frozenset({".jpg", ".jpeg", ".png"})
_COLUMNS = ("image", "person", "role", "group")


class SamplesError(Exception):
    """The folder or table cannot be used; the text says what is wanted."""


class Role(StrEnum):
    """What a picture may serve as. Without one, it is drawn."""

    GALLERY = "gallery"
    PROBE = "probe"


class Half(StrEnum):
    """Half of all people, by the SHA-256 of the person's name: the same everywhere, chosen by nobody.

    Half a has an even first byte: what the shipped packs have fitted was fitted on it. Half b was held out.
    """

    A = "a"
    B = "b"
    BOTH = "both"

    def holds(self, person: str) -> bool:
        """Whether a person belongs to it."""
        even = sha256(person.encode()).digest()[0] % 2 == 0
        return self is Half.BOTH or (self is Half.A) == even


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One picture of one person. ``group`` is what people said, empty where nobody did; it is never guessed."""

    image: Path
    person: str
    role: Role | None = None
    group: str = ""


def read_samples(source: Path, *, half: Half = Half.BOTH) -> Sequence[Sample]:
    """The pictures of a folder or table, ordered by person and name.

    A folder holds one folder per person, named by the person. A table (UTF-8, with a header) has the columns ``image``
    (relative to the table) and ``person``, and may have ``role`` (gallery, probe or empty) and ``group``.

    Raises:
        SamplesError: there is no such source, a column is missing, a role is none, or fewer than two people are in it.
    """
    if source.is_dir():
        found = _folder(source)
    elif source.is_file():
        found = _table(source)
    else:
        raise SamplesError(f"{source} does not exist: name a folder of folders, or a CSV table")
    kept = sorted(
        (sample for sample in found if half.holds(sample.person)),
        key=lambda sample: (sample.person, str(sample.image)),
    )
    if len({sample.person for sample in kept}) < 2:
        raise SamplesError(
            f"{source} holds pictures of fewer than two people: put one folder per person into it, or name a CSV table "
            "with the columns image and person"
        )
    return kept


def _folder(folder: Path) -> Iterable[Sample]:
    for person in sorted(path for path in folder.iterdir() if path.is_dir()):
        for image in sorted(person.iterdir()):
            if image.suffix.lower() in _PICTURES:
                yield Sample(image=image, person=person.name)


def _table(table: Path) -> Iterable[Sample]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header = [name.strip().lower() for name in reader.fieldnames or []]
            missing = [name for name in _COLUMNS[:2] if name not in header]
            if missing:
                raise SamplesError(
                    f"{table} has no column {' and no column '.join(missing)}: its first line must name image and person"
                )
            reader.fieldnames = header
            for cells in reader:
                yield _row(table, reader.line_num, cells)
    except (UnicodeDecodeError, csv.Error) as error:
        raise SamplesError(f"{table} is not a CSV table in UTF-8: {error}") from error


def _row(table: Path, line: int, cells: Mapping[str, str | None]) -> Sample:
    values = {name: (cells.get(name) or "").strip() for name in _COLUMNS}
    if not values["image"] or not values["person"]:
        raise SamplesError(f"{table.name} line {line}: image and person must not be empty")
    try:
        role = Role(values["role"].lower()) if values["role"] else None
    except ValueError:
        raise SamplesError(
            f"{table.name} line {line}: role must be gallery, probe or empty, but is {values['role']!r}"
        ) from None
    return Sample(
        image=table.parent / values["image"],
        person=values["person"],
        role=role,
        group=values["group"],
    )
