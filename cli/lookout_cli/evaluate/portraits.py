"""Pictures of people for an evaluation: a folder with a folder of pictures for each person."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from lookout.enrolment.source import SourceError
from lookout.vision.arrays import Image
from lookout.vision.detector import Detections

PeopleFolderArgument = Annotated[
    Path,
    typer.Argument(envvar="LOOKOUT_FACES", help="Folder with one folder of pictures per person."),
]

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_MIDDLE = 0.25
"""How far from the middle of its picture a face may be, as a share of the picture's width."""


def people_in(folder: Path, *, enrolled: bool = False) -> Mapping[str, Sequence[Path]]:
    """Pictures by person, both in the order of their names.

    Raises:
        SourceError: too few; with ``enrolled``, nobody with two pictures, or nobody with one.
    """
    people: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _SUFFIXES:
            people.setdefault(path.parent.name, []).append(path)
    if not people:
        raise SourceError(
            f"{folder} holds no pictures: name a folder with one folder of pictures per person"
        )
    counts = {min(len(paths), 2) for paths in people.values()}
    if enrolled and counts != {1, 2}:
        raise SourceError(
            f"{folder} must hold people with several pictures, to enrol one and compare the others, and people with"
            " one, who are not enrolled"
        )
    return people


def read_image(path: Path) -> Image:
    """A picture, (H, W, 3) uint8 BGR.

    Raises:
        SourceError: it cannot be read.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SourceError(f"{path} cannot be read as a picture: replace or remove it")
    return np.asarray(image, dtype=np.uint8)


def middle_face(found: Detections, image: Image) -> Detections | None:
    """The face in the middle of its picture, larger ones preferred; None where there is none."""
    if not len(found):
        return None
    size = np.array(image.shape[1::-1], dtype=np.float32)
    away = np.linalg.norm((found.boxes[:, :2] + found.boxes[:, 2:]) / 2 - size / 2, axis=1)
    widths = found.boxes[:, 2] - found.boxes[:, 0]
    best = int(np.argmin(away - widths))
    return found.take(np.array([best])) if away[best] <= _MIDDLE * size[0] else None
