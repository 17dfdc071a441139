"""A closer look at far faces."""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.boxes import cover_matrix, nms
from lookout.vision.detector import Detections
from lookout.vision.pack import LoadedPack
from lookout.vision.tiles import TiledLook, TileRules, merge, tile_windows


def boxes(*rows: tuple[float, float, float, float]) -> FloatArray:
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


def faces(*rows: tuple[float, float, float, float], score: float = 0.9) -> Detections:
    array = boxes(*rows)
    middles = (array[:, :2] + array[:, 2:]) / 2
    landmarks = np.repeat(middles[:, None], 5, axis=1).astype(np.float32)
    return Detections(array, np.full(len(rows), score, np.float32), landmarks)


@dataclass(slots=True)
class BrightSpots:
    """Finds every white rectangle, as far as the image it is given shows it."""

    sizes: list[tuple[int, int]] = field(default_factory=list)

    def detect(self, image_bgr: Image) -> Detections:
        self.sizes.append((image_bgr.shape[1], image_bgr.shape[0]))
        white = (image_bgr[..., 0] > 128).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(white)
        return faces(*((x, y, x + w, y + h) for x, y, w, h, _ in stats[1:].tolist()))


def street(*spots: tuple[int, int, int, int], size: tuple[int, int] = (1000, 600)) -> Image:
    image = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    for left, top, right, bottom in spots:
        image[top:bottom, left:right] = 255
    return image


@settings(deadline=None)
@given(
    st.integers(1, 3000),
    st.integers(1, 2000),
    st.integers(32, 700),
    st.floats(0, 0.9),
)
def test_tiles_cover_everything_overlap_enough_and_stay_inside(
    width: int, height: int, side: int, share: float
) -> None:
    rules = TileRules(side=side, overlap=int(side * share))
    windows = tile_windows((5, 7, 5 + width, 7 + height), rules)
    for axis, length in ((0, width), (1, height)):
        spans = sorted({(window[axis], window[axis + 2]) for window in windows})
        low = (5, 7)[axis]
        assert (spans[0][0], spans[-1][1]) == (low, low + length)
        for (_, end), (start, _) in pairwise(spans):
            assert end - start >= rules.overlap
        assert all(end - start <= side for start, end in spans)


def test_an_empty_part_has_no_tiles() -> None:
    assert tile_windows((10, 10, 10, 50), TileRules()) == ()


@pytest.mark.parametrize("zoom", [1, 2, 3])
def test_faces_lie_where_they_are_whatever_tile_showed_them(zoom: int) -> None:
    spots = ((3, 4, 33, 44), (500, 300, 530, 340), (960, 550, 999, 599))
    look = TiledLook(BrightSpots(), TileRules(side=320, overlap=64, zoom=zoom))
    found = look.add(street(*spots), Detections.none())
    order = np.argsort(found.boxes[:, 0])
    np.testing.assert_allclose(found.boxes[order], boxes(*spots), atol=1.5)
    np.testing.assert_allclose(
        found.landmarks[order, 0], (boxes(*spots)[:, :2] + boxes(*spots)[:, 2:]) / 2, atol=1.5
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 960), st.integers(0, 560))
def test_a_face_no_larger_than_the_overlap_is_found_whole_and_once(x: int, y: int) -> None:
    look = TiledLook(BrightSpots(), TileRules(side=320, overlap=64, zoom=1))
    found = look.add(street((x, y, x + 40, y + 40)), Detections.none())
    np.testing.assert_allclose(found.boxes, boxes((x, y, x + 40, y + 40)), atol=0.5)


def test_a_large_face_cut_by_every_tile_is_the_whole_images_alone() -> None:
    spot = (100, 50, 700, 500)
    look = TiledLook(BrightSpots(), TileRules(side=320, overlap=64, zoom=1))
    whole = faces(spot, score=0.7)
    found = look.add(street(spot), whole)
    np.testing.assert_array_equal(found.boxes, whole.boxes)


def test_only_the_asked_part_is_tiled_with_a_margin_for_faces_on_its_edge() -> None:
    detector = BrightSpots()
    look = TiledLook(detector, TileRules(side=320, overlap=64, zoom=1))
    image = street((190, 100, 230, 140), (800, 400, 840, 440))
    found = look.add(image, Detections.none(), (0, 0, 200, 200))
    assert detector.sizes == [(264, 264)]
    np.testing.assert_allclose(found.boxes, boxes((190, 100, 230, 140)), atol=0.5)


def test_of_two_looks_at_one_face_the_surer_one_stays() -> None:
    near, part = faces((0, 0, 100, 100), score=0.8), faces((10, 10, 60, 60), score=0.95)
    elsewhere = faces((300, 0, 400, 100), score=0.5)
    found = merge([near, part, elsewhere, Detections.none()])
    assert found.scores.tolist() == pytest.approx([0.95, 0.5])


def test_a_box_mostly_inside_another_is_suppressed_only_when_asked() -> None:
    pair, scores = boxes((0, 0, 100, 100), (10, 10, 50, 50)), np.array([0.9, 0.8], np.float32)
    assert nms(pair, scores, iou_threshold=0.3).tolist() == [0, 1]
    assert nms(pair, scores, iou_threshold=0.3, cover_threshold=0.7).tolist() == [0]
    assert cover_matrix(pair, pair).tolist() == [[1, 1], [1, 1]]
    assert cover_matrix(pair, boxes((5, 5, 5, 9))).tolist() == [[0], [0]]


@pytest.mark.parametrize(
    ("side", "overlap", "zoom", "words"),
    [
        (16, 0, 1, "32 pixels or more"),
        (64, 64, 1, "overlap below it"),
        (64, -1, 1, "overlap below it"),
        (64, 8, 0.5, "1 to 4 times, but zoom is 0.5"),
        (64, 8, 9, "1 to 4 times"),
    ],
)
def test_tiles_that_cannot_be_cut_are_refused(
    side: int, overlap: int, zoom: float, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        TileRules(side=side, overlap=overlap, zoom=zoom)


@pytest.mark.models
@pytest.mark.faces
def test_tiles_find_far_faces_that_the_whole_frame_does_not_show(
    mobile: LoadedPack, faces: dict[str, list[Path]]
) -> None:
    rng = np.random.default_rng(1)
    frame = rng.integers(90, 150, (1080, 1920, 3), dtype=np.uint8)
    frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), 3), dtype=np.uint8)
    for number, paths in enumerate(list(faces.values())[:20]):
        picture = cv2.imread(str(paths[0]))
        assert picture is not None
        small = cv2.resize(picture, (52, 52), interpolation=cv2.INTER_AREA)
        left, top = 40 + 370 * (number % 5), 60 + 270 * (number // 5)
        frame[top : top + 52, left : left + 52] = small
    how = mobile.pack.detector.settings
    whole = mobile.detector().detect(frame)
    close = mobile.detector(settings=replace(how, longest_side=640))
    found = TiledLook(close, TileRules()).add(frame, whole)
    # Twenty faces of about 20 pixels, 7 at the scale of the whole frame.
    assert len(whole) <= 8
    assert 17 <= len(found) <= 21
