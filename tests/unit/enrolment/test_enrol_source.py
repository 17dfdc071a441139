"""Reading who is to be enrolled: folders, tables, and what is wrong with them."""

from pathlib import Path

import pytest
from lookout.enrolment.source import Defaults, SourceError, read_source
from lookout.events import Category, Response

DEFAULTS = Defaults(category=Category.WITNESS, response=Response.GREEN, reason="Appeal")
HEADER = "reference,image,category,response,name,reason\n"


def table(folder: Path, text: str) -> Path:
    path = folder / "people.csv"
    path.write_text(text, encoding="utf-8")
    return path


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def test_an_empty_folder_says_what_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds nobody"):
        read_source(tmp_path, defaults=DEFAULTS)


def test_an_empty_table_says_which_columns_are_wanted(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no column reference .* but is: empty"):
        read_source(table(tmp_path, ""))


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nothing\.csv does not exist"):
        read_source(tmp_path / "nothing.csv")


def test_a_folder_gives_a_person_per_folder_and_per_picture(tmp_path: Path) -> None:
    for name in ("P-2/b.png", "P-2/a.jpg", "P-1.JPG", "notes.txt", ".hidden.png", "P-2/.x.png"):
        touch(tmp_path / name)

    rows = list(read_source(tmp_path, defaults=DEFAULTS))

    assert [(row.reference, row.image.name) for row in rows] == [
        ("P-1", "P-1.JPG"),
        ("P-2", "a.jpg"),
        ("P-2", "b.png"),
    ]
    assert {(row.category, row.response, row.reason) for row in rows} == {
        (Category.WITNESS, Response.GREEN, "Appeal")
    }


def test_a_person_without_pictures_is_a_problem_of_that_person(tmp_path: Path) -> None:
    (tmp_path / "P-1").mkdir()
    touch(tmp_path / "P-2.png")

    rows = list(read_source(tmp_path, defaults=DEFAULTS))

    assert [row.problem for row in rows] == ["the folder is empty", ""]


def test_a_folder_needs_a_category_and_response(tmp_path: Path) -> None:
    touch(tmp_path / "P-1.png")

    with pytest.raises(SourceError, match="give a category and a response"):
        read_source(tmp_path)


def test_a_table_gives_its_rows_with_pictures_relative_to_it(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "\ufeffReference, Image ,category,response,name,reason,colour\n"
        'R-1,pictures/1.jpg,victim,RED,"Doe, Jo",At risk,blue\n'
        "\n"
        "R-2,2.jpg,witness,green,,\n",
    )

    first, second = read_source(path)

    assert (first.reference, first.name, first.reason) == ("R-1", "Doe, Jo", "At risk")
    assert first.image == tmp_path / "pictures" / "1.jpg"
    assert (first.category, first.response) == (Category.VICTIM, Response.RED)
    assert (second.place, second.problem) == ("people.csv line 4", "")


def test_a_missing_column_is_named_with_the_header_that_was_found(tmp_path: Path) -> None:
    path = table(tmp_path, "reference,picture,response\nR-1,1.jpg,red\n")

    with pytest.raises(
        SourceError, match=r"no column image and no column category.*reference, picture, response"
    ):
        read_source(path)


def test_defaults_stand_in_for_missing_columns_and_empty_cells(tmp_path: Path) -> None:
    path = table(tmp_path, "reference,image,category\nR-1,1.jpg,\nR-2,2.jpg,victim\n")

    first, second = read_source(path, defaults=DEFAULTS)

    assert (first.category, first.response, first.reason) == (
        Category.WITNESS,
        Response.GREEN,
        "Appeal",
    )
    assert second.category is Category.VICTIM


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (",,,,,x", "the reference is empty; the image is empty; the category is empty"),
        ("R-1,1.jpg,other,red,,", '"other" is no category: use one of wanted_by_courts, '),
        ("R-1,1.jpg,victim,blue,,", '"blue" is no response: use one of red, amber, green'),
        ("R-1,1.jpg", "the category is empty: use one of "),
    ],
)
def test_a_bad_row_carries_its_problem_and_the_rest_go_on(
    tmp_path: Path, line: str, problem: str
) -> None:
    path = table(tmp_path, f"{HEADER}{line}\nR-9,9.jpg,victim,red,,\n")

    bad, good = read_source(path)

    assert problem in bad.problem
    assert (good.reference, good.problem) == ("R-9", "")


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes("reference,image,category,response\nMüller,".encode("latin-1"))

    with pytest.raises(SourceError, match=r"UTF-8|to its end"):
        list(read_source(path))


def test_rows_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    path = table(tmp_path, HEADER + "R,1.jpg,victim,red,,\n" * 20_000)

    rows = read_source(path)

    assert next(rows).place == "people.csv line 2"
    assert sum(1 for _ in rows) == 19_999


def test_a_table_tells_when_a_picture_was_taken(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "reference,image,category,response,image_date\n"
        "R-1,1.jpg,victim,red,2020-02-29\nR-2,2.jpg,victim,red,29.2.2020\nR-3,3.jpg,victim,red,\n",
    )

    first, second, third = read_source(path)

    assert first.image_date is not None
    assert first.image_date.isoformat() == "2020-02-29"
    assert second.problem == '"29.2.2020" is no date of the picture: write it as 2024-12-31'
    assert (third.image_date, third.problem) == (None, "")
