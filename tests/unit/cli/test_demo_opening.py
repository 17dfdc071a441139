"""The list that a demonstration hands in at the console: what the console asks for, and nothing made up silently."""

import csv
import io
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from lookout.enrolment.source import Row
from lookout.events import Response
from lookout_cli.control import ControlError
from lookout_cli.demo.opening import archive_of
from lookout_cli.demo.run import row_of
from lookout_console.domain.watchlists import read_row

TODAY = datetime.now(UTC).date()


@pytest.fixture(name="row")
def row_fixture(tmp_path: Path) -> Row:
    picture = tmp_path / "reference-17.PNG"
    picture.write_bytes(b"a picture")
    return row_of("reference-17", picture)


def _refused() -> "tuple[list[str], Refusals]":
    said: list[str] = []
    return said, Refusals(said)


class Refusals:
    def __init__(self, said: list[str]) -> None:
        self._said = said

    def __call__(self, row: Row, why: str) -> None:
        self._said.append(f"{row.reference}: {why}")


def _rows(archive: bytes) -> list[dict[str, str]]:
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        rows = list(csv.DictReader(io.StringIO(members.read("people.csv").decode())))
        assert all(members.read(row["picture"]) for row in rows)
    return rows


@pytest.mark.parametrize("response", list(Response))
def test_a_row_of_every_response_is_one_that_the_console_takes(
    row: Row, response: Response
) -> None:
    said, refused = _refused()
    (handed_in,) = _rows(archive_of([replace(row, response=response)], refused))
    taken, warnings = read_row(handed_in, TODAY)
    assert (taken.reference, taken.response, warnings) == ("reference-17", response, ())
    assert taken.legal_basis == "demonstration", "it says itself that it is none"
    assert said == []


def test_the_day_of_a_picture_is_kept_where_the_table_says_it(row: Row) -> None:
    _, refused = _refused()
    (handed_in,) = _rows(archive_of([replace(row, image_date=date(2019, 5, 1))], refused))
    assert handed_in["image_date"] == "2019-05-01"


def test_what_cannot_be_used_is_told_and_the_rest_goes_in(row: Row, tmp_path: Path) -> None:
    said, refused = _refused()
    rows = [
        replace(row, reference="reference-18", problem="the response is empty"),
        replace(row, reference="reference-19", image=tmp_path / "not-there.png"),
        row,
        row,
    ]
    (handed_in,) = _rows(archive_of(rows, refused))
    assert handed_in["reference"] == "reference-17"
    assert said == [
        "reference-18: the response is empty",
        "reference-19: cannot be read: No such file or directory",
        "reference-17: a list at the console has one picture of a person",
    ]


def test_a_list_of_nobody_is_refused(row: Row) -> None:
    _, refused = _refused()
    with pytest.raises(ControlError, match="nobody could be enrolled"):
        archive_of([replace(row, problem="the image is empty")], refused)
