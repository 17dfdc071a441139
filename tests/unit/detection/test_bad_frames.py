"""Frames that are not as frames should be: other sizes, other times, hardly any pixels, no colour."""

from datetime import timedelta

import cv2
import numpy as np
import pytest
from lookout.vision.arrays import Image
from lookout.vision.pack import LoadedPack
from lookout_detection.ports import FaceDetector
from unit.detection.scenes import (
    NOW,
    Scene,
    face_at,
    faces_of,
    jpeg,
    picture,
    previews_of,
    tracks_of,
)
from unit.detection.test_detection_processor import shown, spread

SMALL = jpeg(picture(480, 270))
TALL = jpeg(picture(540, 960))


def test_a_stream_that_changes_its_size_goes_on_with_the_same_faces() -> None:
    scene = Scene()
    scene.passes(face_at(300, 150, side=150))
    scene.detector.script = [face_at(150, 75, side=75)]
    outcome = scene.processor.process([scene.frame(1, content=SMALL, size=(480, 270))])
    assert tracks_of(outcome) == []
    (track,) = tracks_of(scene.processor.drain())
    assert track.frames == 2


def test_the_preview_of_a_frame_of_another_size_hides_a_face_that_is_only_expected_there() -> None:
    scene = Scene()
    scene.passes(face_at(300, 150, side=150), seconds=1.0)
    outcome = scene.processor.process([scene.frame(1, content=SMALL, size=(480, 270))])
    (preview,) = previews_of(outcome)
    image = shown(preview)
    assert image.shape == (270, 480, 3)
    # Half the frame's size: the face is expected at 150..225, 75..150.
    assert spread(image, 155, 80, 65) < 0.2 * spread(image, 320, 160, 65)


def test_a_camera_turned_on_its_side_begins_its_tracks_anew() -> None:
    scene = Scene()
    scene.passes(face_at(300, 150, side=150))
    scene.detector.script = [face_at(300, 150, side=150)]
    outcome = scene.processor.process([scene.frame(1, content=TALL, size=(540, 960))])
    assert len(tracks_of(outcome)) == 1
    assert len(faces_of(outcome)) == 1


def test_a_preview_of_a_tall_frame_is_no_sharper_than_one_of_a_wide_frame() -> None:
    scene = Scene()
    outcome = scene.processor.process([scene.frame(1, content=TALL, size=(540, 960))])
    assert shown(previews_of(outcome)[0]).shape == (640, 360, 3)


def test_times_that_jump_back_end_the_tracks_and_the_stream_goes_on() -> None:
    scene = Scene()
    scene.passes(face_at(200, 100), face_at(205, 100))
    scene.detector.script = [face_at(210, 100)] * 2
    back = scene.processor.process([scene.frame(2, at=NOW - timedelta(seconds=1))])
    on = scene.processor.process([scene.frame(3, at=NOW - timedelta(seconds=0.7))])
    assert len(tracks_of(back)) == 1
    # The track begun after the jump sends two shots of its own, and there is a preview at once.
    assert len(faces_of(back, on)) == 2
    assert len(previews_of(back)) == 1
    assert len({face.track_id for face in faces_of(back, on)}) == 1


@pytest.mark.models
@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.full((1, 1, 3), 90, np.uint8), id="one pixel"),
        pytest.param(np.full((1, 700, 3), 90, np.uint8), id="one row"),
        pytest.param(np.full((540, 960, 3), 128, np.uint8), id="nothing but grey"),
        pytest.param(np.zeros((540, 960, 3), np.uint8), id="black"),
    ],
)
def test_a_frame_that_shows_nothing_is_looked_at_like_any_other(
    mobile: LoadedPack, image: Image
) -> None:
    scene = _looking_with(mobile.detector())
    size = image.shape[1], image.shape[0]
    outcome = scene.processor.process([scene.frame(0, content=jpeg(image), size=size)])
    assert faces_of(outcome) == []
    assert outcome.reject == []
    assert len(previews_of(outcome)) == 1
    assert len(outcome.destroy) == 1


def test_a_frame_of_one_pixel_with_a_face_in_it_is_refused_as_partial() -> None:
    scene = Scene(script=[face_at(-40, -40)])
    content = jpeg(np.full((1, 1, 3), 90, np.uint8))
    outcome = scene.processor.process([scene.frame(0, content=content, size=(1, 1))])
    assert faces_of(outcome) == []
    assert scene.count("shots_rejected_total", reason="partial") == 1


def test_a_jpeg_without_colour_is_a_frame() -> None:
    grey = cv2.cvtColor(picture(), cv2.COLOR_BGR2GRAY)
    good, data = cv2.imencode(".jpg", grey)
    assert good
    scene = Scene(script=[face_at(300, 150)])
    outcome = scene.processor.process([scene.frame(0, content=data.tobytes())])
    assert len(faces_of(outcome)) == 1
    image = shown(previews_of(outcome)[0])
    assert (image[..., 0] == image[..., 2]).all()


def _looking_with(detector: FaceDetector) -> Scene:
    """A scene whose detector is a real one."""
    scene = Scene()
    scene.processor._detector = detector
    return scene
