"""Frames in; sealed shots, track summaries and previews out."""

from dataclasses import replace
from datetime import timedelta

import cv2
import numpy as np
import pytest
from lookout.events import (
    ErasureReason,
    Preview,
    Rejected,
    ServiceState,
)
from lookout.sealing.envelope import open_sealed
from lookout.stream.ports import Partition
from lookout.stream.processor import Outcome
from lookout.vision.arrays import Image
from lookout.vision.detector import Detections
from lookout_detection.settings import Settings
from unit.detection.scenes import (
    NOW,
    PACK,
    PICTURE,
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
