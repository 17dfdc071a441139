"""`lookout evaluate detection`, `tracking` and `quality`, on small material."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
from lookout.vision.detector import Detections
from lookout_cli.__main__ import app
from lookout_cli.demo.photographs import Photographs
from lookout_cli.evaluate.degradations import degradations
from lookout_cli.evaluate.distance import Portrait, frames_at
from lookout_cli.evaluate.portraits import middle_face, people_in
from lookout_cli.evaluate.samples import SamplesError
from lookout_cli.evaluate.shot_quality import (
    DISCARDED,
    Shot,
    fnir_by_discard,
    judge,
)
from typer.testing import CliRunner

BOX = np.array([60, 50, 140, 160], np.float32)
LANDMARKS = np.array([[80, 90], [120, 90], [100, 115], [84, 134], [116, 134]], np.float32)


@pytest.fixture(name="photographs")
def photographs_fixture(tmp_path: Path) -> Photographs:
    """Pictures without anybody, under the names of the demonstration's."""
    rng = np.random.default_rng(1)
    for name in ("coffee.png", "rocket.jpg", "grass.png", "gravel.png", "brick.png"):
        texture = rng.integers(0, 255, (120, 160, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / name), texture)
    return Photographs(folder=tmp_path)


@pytest.mark.parametrize("side", [16, 64, 200])
def test_every_face_is_placed_once_whole_and_at_the_size_asked_for(
    photographs: Photographs, side: int
) -> None:
    cutout = np.full((240, 220, 3), 200, np.uint8)
    face = Portrait(cutout=cutout, box=BOX + 10, side=93.8, inter_eye=0.4)
    frames = list(frames_at([face] * 7, photographs, side=side, size=(1280, 720), seed=1))
    boxes = np.concatenate([placed.boxes for placed in frames])
    assert len(boxes) == 7
    sides = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    np.testing.assert_allclose(sides, side, rtol=0.06)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= [1280, 720]).all()
    for placed in frames:
        for x, y in (placed.boxes[:, :2] + placed.boxes[:, 2:]) / 2:
            assert placed.image[int(y), int(x)].mean() == pytest.approx(200, abs=12)


def test_a_face_that_fits_no_frame_is_refused(photographs: Photographs) -> None:
    face = Portrait(cutout=np.zeros((9, 9, 3), np.uint8), box=BOX, side=90, inter_eye=0.4)
    with pytest.raises(ValueError, match="200 pixels does not fit a frame of 320 x 240"):
        list(frames_at([face], photographs, side=200, size=(320, 240), seed=1))


def test_every_degradation_changes_the_picture_but_the_first_and_the_same_seed_the_same_way() -> (
    None
):
    image = np.asarray(
        cv2.GaussianBlur(
            np.random.default_rng(3).integers(0, 255, (200, 200, 3), dtype=np.uint8), (0, 0), 1
        ),
        np.uint8,
    )
    once = [way.apply(image, BOX, LANDMARKS) for way in degradations(np.random.default_rng(1))]
    again = [way.apply(image, BOX, LANDMARKS) for way in degradations(np.random.default_rng(1))]
    np.testing.assert_array_equal(once[0], image)
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == np.uint8
    assert all(one.shape != image.shape or (one != image).any() for one in once[1:])


def test_error_falls_as_the_worst_are_left_out_when_quality_is_good_and_not_when_it_is_none() -> (
    None
):
    recognised = np.arange(200) >= 60
    good, bad = np.arange(200.0), np.arange(200.0)[::-1]
    curve = fnir_by_discard(good, recognised)
    assert curve == pytest.approx((0.3, 0.2632, 0.2222, 0.125, 0.0, 0.0), abs=1e-4)
    assert fnir_by_discard(bad, recognised)[-1] > curve[0]
    assert len(curve) == len(DISCARDED)


def test_shots_are_judged_by_the_score_against_their_own_person() -> None:
    unit = np.eye(3, dtype=np.float32)
    gallery: Mapping[str, Shot] = {
        name: Shot(person=name, spoilt="none", quality=1, template=unit[row])
        for row, name in enumerate("ab")
    }
    mixed = np.array([0.6, 0, 0.8], np.float32)
    shots = [
        Shot(person="a", spoilt="none", quality=0.9, template=unit[0]),
        Shot(person="a", spoilt="blur", quality=0.5, template=mixed),
        Shot(person="b", spoilt="blur", quality=0.1, template=unit[0]),
    ]
    result = judge(shots, gallery, 0.7)
    assert result.shots == 3
    assert result.rank_correlation == 1.0
    assert result.fnir[0] == pytest.approx(2 / 3, abs=1e-4)
    assert result.score_by_tenth[:3] == pytest.approx((0, 0.6, 1))


def test_the_face_in_the_middle_is_the_pictures_own() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    boxes = np.array([[0, 0, 20, 20], [40, 40, 60, 60]], np.float32)
    found = Detections(boxes, np.array([0.9, 0.6], np.float32), np.zeros((2, 5, 2), np.float32))
    face = middle_face(found, image)
    assert face is not None
    assert face.boxes.tolist() == [[40, 40, 60, 60]]
    assert middle_face(found.take(np.array([0])), image) is None
    assert middle_face(Detections.none(), image) is None


def test_a_folder_without_people_says_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(SamplesError, match="one folder per person"):
        people_in(tmp_path)
    for name in ("a/1.png", "b/1.jpg"):
        path = tmp_path / name
        path.parent.mkdir()
        path.touch()
    assert sorted(people_in(tmp_path)) == ["a", "b"]
    with pytest.raises(SamplesError, match="people with several pictures"):
        people_in(tmp_path, enrolled=True)


def test_an_empty_folder_is_told_plainly_by_the_command(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", "detection", str(tmp_path), "--json"])
    assert result.exit_code == 1
    assert "fewer than two people" in " ".join(result.output.split())


def test_every_evaluation_explains_itself() -> None:
    for name in ("detection", "tracking", "quality"):
        result = CliRunner().invoke(app, ["evaluate", name, "--help"])
        assert result.exit_code == 0
        assert "--json" in result.output
