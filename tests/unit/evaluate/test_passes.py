"""A pass is one transaction: recognised once or missed, and what no pass explains is false."""

from pathlib import Path

import pytest
from lookout_cli.evaluate.passes import Claim, Pass, judge, read_passes
from lookout_cli.evaluate.samples import SamplesError

ENROLLED = frozenset({"reference-1", "reference-2"})


def passage(reference: str, begins: float, ends: float) -> Pass:
    return Pass(reference=reference, begins_s=begins, ends_s=ends)


def claim(reference: str, at: float) -> Claim:
    return Claim(reference=reference, at_s=at)


def test_nothing_seen_and_nothing_written_down_measures_nothing() -> None:
    found = judge([], [], enrolled=ENROLLED, faces_seen=0)

    assert (found.tpir, found.false_per_face) == (None, None)


def test_two_matches_in_a_pass_are_one_recognition_and_another_pass_is_another() -> None:
    first, second = passage("reference-1", 1, 4), passage("reference-1", 20, 24)

    found = judge(
        [first, second],
        [claim("reference-1", 2), claim("reference-1", 3)],
        enrolled=ENROLLED,
        faces_seen=2,
    )

    assert (found.recognised, found.missed) == ((first,), (second,))
    assert found.tpir is not None
    assert found.tpir.value == 0.5


def test_a_match_of_another_person_or_at_another_time_is_false() -> None:
    log = [passage("reference-1", 1, 4), passage("", 6, 8), passage("not on the list", 9, 12)]
    wrong = [claim("reference-2", 2), claim("reference-1", 7), claim("reference-1", 5.5)]

    found = judge(log, [claim("reference-1", 4.5), *wrong], enrolled=ENROLLED, faces_seen=10)

    assert found.false_claims == tuple(wrong)
    assert (len(found.recognised), found.strangers) == (1, 2)
    assert found.false_per_face is not None
    assert found.false_per_face.value == 0.3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("reference,begins_s\n", "no column ends_s"),
        ("reference,begins_s,ends_s\nr,soon,4\n", "line 2: begins_s and ends_s must be seconds"),
        ("reference,begins_s,ends_s\nr,5,4\n", "line 2: a pass must begin before it ends"),
    ],
)
def test_a_pass_log_that_cannot_be_used_says_why(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "passes.csv"
    path.write_text(text)

    with pytest.raises(SamplesError, match=told):
        read_passes(path)


def test_a_pass_log_is_read(tmp_path: Path) -> None:
    path = tmp_path / "passes.csv"
    path.write_text("reference,begins_s,ends_s\nreference-1,0.5,4\n,6,8\n")

    assert read_passes(path) == [passage("reference-1", 0.5, 4), passage("", 6, 8)]
