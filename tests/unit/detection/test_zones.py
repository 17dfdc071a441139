"""Zones of recognition: where faces may be compared, and what is refused."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookout.events import Rejected
from lookout_detection.settings import Settings
from lookout_detection.zones import EVERYWHERE, CameraRules, Point
from pydantic import ValidationError
from pydantic_settings import SettingsError
from unit.detection.scenes import Scene, face_at, faces_of, previews_of, tracks_of
from unit.detection.test_detection_processor import shown, spread

SIZE = (1000, 500)
LOWER_HALF = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))
L_SHAPE = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))


def around(*middles: tuple[float, float]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array([[x - 9, y - 9, x + 9, y + 9] for x, y in middles], np.float32).reshape(-1, 4)


@pytest.mark.parametrize(
    ("zone", "inside", "outside"),
    [
        (LOWER_HALF, [(500, 400), (500, 251)], [(500, 100), (500, 249)]),
        (L_SHAPE, [(250, 100), (750, 400)], [(750, 100), (-20, 400)]),
        (None, [(500, 100), (-20, 400)], []),
    ],
)
def test_a_face_is_where_the_middle_of_its_box_is(
    zone: tuple[Point, ...] | None,
    inside: list[tuple[float, float]],
    outside: list[tuple[float, float]],
) -> None:
    rules = CameraRules(zone=zone)
    assert rules.inside(around(*inside), SIZE).all()
    assert not rules.inside(around(*outside), SIZE).any()


@given(st.lists(st.tuples(st.floats(0, 999), st.floats(0, 499)), max_size=8))
def test_a_zone_and_the_rest_of_the_picture_hold_every_face_once(
    middles: list[tuple[float, float]],
) -> None:
    rest = ((0.5, 0.0), (1.0, 0.0), (1.0, 0.5), (0.5, 0.5))
    one = CameraRules(zone=L_SHAPE).inside(around(*middles), SIZE)
    other = CameraRules(zone=rest).inside(around(*middles), SIZE)
    assert (one ^ other).all()


def test_the_window_of_a_zone_holds_it() -> None:
    assert CameraRules(zone=LOWER_HALF).window(SIZE) == (0, 250, 1000, 500)
    assert EVERYWHERE.window(SIZE) is None


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"zone": [[0, 0], [1, 1]]}, "three corners or more, but got 2"),
        ({"zone": [[0, 0], [1, 0], [1, 1.5]]}, "0 to 1, but corner 3 is 1, 1.5"),
        ({"zone": [[0, 0], [1, 0], [1, float("nan")]]}, "but corner 3"),
        ({"zone": [[0, 0], [0.5, 0.5], [1, 1]]}, "it has no area"),
        ({"zone": [[0, 0], [1, 1], [1, 0], [0, 1.0], [0.2, 0.9]]}, "edges must not cross"),
        ({"zone": [[0, 0], [1, 0], [1]]}, "Field required"),
        ({"min_inter_eye_px": -1}, "0 or more, but got -1"),
        ({"zon": []}, "zon"),
    ],
)
def test_a_wrong_zone_is_refused_and_the_text_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, rules: dict[str, Sequence[object]], words: str
) -> None:
    monkeypatch.setenv("LOOKOUT_DETECTION_CAMERAS", json.dumps({"gate": rules}))
    with pytest.raises(ValidationError, match=words):
        Settings()


def test_what_is_not_json_is_refused_by_the_name_of_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOOKOUT_DETECTION_CAMERAS", "gate: everywhere")
    with pytest.raises(SettingsError, match="cameras"):
        Settings()


def test_zones_come_from_the_environment_by_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = {"gate": {"zone": LOWER_HALF, "min_inter_eye_px": 30}, "door": {}}
    monkeypatch.setenv("LOOKOUT_DETECTION_CAMERAS", json.dumps(rules))
    cameras = Settings().cameras
    assert cameras["gate"] == CameraRules(zone=LOWER_HALF, min_inter_eye_px=30)
    assert cameras["door"] == EVERYWHERE


def test_a_preview_sharper_than_what_was_looked_at_is_refused() -> None:
    with pytest.raises(ValidationError, match="preview_side must be at most longest_side, 320"):
        Settings(longest_side=320)
    assert Settings(longest_side=320, preview_side=320).longest_side == 320


def test_scores_that_fall_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"must not fall in this order.* 0\.3, 0\.8, 0\.7"):
        Settings(first_score=0.8)


def test_a_face_outside_the_zone_is_followed_and_pixelated_and_never_sent() -> None:
    scene = Scene(settings=Settings(cameras={"gate": CameraRules(zone=LOWER_HALF)}))
    outcomes = scene.passes(*[face_at(300, 60, side=150)] * 3)
    assert faces_of(*outcomes) == []
    assert scene.count("shots_rejected_total", reason="outside_zone") == 3
    (track,) = tracks_of(scene.processor.drain())
    assert (track.frames, track.shots) == (3, 0)
    assert track.rejected == (Rejected(reason="outside_zone", count=3),)
    (preview,) = previews_of(*outcomes)
    image = shown(preview)
    # The face lies at 200..300, 40..140 of the smaller picture.
    assert spread(image, 205, 45, 90) < 0.2 * spread(image, 420, 220, 90)


def test_a_face_is_sent_once_it_comes_into_the_zone_on_its_track() -> None:
    scene = Scene(settings=Settings(cameras={"gate": CameraRules(zone=LOWER_HALF)}))
    outcomes = scene.passes(*[face_at(300, 60 + 30 * n) for n in range(9)])
    (first, *_) = faces_of(*outcomes)
    # Its box is 100 pixels high: its middle passes the frame's, 270, with the seventh frame, not with the sixth.
    assert first.box[1] == 60 + 30 * 6
    assert len(tracks_of(scene.processor.drain())) == 1


def test_a_zone_holds_for_its_camera_alone() -> None:
    scene = Scene(
        settings=Settings(cameras={"door": CameraRules(zone=LOWER_HALF)}),
        script=[face_at(300, 60), face_at(300, 60)],
    )
    outcome = scene.processor.process([scene.frame(0), scene.frame(0, camera="door")])
    assert [face.camera_id for face in faces_of(outcome)] == ["gate"]


def test_the_least_face_of_a_camera_replaces_that_of_all() -> None:
    scene = Scene(
        settings=Settings(cameras={"door": CameraRules(min_inter_eye_px=60)}),
        script=[face_at(300, 60), face_at(300, 60)],
    )
    outcome = scene.processor.process([scene.frame(0), scene.frame(0, camera="door")])
    assert [face.camera_id for face in faces_of(outcome)] == ["gate"]
    assert scene.count("shots_rejected_total", reason="too_small") == 1
