"""Capture as a whole: what is sealed, and when it stays shut."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import cv2
import numpy as np
import pytest
from lookout.events import DeploymentState, ErasureReason, ServiceState
from lookout.ids import frame_id
from lookout.sealing.envelope import open_sealed
from lookout.sealing.ports import CannotOpenError
from unit.capture.capture_fakes import (
    eventually,
    live_deployment,
    raw_frame,
    utc_now,
)
from unit.capture.capture_stage import CAMERAS, Stage, recording, running, two_cameras

# Sealing.


def test_an_image_is_sealed_as_a_jpeg_that_only_its_own_key_and_id_open() -> None:
    stage = recording(raw_frame(width=200, height=100, value=77))
    with running(stage):
        eventually(stage.capture.finished.is_set, "finished")

    (frame,) = stage.outbox.frames
    jpeg = stage.open(frame)
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (50, 100, 3)
    assert abs(float(image.mean()) - 77) < 2
    assert (frame.width, frame.height) == (100, 50)
    assert b"\xff\xd8\xff" not in frame.image.ciphertext
    key = stage.keyring.get([frame.image.key_id])[0]
    assert key is not None
    with pytest.raises(CannotOpenError):
        open_sealed(key, frame.image, what="frame", whose="another")


def test_frames_are_numbered_without_gaps_and_their_ids_derive_from_the_run() -> None:
    frames = [raw_frame() for _ in range(12)]
    stage = recording(*frames)
    with running(stage):
        eventually(stage.capture.finished.is_set, "finished")

    sent = stage.outbox.frames
    assert [frame.sequence for frame in sent] == list(range(12))
    assert [frame.captured_at for frame in sent] == [frame.captured_at for frame in frames]
    assert [f.frame_id for f in sent] == [frame_id("op-1", "van-1", "run-1", n) for n in range(12)]
    assert len({frame.image.key_id for frame in sent}) == 12
    assert {frame.deployment_id for frame in sent} == {"op-1"}


def testtwo_cameras_are_live_and_counted() -> None:
    with running(two_cameras()) as stage:
        eventually(
            lambda: all(len(stage.outbox.of(c.camera_id)) >= 5 for c in CAMERAS), "five of each"
        )
        stage.becomes(ServiceState.LIVE, saying="")
        sent = len(stage.outbox.of("van-1"))
        assert stage.count("frames_total", camera="van-1") >= sent - 1
        assert stage.count("frame_bytes_total", camera="van-1") > 0
        assert stage.count("camera_up", camera="van-1") == 1


def test_images_of_one_turn_get_their_keys_in_one_batch() -> None:
    stage = two_cameras()
    slow, asked = threading.Event(), threading.Event()

    def make_slowly() -> None:
        asked.set()
        slow.wait(10)

    stage.issuer.before_make = make_slowly
    with running(stage):
        asked.wait(10)
        # While the loop waits for its first keys, both cameras have a new image ready.
        eventually(lambda: stage.dropped("superseded") > 0, "images wait")
        eventually(lambda: all(worker._slot for worker in stage.capture._workers), "two ready")
        slow.set()
        eventually(lambda: len(stage.issuer.batches) >= 2, "a second batch")
        assert stage.issuer.batches[1] == ("op-1", 2)


def test_each_camera_is_sealed_under_the_deployment_that_covers_it() -> None:
    stage = two_cameras()
    stage.authority.deployments = [
        live_deployment("van-1", deployment_id="op-1"),
        live_deployment("van-2", deployment_id="op-2"),
    ]
    with running(stage):
        eventually(
            lambda: all(len(stage.outbox.of(c.camera_id)) >= 2 for c in CAMERAS), "two of each"
        )
    assert {f.deployment_id for f in stage.outbox.of("van-1")} == {"op-1"}
    assert {f.deployment_id for f in stage.outbox.of("van-2")} == {"op-2"}


# Staying shut.


def test_without_a_deployment_nothing_is_sealed_and_it_says_so() -> None:
    stage = two_cameras()
    stage.authority.deployments = []
    with running(stage):
        eventually(lambda: stage.dropped("no_authority") >= 5, "dropped for want of authority")
        stage.becomes(ServiceState.NOT_RUNNING, saying="no deployment is known")
    assert stage.outbox.frames == []
    assert stage.issuer.batches == []


def test_a_camera_outside_every_deployment_is_dropped_and_named_while_others_go_on() -> None:
    stage = two_cameras()
    stage.authority.deployments = [live_deployment("van-1")]
    with running(stage):
        eventually(lambda: len(stage.outbox.frames) >= 3, "van-1 is sealed")
        stage.becomes(ServiceState.DEGRADED, saying="camera van-2: no live deployment covers it")
    assert stage.outbox.of("van-2") == []


def _window_closes(stage: Stage) -> None:
    deployment = stage.authority.deployments[0]
    stage.authority.deployments = [replace(deployment, closes_at=utc_now())]


def _is_stopped(stage: Stage) -> None:
    deployment = stage.authority.deployments[0]
    stage.authority.deployments = [replace(deployment, state=DeploymentState.STOPPED)]


@pytest.mark.parametrize(
    ("end", "saying"), [(_window_closes, "op-1 closed at"), (_is_stopped, "op-1 is stopped")]
)
def test_sealing_ends_within_a_second_of_the_deployment(
    end: Callable[[Stage], None], saying: str
) -> None:
    with running(two_cameras()) as stage:
        eventually(lambda: len(stage.outbox.frames) >= 3, "sealed while live")
        end(stage)
        over = utc_now()
        stage.becomes(ServiceState.NOT_RUNNING, saying=saying)
        assert utc_now() - over < timedelta(seconds=1)
        before = stage.dropped("no_authority")
        eventually(lambda: stage.dropped("no_authority") > before + 5, "dropped from then on")
    assert max(f.captured_at for f in stage.outbox.frames) <= over + timedelta(milliseconds=200)


def test_without_keeper_or_matching_nothing_is_sealed_until_they_are_back() -> None:
    stage = two_cameras()
    stage.upstream = "keeper has not reported: start it"
    with running(stage):
        stage.becomes(ServiceState.NOT_RUNNING, saying="keeper has not reported")
        eventually(lambda: stage.dropped("upstream") >= 5, "dropped")
        assert stage.outbox.frames == []
        stage.upstream = None
        eventually(lambda: len(stage.outbox.frames) >= 3, "sealed again")
        stage.becomes(ServiceState.LIVE, saying="")


def test_without_a_keyring_images_are_dropped_and_sealing_resumes_by_itself() -> None:
    stage = two_cameras()
    stage.keyring.available = False
    with running(stage):
        stage.becomes(ServiceState.NOT_RUNNING, saying="no keys: the keyring does not answer")
        eventually(lambda: stage.dropped("keyring") >= 5, "dropped")
        assert stage.outbox.frames == []
        stage.keyring.available = True
        eventually(lambda: len(stage.outbox.frames) >= 3, "sealed again")
        stage.becomes(ServiceState.LIVE, saying="")


def test_a_deployment_that_ends_while_keys_are_made_gets_nothing_sealed() -> None:
    stage = recording(raw_frame())
    stage.issuer.before_make = lambda: _is_stopped(stage)
    with running(stage):
        eventually(stage.capture.finished.is_set, "finished")
    assert stage.issuer.batches == [("op-1", 1)]
    assert stage.outbox.frames == []
    assert stage.dropped("no_authority") == 1


def test_a_deployment_that_is_over_has_its_unused_keys_receipted() -> None:
    with running(two_cameras()) as stage:
        eventually(lambda: len(stage.outbox.frames) >= 3, "sealed while live")
        stage.keyring.available = False
        _is_stopped(stage)
        stage.becomes(ServiceState.NOT_RUNNING, saying="op-1 is stopped")
        stage.keyring.available = True
        eventually(lambda: stage.keyring.blocks()[0].closed, "the block is closed")
        (receipt,) = stage.keyring.pending_receipts(10)
        made = len(stage.keyring.alive([frame.image.key_id for frame in stage.outbox.frames]))
    assert receipt.receipt.reason is ErasureReason.UNUSED
    assert receipt.receipt.first == made
