"""Where people to enrol come from: a folder of pictures, or a CSV table that names them.

Rows are read one by one: a table of twenty thousand takes no more memory than one of ten.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from lookout.events import Category, Response

_PICTURES = frozenset({".jpg", ".jpeg", ".png"})
_Choice = TypeVar("_Choice", bound=StrEnum)


class SourceError(Exception):
    """The folder or table as a whole cannot be used; the text says what is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds for people whose source does not say: a folder says nothing but references."""

    category: Category | None = None
    response: Response | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One picture of one person.

    ``place`` says where it stands in the source, for people. ``problem`` says why the row cannot be used, empty when
    it can; then ``category`` and ``response`` are set. ``image_date`` is the day the picture was taken, as far as the
    source says.
    """

    place: str
    reference: str
    image: Path
    category: Category | None
    response: Response | None
    name: str
    reason: str
    problem: str
    image_date: date | None = None


def read_source(path: Path, *, defaults: Defaults | None = None) -> Iterator[Row]:
    """The rows of a source, lazily; what is wrong with the source as a whole is raised at once.

    A folder holds one folder per person (its name is the reference, its pictures are theirs) or one picture per
    person (its name without the ending is the reference), or both. A CSV table (UTF-8, with a header) has the columns
    ``reference``, ``image`` (relative to the table), ``category``, ``response``, and may have ``name``, ``reason`` and
    ``image_date`` (as 2024-12-31); rows with one reference are pictures of one person. Columns that `defaults` covers may be missing.

    Raises:
        SourceError: there is no such folder or table, a column is missing, or nobody is in it.
    """
    known = defaults or Defaults()
    if path.is_dir():
        return _folder_rows(path, known)
    if path.is_file():
        return _table_rows(path, known)
    raise SourceError(f"{path} does not exist: name a folder of pictures or a CSV table")


def _folder_rows(folder: Path, defaults: Defaults) -> Iterator[Row]:
    if defaults.category is None or defaults.response is None:
        raise SourceError(
            f"{folder} is a folder, which cannot say why its people are sought: "
            "give a category and a response for all of them, or name a CSV table"
        )
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    people = [path for path in entries if path.is_dir() or path.suffix.lower() in _PICTURES]
    if not people:
        raise SourceError(
            f"{folder} holds nobody: put one folder, or one .jpg or .png, per person into it"
        )
    return _folder_people(people, defaults)


def _folder_people(people: list[Path], defaults: Defaults) -> Iterator[Row]:
    for person in people:
        if person.is_file():
            yield _folder_row(person.stem, person, defaults, "")
            continue
        images = sorted(path for path in person.iterdir() if not path.name.startswith("."))
        if not images:
            yield _folder_row(person.name, person, defaults, "the folder is empty")
        for image in images:
            yield _folder_row(person.name, image, defaults, "")


def _folder_row(reference: str, image: Path, defaults: Defaults, problem: str) -> Row:
    return Row(
        place=str(image),
        reference=reference,
        image=image,
        category=defaults.category,
        response=defaults.response,
        name="",
        reason=defaults.reason,
        problem=problem,
    )


def _table_rows(table: Path, defaults: Defaults) -> Iterator[Row]:
    wanted = ["reference", "image"]
    wanted += ["category"] if defaults.category is None else []
    wanted += ["response"] if defaults.response is None else []
    header = _header(table)
    missing = [column for column in wanted if column not in header]
    if missing:
        raise SourceError(
            f"{table} has no column {' and no column '.join(missing)}: its first line must name "
            f"{', '.join(wanted)}, but is: {', '.join(header) or 'empty'}"
        )
    return _read_table(table, header, defaults)


def _header(table: Path) -> list[str]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            return [column.strip().lower() for column in next(csv.reader(file), [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{table} is not a CSV table in UTF-8: {error}") from error


def _read_table(table: Path, header: list[str], defaults: Defaults) -> Iterator[Row]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            next(reader)
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    values = {
                        column: cell.strip() for column, cell in zip(header, cells, strict=False)
                    }
                    yield _table_row(table, reader.line_num, values, defaults)
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{table} cannot be read to its end: {error}") from error


def _table_row(table: Path, line: int, values: Mapping[str, str], defaults: Defaults) -> Row:
    reference, image = values.get("reference", ""), values.get("image", "")
    category, category_problem = _choice(Category, values.get("category", ""), defaults.category)
    response, response_problem = _choice(Response, values.get("response", ""), defaults.response)
    image_date, date_problem = _day(values.get("image_date", ""))
    problems = [
        "" if reference else "the reference is empty",
        "" if image else "the image is empty",
        category_problem,
        response_problem,
        date_problem,
    ]
    return Row(
        place=f"{table.name} line {line}",
        reference=reference,
        image=table.parent / image,
        category=category,
        response=response,
        name=values.get("name", ""),
        reason=values.get("reason", "") or defaults.reason,
        problem="; ".join(problem for problem in problems if problem),
        image_date=image_date,
    )


def _day(text: str) -> tuple[date | None, str]:
    """The day that a cell names, and what is wrong with the cell."""
    try:
        return (date.fromisoformat(text) if text else None), ""
    except ValueError:
        return None, f'"{text}" is no date of the picture: write it as 2024-12-31'


def _choice(kind: type[_Choice], text: str, default: _Choice | None) -> tuple[_Choice | None, str]:
    """The value that a cell names, and what is wrong with the cell."""
    allowed = ", ".join(kind)
    if not text:
        return (
            default,
            "" if default else f"the {kind.__name__.lower()} is empty: use one of {allowed}",
        )
    try:
        return kind(text.lower()), ""
    except ValueError:
        return None, f'"{text}" is no {kind.__name__.lower()}: use one of {allowed}'
