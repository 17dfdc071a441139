"""What counts as alerted, shed and lost: from alerts, shots and receipts alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lookout.events import Alert, Category, ErasureReason, Response, Sighting
from lookout_cli.chaos.account import Fate, PlantedPass, Seen, Shot

NOW = datetime(2026, 11, 28, tzinfo=UTC)
PASS = PlantedPass(
    pass_id="track",
    entry_id="entry",
    camera_id="planted",
    begins=NOW,
    ends=NOW + timedelta(seconds=1),
)
SHOWN = replace(PASS, camera_id="street", ends=NOW + timedelta(seconds=4), frames=4)


def _alert(name: str = "alert", *, track: str = "track", camera: str = "planted") -> Alert:
    sighting = Sighting(
        match_id="m", face_id="f", track_id=track, camera_id=camera, captured_at=NOW, score=0.9
    )
    return Alert(
        deployment_id="d",
        alert_id=name,
        revision=1,
        entry_id="entry",
        category=Category.WANTED_BY_COURTS,
        response=Response.AMBER,
        threshold=0.5,
        margin=None,
        captured_at=NOW,
        alerted_at=NOW,
        sightings=(sighting,),
        demonstration=True,
        thumbnail=None,
    )


def _seen(*ends: ErasureReason | None, camera: str = "planted") -> Seen:
    """Shots of the pass, and why the key of each ended; None: it has no receipt."""
    seen = Seen()
    for number, reason in enumerate(ends):
        seen.shots[f"face-{number}"] = Shot(
            track_id="track", camera_id=camera, key_id=f"b:{number}", captured_at=NOW
        )
        if reason is not None:
            seen.ends[f"b:{number}"] = reason
    return seen


def test_one_alert_is_right_and_two_are_one_too_many() -> None:
    seen = _seen(ErasureReason.NO_MATCH)
    seen.alerts["alert"] = _alert()
    assert (seen.judge(PASS, 2).fate, seen.judge(PASS, 2).doubled) == (Fate.ALERTED, 0)
    seen.alerts["again"] = _alert("again")
    assert seen.judge(PASS, 2).doubled == 1


def test_an_alert_of_another_pass_of_the_same_person_is_none_of_this_one() -> None:
    seen = _seen(ErasureReason.NO_MATCH, ErasureReason.NO_MATCH)
    seen.alerts["alert"] = _alert(track="another")
    assert seen.judge(PASS, 2).fate is Fate.LOST


@pytest.mark.parametrize(
    ("ends", "fate", "reason"),
    [
        ((ErasureReason.STALE,) * 3, Fate.SHED, "stale"),
        (
            (ErasureReason.EXPIRED, ErasureReason.EXPIRED, ErasureReason.UNCONFIRMED),
            Fate.SHED,
            "expired",
        ),
        ((ErasureReason.NO_MATCH,), Fate.SHED, "not_sent_whole"),
        ((ErasureReason.NO_MATCH,) * 3, Fate.LOST, "3 no_match"),
        (
            (ErasureReason.STALE, ErasureReason.UNCONFIRMED, ErasureReason.UNCONFIRMED),
            Fate.LOST,
            "2 unconfirmed",
        ),
        ((ErasureReason.DEPLOYMENT_CLOSED,) * 3, Fate.LOST, "3 deployment_closed"),
        ((None, None, None), Fate.LOST, "3 no receipt"),
    ],
)
def test_a_pass_without_an_alert_is_shed_only_where_its_receipts_excuse_it(
    ends: tuple[ErasureReason | None, ...], fate: Fate, reason: str
) -> None:
    judged = _seen(*ends).judge(PASS, 2)
    assert (judged.fate, judged.reason) == (fate, reason)


@pytest.mark.parametrize(
    ("frames", "fate", "reason"),
    [
        ((ErasureReason.PROCESSED,), Fate.SHED, "not_captured"),
        ((ErasureReason.STALE,) * 4, Fate.SHED, "stale"),
        ((ErasureReason.PROCESSED,) * 3, Fate.SHED, "seen_in_part"),
        ((ErasureReason.PROCESSED,) * 4, Fate.LOST, "2 unconfirmed"),
    ],
)
def test_a_pass_before_a_camera_is_owed_an_alert_where_its_images_were_looked_at(
    frames: tuple[ErasureReason, ...], fate: Fate, reason: str
) -> None:
    seen = _seen(ErasureReason.UNCONFIRMED, ErasureReason.UNCONFIRMED, camera="street")
    for number, end in enumerate(frames):
        seen.frames[f"frame:{number}"] = NOW
        seen.ends[f"frame:{number}"] = end
    judged = seen.judge(SHOWN, 2)
    assert (judged.fate, judged.reason) == (fate, reason)
    seen.alerts["alert"] = _alert(camera="street")
    assert seen.judge(SHOWN, 2).fate is Fate.ALERTED


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        ((ErasureReason.NO_MATCH, ErasureReason.NO_MATCH), "not_recognised"),
        ((ErasureReason.NO_MATCH, ErasureReason.NO_MATCH, ErasureReason.STALE), "seen_in_part"),
        ((ErasureReason.NO_MATCH,), "seen_too_shortly"),
    ],
)
def test_what_a_camera_saw_and_did_not_recognise_is_no_fault(
    ends: tuple[ErasureReason, ...], reason: str
) -> None:
    seen = _seen(*ends, camera="street")
    for number in range(4):
        seen.frames[f"frame:{number}"] = NOW
        seen.ends[f"frame:{number}"] = ErasureReason.PROCESSED
    assert seen.judge(SHOWN, 2).reason == reason


def test_a_key_is_accounted_for_by_its_receipt_or_by_being_alive() -> None:
    seen = _seen(ErasureReason.NO_MATCH, None, None)
    assert seen.unaccounted(["b:0", "b:1", "b:2"], {"b:1": True, "b:2": False}) == 1
