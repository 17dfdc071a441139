"""The side-by-side picture: what it shows, and what it must not."""

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest
from lookout.enrolment.person import Person
from lookout.events import Alert, Category, Response, Sighting
from lookout_cli.people.side_by_side import _captions, age_in_words, side_by_side

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def alert(*, response: Response = Response.AMBER, demonstration: bool = False) -> Alert:
    sightings = tuple(
        Sighting(
            match_id="m", face_id="f", track_id="t", camera_id=camera, captured_at=at, score=0.87
        )
        for camera, at in (("north", NOON), ("south", NOON + timedelta(seconds=20)))
    )
    return Alert(
        deployment_id="dep",
        alert_id="alert",
        revision=1,
        entry_id="0123456789",
        category=Category.WITNESS,
        response=response,
        threshold=0.41,
        margin=0.2,
        captured_at=NOON,
        alerted_at=NOON,
        sightings=sightings,
        demonstration=demonstration,
        thumbnail=None,
    )


def picture(colour: tuple[int, int, int]) -> bytes:
    _, encoded = cv2.imencode(".jpg", np.full((200, 150, 3), colour, np.uint8))
    return encoded.tobytes()


def person(name: str = "") -> Person:
    return Person(
        reference="R-7",
        name=name,
        category=Category.WITNESS,
        response=Response.AMBER,
        reason="Saw it",
        image_jpeg=picture((255, 0, 0)),
    )


def texts(alert: Alert, person: Person | None) -> str:
    return "\n".join(line.text for line in _captions(alert, person, NOON + timedelta(seconds=25)))


def test_enrolled_is_at_the_left_and_probe_at_the_right() -> None:
    image = side_by_side(alert(), person(), picture((0, 0, 255)), now=NOON)

    assert image.shape == (560, 720, 3)
    assert image[250, 180].argmax() == 0
    assert image[250, 540].argmax() == 2


def test_captions_say_what_to_do_where_and_how_long_ago() -> None:
    said = texts(alert(), person("Ada"))

    for wanted in ("Possible match", "check before you act", "AMBER", "Ada", "Witness", "Saw it"):
        assert wanted in said
    assert "north, south" in said
    assert "12:00:20 UTC, 5 s ago" in said


def test_no_score_and_no_percentage_is_shown() -> None:
    said = texts(alert(), person())

    assert "%" not in said
    for number in ("0.87", "87", "0.41", "0.2"):
        assert number not in said


def test_an_unknown_person_shows_the_entry_and_a_nameless_one_the_reference() -> None:
    assert "Entry 01234567" in texts(alert(), None)
    assert "R-7" in texts(alert(), person())


def test_a_demonstration_says_so() -> None:
    assert "DEMONSTRATION" in texts(alert(demonstration=True), person())
    assert "DEMONSTRATION" not in texts(alert(), person())


@pytest.mark.parametrize("probe", [None, b"", b"no picture"])
def test_a_missing_probe_still_gives_a_picture(probe: bytes | None) -> None:
    missing = side_by_side(alert(), None, probe, now=NOON)
    shown = side_by_side(alert(), None, picture((0, 0, 255)), now=NOON)

    assert missing.shape == (560, 720, 3)
    assert not np.array_equal(missing, shown)


def test_each_response_has_its_colour() -> None:
    bands = {
        response: tuple(side_by_side(alert(response=response), None, None, now=NOON)[2, 700])
        for response in Response
    }

    assert len(set(bands.values())) == 3


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (-5, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h")],
)
def test_age_is_told_in_the_unit_that_fits(seconds: int, words: str) -> None:
    assert age_in_words(NOON, NOON + timedelta(seconds=seconds)) == words
