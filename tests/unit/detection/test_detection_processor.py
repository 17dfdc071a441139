"""Frames in, sealed shots out, and every key accounted for."""

from dataclasses import replace
from datetime import timedelta

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookout.events import (
    DeploymentState,
    ErasureReason,
    Frame,
    Preview,
    Rejected,
    ServiceState,
)
from lookout.sealing.envelope import open_sealed
from lookout.sealing.ports import KeyringUnavailableError
from lookout.stream.ports import Partition
from lookout.stream.processor import Delivery, Outcome
from lookout.vision.arrays import Image
from lookout.vision.detector import Detections
from lookout_detection.settings import Settings
from unit.detection.scenes import (
    NOW,
    PACK,
    PICTURE,
    PICTURE_JPEG,
    Scene,
    deployment,
    face_at,
    faces_at,
    faces_of,
    jpeg,
    picture,
    previews_of,
    tracks_of,
)

TWO_SECONDS = timedelta(seconds=2)


def reasons(outcome: Outcome) -> list[ErasureReason]:
    return [order.reason for order in outcome.destroy]


def shown(preview: Preview) -> Image:
    image = cv2.imdecode(np.frombuffer(preview.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, dtype=np.uint8)


def spread(image: Image, left: int, top: int, side: int) -> float:
    """How much neighbouring pixels differ in a square: little where all is blocks."""
    part = image[top : top + side, left : left + side].astype(np.float32)
    return float(np.median(np.abs(np.diff(part, axis=1))))


def test_an_empty_batch_asks_nobody_for_anything() -> None:
    scene = Scene()
    before = scene.keyring.calls
    assert scene.processor.process([]) == Outcome()
    assert scene.keyring.calls == before


def test_a_frame_without_faces_is_done_with_at_once() -> None:
    scene = Scene()
    frame = scene.frame(0)
    outcome = scene.processor.process([frame])
    assert faces_of(outcome) == []
    assert reasons(outcome) == [ErasureReason.PROCESSED]
    assert outcome.destroy[0].key_id == frame.event.image.key_id
    assert outcome.destroy[0].captured_at == frame.event.captured_at
    assert scene.count("frames_total", camera="gate") == 1


def test_a_face_comes_out_sealed_under_a_key_of_its_own() -> None:
    scene = Scene(script=[face_at(200, 100)])
    frame = scene.frame(0)
    outcome = scene.processor.process([frame])
    (face,) = faces_of(outcome)
    (key,) = scene.keyring.get([face.chip.key_id])
    assert key is not None
    assert face.chip.key_id == face.thumbnail.key_id != frame.event.image.key_id
    chip = open_sealed(key, face.chip, what="chip", whose=face.face_id)
    thumbnail = open_sealed(key, face.thumbnail, what="thumbnail", whose=face.face_id)
    # The face is 100 pixels wide and lies straight: the chip is that square, 112 pixels wide.
    expected = cv2.resize(PICTURE[100:200, 200:300], (112, 112)).astype(np.float32)
    got = np.frombuffer(chip, np.uint8).reshape(112, 112, 3).astype(np.float32)
    assert np.corrcoef(expected.ravel(), got.ravel())[0, 1] > 0.9
    decoded = cv2.imdecode(np.frombuffer(thumbnail, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (150, 150, 3)
    assert (face.shot, face.chip_size, face.pack_sha256) == (1, 112, PACK)
    assert face.box == pytest.approx((200, 100, 300, 200))
    assert len(face.landmarks) == 10
    assert face.captured_at == frame.event.captured_at
    assert 0 < face.quality <= 1


def test_a_large_face_has_a_thumbnail_of_160_pixels_at_most() -> None:
    scene = Scene(script=[face_at(100, 20, side=400)])
    (face,) = faces_of(scene.processor.process([scene.frame(0)]))
    (key,) = scene.keyring.get([face.thumbnail.key_id])
    assert key is not None
    data = open_sealed(key, face.thumbnail, what="thumbnail", whose=face.face_id)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert max(decoded.shape) == 160


def test_all_faces_of_a_batch_get_their_keys_in_one_call() -> None:
    scene = Scene(script=[faces_at((100, 100, 200, 200), (400, 100, 500, 200))] * 2)
    frames = [scene.frame(0), scene.frame(0, camera="door")]
    before = scene.keyring.calls
    outcome = scene.processor.process(frames)
    assert len({face.chip.key_id for face in faces_of(outcome)}) == 4
    # Getting the frames' keys, opening the block, making the faces' keys.
    assert scene.keyring.calls - before == 3


def test_a_track_sends_two_shots_to_confirm_and_no_third_that_is_no_better() -> None:
    scene = Scene()
    outcomes = scene.passes(*[face_at(200 + 5 * n, 100) for n in range(12)])
    faces = faces_of(*outcomes)
    assert [face.shot for face in faces] == [1, 2]
    assert len({face.track_id for face in faces}) == 1
    assert faces[1].captured_at - faces[0].captured_at >= timedelta(milliseconds=250)


def test_a_deployment_that_wants_more_shots_gets_them() -> None:
    scene = Scene()
    scene.authority.deployments = [replace(deployment(), confirm_shots=6, confirm_of=6)]
    outcomes = scene.passes(*[face_at(200, 100)] * 20)
    assert len(faces_of(*outcomes)) == 6


def test_a_track_that_ends_says_how_many_shots_were_sent_and_refused() -> None:
    scene = Scene()
    small, good = face_at(200, 100, side=30), face_at(200, 100, side=56)
    outcomes = scene.passes(small, small, good, *[Detections.none()] * 12)
    assert len(faces_of(*outcomes)) == 1
    (track,) = tracks_of(*outcomes)
    assert (track.frames, track.shots) == (3, 1)
    assert track.rejected == (Rejected(reason="too_small", count=2),)
    assert track.last_seen - track.first_seen == timedelta(seconds=0.2)
    assert scene.count("shots_rejected_total", reason="too_small") == 2
    assert scene.count("tracks_ended_total", camera="gate") == 1
    assert scene.count("shots_sent_total", camera="gate") == 1


def test_faces_whose_numbers_mean_nothing_are_left_out() -> None:
    scene = Scene()
    broken = faces_at((100, 100, 200, 200), (np.nan, 0, 10, 10), (300, 300, 290, 310))
    outcomes = scene.passes(broken)
    assert len(faces_of(*outcomes)) == 1


def test_landmarks_that_coincide_cut_no_chip() -> None:
    # Quality limits that let anything through, so that the alignment has to refuse it.
    lenient = Settings(min_inter_eye_px=0, min_sharpness=0, max_yaw=180, max_pitch=180)
    scene = Scene(settings=lenient)
    found = face_at(200, 100)
    point = np.full_like(found.landmarks, 150)
    outcomes = scene.passes(Detections(found.boxes, found.scores, point))
    assert faces_of(*outcomes) == []
    assert scene.count("shots_rejected_total", reason="degenerate_landmarks") == 1


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


def test_cameras_have_tracks_of_their_own() -> None:
    scene = Scene(script=[face_at(200, 100), face_at(200, 100)])
    outcome = scene.processor.process([scene.frame(0), scene.frame(0, camera="door")])
    faces = faces_of(outcome)
    assert [face.camera_id for face in faces] == ["gate", "door"]
    assert faces[0].track_id != faces[1].track_id


def test_a_track_does_not_reach_from_one_deployment_into_the_next() -> None:
    scene = Scene(script=[face_at(200, 100), face_at(200, 100)])
    scene.authority.deployments = [deployment("market"), deployment("station")]
    first = scene.frame(0)
    second = scene.frame(1, at=NOW + timedelta(seconds=0.1), deployment_id="station")
    faces = faces_of(scene.processor.process([first, second]))
    assert faces[0].track_id != faces[1].track_id
    assert [face.chip.key_id.partition(":")[0] for face in faces] == [
        "block-market",
        "block-station",
    ]


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


def test_previews_come_once_a_second_and_are_no_wider_than_asked() -> None:
    scene = Scene()
    outcomes = scene.passes(*[face_at(200, 100)] * 25)
    previews = previews_of(*outcomes)
    assert [(each.captured_at - NOW).total_seconds() for each in previews] == [0, 1, 2]
    assert [each.faces for each in previews] == [1, 1, 1]
    assert shown(previews[0]).shape == (360, 640, 3)


def test_a_preview_of_a_small_picture_is_not_enlarged() -> None:
    scene = Scene()
    frame = scene.frame(0, content=jpeg(picture(320, 240)), size=(320, 240))
    (preview,) = previews_of(scene.processor.process([frame]))
    assert shown(preview).shape == (240, 320, 3)


def test_a_preview_shows_no_face_not_even_one_that_was_not_detected_this_time() -> None:
    scene = Scene()
    seen = scene.passes(face_at(300, 150, side=150), seconds=1.0)
    missed = scene.passes(Detections.none(), sequence=1)
    for preview in previews_of(*seen, *missed):
        image = shown(preview)
        # The face lies at 200..300, 100..200 of the smaller picture.
        assert spread(image, 205, 105, 90) < 0.2 * spread(image, 420, 220, 90)
    assert len(previews_of(*seen, *missed)) == 2


def test_time_alone_ends_the_tracks_that_no_frame_can_continue() -> None:
    scene = Scene()
    scene.passes(face_at(200, 100))
    early = scene.processor.tick(NOW + timedelta(seconds=2.9))
    late = scene.processor.tick(NOW + timedelta(seconds=3.1))
    assert early == Outcome()
    (track,) = tracks_of(late)
    assert track.last_seen == NOW
    assert scene.processor.tick(NOW + timedelta(seconds=9)) == Outcome()


def test_stopping_ends_every_track() -> None:
    scene = Scene(script=[face_at(200, 100), face_at(200, 100)])
    scene.processor.process([scene.frame(0), scene.frame(0, camera="door")])
    assert {track.camera_id for track in tracks_of(scene.processor.drain())} == {"gate", "door"}
    assert scene.processor.drain() == Outcome()


def test_a_camera_that_went_to_another_instance_is_forgotten() -> None:
    scene = Scene(script=[face_at(200, 100), face_at(200, 100)])
    scene.processor.process([scene.frame(0), scene.frame(0, camera="door")])
    scene.processor.revoked([Partition("frames", 0)])
    assert {track.camera_id for track in tracks_of(scene.processor.drain())} == {"door"}
    assert scene.count("tracks_dropped_total") == 1


def test_unused_keys_of_a_deployment_that_is_over_are_given_back_once() -> None:
    scene = Scene()
    scene.passes(face_at(200, 100))
    scene.processor.tick(scene.now)
    assert scene.issuer.retired == []
    scene.authority.deployments = []
    scene.processor.tick(scene.now)
    scene.processor.tick(scene.now)
    assert scene.issuer.retired == ["market"]


@pytest.mark.parametrize(
    ("packs", "state", "words"),
    [
        pytest.param([], ServiceState.NOT_RUNNING, "no deployment is in force", id="none"),
        pytest.param([PACK], ServiceState.LIVE, "", id="ours"),
        pytest.param(["b" * 64], ServiceState.NOT_RUNNING, "bbbbbbbbbbbb", id="another pack"),
        pytest.param(["b" * 64, PACK], ServiceState.DEGRADED, "bbbbbbbbbbbb", id="one of two"),
    ],
)
def test_the_service_says_how_it_stands(packs: list[str], state: ServiceState, words: str) -> None:
    scene = Scene()
    scene.authority.deployments = [
        replace(deployment(f"place-{number}"), pack_sha256=pack)
        for number, pack in enumerate(packs)
    ]
    got, reason = scene.processor.state(NOW)
    assert got is state
    assert words in reason
    assert bool(words) == bool(reason)


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
