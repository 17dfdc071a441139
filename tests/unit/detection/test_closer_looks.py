"""What only faces that come far enough get: refined landmarks, tiles, and a shot at all."""

from dataclasses import dataclass, field

import numpy as np
from lookout.events import Rejected
from lookout.sealing.envelope import open_sealed
from lookout.vision.arrays import Image
from lookout.vision.detector import Detections
from lookout.vision.tiles import TiledLook, TileRules
from lookout_detection.settings import Settings
from lookout_detection.zones import CameraRules
from unit.detection.scenes import Scene, ToldDetector, face_at, faces_at, faces_of, tracks_of


@dataclass(slots=True)
class ShiftingRefiner:
    """Moves every landmark four pixels to the right, and remembers whose it was asked for."""

    asked: list[Detections] = field(default_factory=list)

    def refine(self, image_bgr: Image, found: Detections) -> Detections:
        self.asked.append(found)
        return Detections(found.boxes, found.scores, found.landmarks + np.array([4, 0], np.float32))


def test_landmarks_are_refined_for_the_faces_that_are_sent_and_no_others() -> None:
    refiner = ShiftingRefiner()
    scene = Scene(refiner=refiner)
    small, large = (50.0, 50.0, 80.0, 80.0), (400.0, 200.0, 500.0, 300.0)
    outcomes = scene.passes(*[faces_at(small, large)] * 4)
    sent = faces_of(*outcomes)
    assert len(sent) == len(refiner.asked) == 2
    assert [asked.boxes.tolist() for asked in refiner.asked] == [[list(large)]] * 2
    plain = face_at(400, 200).landmarks[0]
    for face in sent:
        np.testing.assert_allclose(np.reshape(face.landmarks, (5, 2)), plain + np.array([4, 0]))


def test_the_chip_is_cut_at_the_refined_landmarks() -> None:
    chips = []
    for refiner in (ShiftingRefiner(), None):
        scene = Scene(refiner=refiner) if refiner else Scene()
        (face,) = faces_of(*scene.passes(face_at(400, 200, side=112)))
        (key,) = scene.keyring.get([face.chip.key_id])
        assert key is not None
        chip = np.frombuffer(open_sealed(key, face.chip, what="chip", whose=face.face_id), np.uint8)
        chips.append(chip.reshape(112, 112, 3).astype(int))
    refined, plain = chips
    # At this size a chip's pixel is a frame's: the refined chip shows what lies four pixels further right.
    assert np.abs(refined[:, :-4] - plain[:, 4:]).mean() < 0.2 * np.abs(refined - plain).mean()


def test_a_face_that_the_detector_doubts_is_followed_and_not_compared() -> None:
    scene = Scene()
    sure, doubtful = face_at(200, 100), face_at(202, 100, score=0.5)
    outcomes = scene.passes(sure, *[doubtful] * 5, seconds=0.1)
    assert len(faces_of(*outcomes)) == 1
    (track,) = tracks_of(scene.processor.drain())
    assert track.frames == 6
    # Those within a quarter of a second of the first shot could not have been sent anyway.
    assert track.rejected == (Rejected(reason="low_score", count=3),)
    assert scene.count("shots_rejected_total", reason="low_score") == 3


def test_detections_that_nobody_follows_are_counted_by_reason() -> None:
    scene = Scene()
    scene.passes(face_at(200, 100, score=0.5), faces_at((np.nan, 0, 9, 9), (5, 5, 5, 9)))
    assert scene.count("faces_ignored_total", reason="low_score") == 1
    assert scene.count("faces_ignored_total", reason="unsound") == 2
    assert scene.count("faces_detected_total", camera="gate") == 0


def test_a_far_face_that_a_tile_shows_is_sent_like_any_other() -> None:
    scene = Scene(
        settings=Settings(
            cameras={"gate": CameraRules(zone=((0, 0), (0.25, 0), (0.25, 1), (0, 1)))}
        ),
        far=TiledLook(ToldDetector([face_at(40, 60)]), TileRules(side=600, overlap=60, zoom=1)),
    )
    (face,) = faces_of(*scene.passes(Detections.none()))
    np.testing.assert_allclose(face.box, (40, 60, 140, 160))
