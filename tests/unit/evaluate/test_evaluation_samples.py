"""Pictures of an evaluation come from a folder or a table; what is wrong with either is told in one sentence."""

from pathlib import Path

import pytest
from lookout_cli.evaluate.samples import Half, Role, SamplesError, read_samples


def folder(root: Path, **people: int) -> Path:
    for person, pictures in people.items():
        (root / person).mkdir(parents=True)
        for number in range(pictures):
            (root / person / f"{number}.jpg").write_bytes(b"")
    return root


def test_an_empty_folder_says_what_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(SamplesError, match="one folder per person"):
        read_samples(tmp_path)


def test_a_folder_gives_every_picture_its_person(tmp_path: Path) -> None:
    (folder(tmp_path, b=1, a=2) / "a" / "notes.txt").write_text("no picture")

    assert [(one.person, one.image.name) for one in read_samples(tmp_path)] == [
        ("a", "0.jpg"),
        ("a", "1.jpg"),
        ("b", "0.jpg"),
    ]


def test_a_table_gives_roles_and_groups_as_people_wrote_them(tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("Person,Image,Role,Group\na,a/1.jpg,gallery,x\na,a/2.jpg,probe,x\nb,b.jpg,,\n")

    rows = [(one.person, one.role, one.group) for one in read_samples(table)]

    assert rows == [("a", Role.GALLERY, "x"), ("a", Role.PROBE, "x"), ("b", None, "")]
    assert read_samples(table)[0].image == tmp_path / "a" / "1.jpg"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no column image and no column person"),
        ("image\n1.jpg\n", "no column person"),
        ("image,person\n1.jpg,\n", "line 2: image and person must not be empty"),
        ("image,person,role\n1.jpg,a,both\n", "line 2: role must be gallery, probe or empty"),
        ("image,person\n1.jpg,a\n2.jpg,a\n", "fewer than two people"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path: Path, text: str, told: str) -> None:
    table = tmp_path / "people.csv"
    table.write_text(text)

    with pytest.raises(SamplesError, match=told):
        read_samples(table)


def test_the_halves_are_all_people_once(tmp_path: Path) -> None:
    source = folder(tmp_path, **{f"person-{number}": 1 for number in range(40)})

    first = {one.person for one in read_samples(source, half=Half.A)}
    second = {one.person for one in read_samples(source, half=Half.B)}

    assert not first & second
    assert len(first | second) == 40
    assert 8 < len(first) < 32
