"""What is not looked at, what is rejected, and that every key is accounted for."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookout.events import (
    DeploymentState,
    ErasureReason,
    Frame,
    ServiceState,
)
from lookout.sealing.ports import KeyringUnavailableError
from lookout.stream.processor import Delivery, Outcome
from unit.detection.scenes import (
    NOW,
    PICTURE_JPEG,
    Scene,
    deployment,
    face_at,
    faces_of,
)

TWO_SECONDS = timedelta(seconds=2)


def reasons(outcome: Outcome) -> list[ErasureReason]:
    return [order.reason for order in outcome.destroy]


@pytest.mark.parametrize(
    ("change", "captured"),
    [
        pytest.param({"state": DeploymentState.STOPPED}, 0, id="stopped"),
        pytest.param({"closes_at": NOW}, -0.1, id="over"),
        pytest.param({"opens_at": NOW + TWO_SECONDS}, 0, id="not open yet"),
        pytest.param({"opens_at": NOW}, -0.1, id="captured before it opened"),
        pytest.param({"cameras": ("door",)}, 0, id="another camera"),
        pytest.param({"deployment_id": "station"}, 0, id="unknown"),
        pytest.param({"pack_sha256": "b" * 64}, 0, id="another model pack"),
    ],
)
def test_without_authority_a_frame_is_destroyed_unopened(
    change: dict[str, object], captured: float
) -> None:
    scene = Scene(script=[face_at(200, 100)])
    scene.authority.deployments = [
        # The changes are of the fields' own types; the table cannot say so.
        replace(deployment(), **change)  # type: ignore[arg-type]
    ]
    frame = scene.frame(0, at=NOW + timedelta(seconds=captured))
    before = scene.keyring.calls
    outcome = scene.processor.process([frame])
    assert outcome.produce == []
    assert reasons(outcome) == [ErasureReason.DEPLOYMENT_CLOSED]
    assert scene.detector.looks == 0
    assert scene.keyring.calls == before


@pytest.mark.parametrize(
    ("seconds", "skip"), [(-2.1, "stale"), (2.1, "from_the_future")], ids=["late", "early"]
)
def test_a_frame_that_is_not_of_now_is_destroyed_unopened(seconds: float, skip: str) -> None:
    scene = Scene()
    outcome = scene.processor.process([scene.frame(0, at=NOW + timedelta(seconds=seconds))])
    assert reasons(outcome) == [ErasureReason.STALE]
    assert scene.detector.looks == 0
    assert scene.count("frames_skipped_total", reason=skip) == 1


def test_a_camera_that_lags_is_looked_at_once_where_it_is_now() -> None:
    scene = Scene()
    late = [
        scene.frame(number, at=NOW - timedelta(seconds=0.8 - number / 10)) for number in range(4)
    ]
    timely = [
        scene.frame(number, camera="door", at=NOW - timedelta(seconds=0.2 - number / 10))
        for number in range(2)
    ]
    outcome = scene.processor.process([*late, *timely])
    kept = [order.key_id for order in outcome.destroy if order.reason is ErasureReason.PROCESSED]
    assert kept == [late[3].event.image.key_id, *(each.event.image.key_id for each in timely)]
    assert scene.count("frames_skipped_total", reason="shed") == 3
    assert scene.carry_out(outcome) == 6


def test_frames_shed_in_numbers_are_told_to_the_operator() -> None:
    scene = Scene()
    assert scene.processor.state(NOW) == (ServiceState.LIVE, "")
    late = [scene.frame(number, at=NOW - timedelta(seconds=0.8)) for number in range(24)]
    scene.processor.process(late)
    timely = [scene.frame(24 + number) for number in range(7)]
    scene.processor.process(timely)
    assert scene.processor.state(NOW) == (
        ServiceState.DEGRADED,
        "running degraded: 25 % of frames",
    )


def test_a_frame_whose_key_is_gone_is_skipped_and_counted() -> None:
    scene = Scene(script=[face_at(200, 100)])
    frame = scene.frame(0)
    scene.carry_out(scene.processor.process([frame]))
    again = scene.processor.process([frame])
    assert again == Outcome()
    assert scene.count("frames_skipped_total", reason="key_gone") == 1


def test_a_frame_that_comes_twice_in_a_batch_is_looked_at_once() -> None:
    scene = Scene()
    frame = scene.frame(0)
    outcome = scene.processor.process([frame, scene.delivery(frame.event)])
    assert reasons(outcome) == [ErasureReason.PROCESSED]
    assert scene.detector.looks == 1
    assert scene.count("frames_skipped_total", reason="duplicate") == 1


def test_a_frame_from_before_the_last_one_is_destroyed_and_begins_no_track() -> None:
    scene = Scene(script=[face_at(200, 100), face_at(600, 300)])
    newer = scene.frame(5)
    older = scene.frame(4, at=NOW - timedelta(seconds=0.1))
    outcome = scene.processor.process([newer, older])
    assert reasons(outcome) == [ErasureReason.PROCESSED, ErasureReason.STALE]
    assert len(faces_of(outcome)) == 1
    assert scene.count("frames_skipped_total", reason="out_of_order") == 1


def altered(frame: Delivery[Frame]) -> Delivery[Frame]:
    sealed = frame.event.image
    last = bytes([sealed.ciphertext[-1] ^ 1])
    broken = replace(sealed, ciphertext=sealed.ciphertext[:-1] + last)
    return Delivery(replace(frame.event, image=broken), frame.position)


def test_an_altered_frame_is_rejected_and_the_stream_goes_on() -> None:
    scene = Scene()
    bad, good = altered(scene.frame(0)), scene.frame(1)
    outcome = scene.processor.process([bad, good])
    (rejection,) = outcome.reject
    assert rejection.kind == "cannot_open"
    assert rejection.position == bad.position
    assert [key.reason for key in rejection.keys] == [ErasureReason.REJECTED]
    assert reasons(outcome) == [ErasureReason.PROCESSED]


@pytest.mark.parametrize(
    ("content", "size", "kind"),
    [
        pytest.param(b"", (960, 540), "bad_jpeg", id="nothing"),
        pytest.param(b"no picture", (960, 540), "bad_jpeg", id="no JPEG"),
        pytest.param(b"\xff\xd8 junk \xff\xd9", (960, 540), "bad_jpeg", id="damaged"),
        pytest.param(PICTURE_JPEG[:-2000], (960, 540), "bad_jpeg", id="cut short"),
        pytest.param(PICTURE_JPEG, (1280, 720), "wrong_size", id="other size than its record"),
    ],
)
def test_a_frame_that_is_not_its_jpeg_is_rejected(
    content: bytes, size: tuple[int, int], kind: str
) -> None:
    scene = Scene()
    frame = scene.frame(0, content=content, size=size)
    outcome = scene.processor.process([frame])
    (rejection,) = outcome.reject
    assert rejection.kind == kind
    assert [key.key_id for key in rejection.keys] == [frame.event.image.key_id]
    assert outcome.destroy == []
    assert scene.detector.looks == 0


def test_a_jpeg_that_a_camera_padded_with_zeros_is_looked_at() -> None:
    scene = Scene()
    outcome = scene.processor.process([scene.frame(0, content=PICTURE_JPEG + bytes(100))])
    assert reasons(outcome) == [ErasureReason.PROCESSED]


def test_a_batch_that_got_no_keys_can_be_repeated_and_gives_the_same_faces() -> None:
    scene = Scene(script=[face_at(200, 100)] * 2)
    frame = scene.frame(0)
    scene.issuer.fails = True
    with pytest.raises(KeyringUnavailableError):
        scene.processor.process([frame])
    assert scene.count("frames_total", camera="gate") == 0
    scene.issuer.fails = False
    outcome = scene.processor.process([frame])
    assert len(faces_of(outcome)) == 1
    assert reasons(outcome) == [ErasureReason.PROCESSED]
    assert scene.count("frames_total", camera="gate") == 1


kinds = st.sampled_from(
    ["good", "altered", "cut", "late", "early", "gone", "closed", "camera", "older", "again"]
)


def planted(scene: Scene, number: int, kind: str) -> Delivery[Frame]:
    """One frame with something about it."""
    at = NOW + timedelta(milliseconds=number)
    if kind in {"late", "early"}:
        return scene.frame(number, at=NOW + timedelta(seconds=5 if kind == "early" else -5))
    if kind == "older":
        return scene.frame(0, at=NOW - timedelta(milliseconds=number))
    frame = scene.frame(
        number,
        at=at,
        camera="elsewhere" if kind == "camera" else "gate",
        deployment_id="elsewhere" if kind == "closed" else "market",
        content=PICTURE_JPEG[:5000] if kind == "cut" else PICTURE_JPEG,
    )
    return altered(frame) if kind == "altered" else frame


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(kinds, max_size=5), max_size=4))
def test_every_key_that_comes_in_is_destroyed_once_and_every_new_one_has_its_face(
    batches: list[list[str]],
) -> None:
    scene = Scene()
    number, faces = 0, 0
    for plan in batches:
        batch: list[Delivery[Frame]] = []
        gone: set[str] = set()
        scene.detector.script = []
        for kind in plan:
            number += 1
            frame = planted(scene, number, kind)
            batch.append(frame)
            if kind == "again":
                batch.append(scene.delivery(frame.event))
            if kind == "gone":
                gone.add(frame.event.image.key_id)
                scene.carry_out(scene.processor.process([frame]))
        scene.detector.script = [face_at(40 * n % 800, 100) for n in range(len(batch))]
        outcome = scene.processor.process(batch)
        orders = [*outcome.destroy, *(key for bad in outcome.reject for key in bad.keys)]
        came = {each.event.image.key_id for each in batch}
        assert sorted(order.key_id for order in orders) == sorted(came - gone)
        assert scene.carry_out(outcome) == len(came - gone)
        faces += len(faces_of(outcome))
    assert scene.keyring.held() == len(scene.issuer.made) == faces
