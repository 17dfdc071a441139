"""The composed footage: what it shows is what its plan says. Runs on drawings that stand for the photographs."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from lookout.vision.arrays import Image
from lookout_cli.demo.figures import ENROLLED_PERSON
from lookout_cli.demo.footage import Street, compose
from lookout_cli.demo.photographs import Photographs
from lookout_cli.demo.still import MOMENT_S, still

# Width and height of each photograph, and the middle and width of the face in it.
PEOPLE = {
    "obama.jpg": (910, 1137, 492, 255, 240),
    "obama2.jpg": (626, 1200, 340, 430, 275),
    "obama3.jpg": (1434, 2333, 774, 436, 260),
    "biden.jpg": (970, 2204, 571, 367, 277),
    "astronaut.png": (512, 512, 223, 120, 90),
}
SCENERY = ("coffee.png", "rocket.jpg", "grass.png", "gravel.png", "brick.png")


def drawing(width: int, height: int, x: int, y: int, face: int) -> Image:
    """A person before a light ground: a head and a dark body, with some grain."""
    image = np.full((height, width, 3), 220, np.uint8)
    cv2.rectangle(
        image, (x - int(1.6 * face), y + face), (x + int(1.6 * face), height), (60, 30, 20), -1
    )
    cv2.ellipse(image, (x, y), (face // 2, int(face * 0.7)), 0, 0, 360, (90, 130, 190), -1)
    grain = np.random.default_rng(face).integers(0, 20, image.shape, dtype=np.uint8)
    return cv2.add(image, grain).astype(np.uint8)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Photographs:
    folder = tmp_path_factory.mktemp("photographs")
    for name, place in PEOPLE.items():
        cv2.imwrite(str(folder / name), drawing(*place))
    rng = np.random.default_rng(3)
    for name in SCENERY:
        cv2.imwrite(str(folder / name), rng.integers(0, 255, (120, 160, 3), dtype=np.uint8))
    return Photographs(folder=folder)


@pytest.fixture(scope="module")
def street(photographs: Photographs) -> Street:
    return Street(photographs, seconds=20, seed=7)


def test_footage_without_a_frame_is_refused(photographs: Photographs, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        compose(photographs, tmp_path / "a.mp4", seconds=0, progress=lambda *_: None)


def test_opencv_and_pyav_read_every_frame_and_progress_counts_them(
    photographs: Photographs, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    out = tmp_path / "films" / "demo.mp4"

    plan = compose(
        photographs, out, seconds=1, fps=10, progress=lambda done, total: told.append((done, total))
    )

    assert told == [(done, 10) for done in range(1, 11)]
    assert plan.frames == 10
    assert [path.name for path in out.parent.iterdir()] == ["demo.mp4"]
    capture = cv2.VideoCapture(str(out))
    sizes = []
    while (read := capture.read())[0]:
        sizes.append(read[1].shape)
    assert sizes == [(720, 1280, 3)] * 10
    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 10
        assert container.streams.video[0].average_rate == 10


def test_the_same_seed_gives_the_same_pictures_and_another_seed_others(
    photographs: Photographs, street: Street
) -> None:
    again = Street(photographs, seconds=20, seed=7).render(9.3, noise_of=93)
    other = Street(photographs, seconds=20, seed=8).render(9.3, noise_of=93)
    first = street.render(9.3, noise_of=93)

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_plan_has_enrolled_passes_and_at_least_three_strangers(street: Street) -> None:
    passes = street.passes(200, 10)

    assert {passage.person for passage in passes if passage.enrolled} == {ENROLLED_PERSON}
    assert sum(passage.enrolled for passage in passes) == 2
    assert len({passage.person for passage in passes if not passage.enrolled}) >= 3


def test_the_enrolled_person_is_never_seen_twice_at_once(street: Street) -> None:
    for index in range(200):
        people = [sight.person for sight in street.sights(index / 10)]
        assert people.count(ENROLLED_PERSON) <= 1


def test_faces_range_from_small_to_large(street: Street) -> None:
    passes = street.passes(200, 10)

    assert 40 <= min(passage.smallest_face_px for passage in passes) <= 50
    assert 140 <= max(passage.largest_face_px for passage in passes) <= 170


def test_the_street_is_empty_at_both_ends_so_that_it_loops(street: Street) -> None:
    assert street.sights(0.0) == ()
    assert street.sights(19.9) == ()


def test_longer_footage_repeats_the_script(photographs: Photographs) -> None:
    passes = Street(photographs, seconds=40, seed=7).passes(400, 10)

    begins = [passage.begins_s for passage in passes if passage.enrolled]
    assert len(begins) == 4
    assert begins[2] == pytest.approx(begins[0] + 20, abs=0.11)


def test_where_a_sight_says_a_face_is_the_picture_differs_from_the_empty_street(
    street: Street,
) -> None:
    empty = street.render(0.0).astype(np.int16)
    frame = street.render(6.4).astype(np.int16)
    (largest, *_) = sorted(street.sights(6.4), key=lambda sight: sight.box[0] - sight.box[2])
    left, top, right, bottom = (int(value) for value in largest.box)

    assert np.abs(frame - empty)[top:bottom, left:right].mean() > 25


def test_a_missing_photograph_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fetch the photographs again"):
        Street(Photographs(folder=tmp_path), seconds=20, seed=7)


def test_the_still_pixelates_strangers_and_puts_the_alert_beside_the_street(
    photographs: Photographs, street: Street
) -> None:
    image = still(photographs)

    assert image.shape == (560, 1716, 3)
    scale = 560 / 720
    stranger = max(
        (sight.box for sight in street.sights(MOMENT_S) if sight.person != ENROLLED_PERSON),
        key=lambda box: box[2] - box[0],
    )
    left, top, right, bottom = (int(value * scale) for value in stranger)
    inner = image[top + 8 : bottom - 8, left + 8 : right - 8]
    colours = np.unique(inner.reshape(-1, 3) // 24, axis=0)
    assert len(colours) < 40


def test_a_still_needs_the_enrolled_person(photographs: Photographs) -> None:
    with pytest.raises(ValueError, match=r"is not to be seen 0\.5 s"):
        still(photographs, at_s=0.5)
