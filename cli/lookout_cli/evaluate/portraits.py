"""Pictures of people for an evaluation of the eyes, and the face in each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from lookout.vision.arrays import Image
from lookout.vision.detector import Detections

from lookout_cli.evaluate.samples import SamplesError, read_samples

PeopleArgument = Annotated[
    Path,
    typer.Argument(
        help="A folder with one folder of pictures per person, or a CSV table with the columns image and person."
    ),
]

_MIDDLE = 0.25
"""How far from the middle of its picture a face may be, as a share of the picture's width."""


def people_in(source: Path, *, enrolled: bool = False) -> Mapping[str, Sequence[Path]]:
    """Pictures by person, both in the order of their names.

    Raises:
        SamplesError: see `read_samples`; with ``enrolled``, nobody with two pictures, or nobody with one.
    """
    people: dict[str, list[Path]] = {}
    for sample in read_samples(source):
        people.setdefault(sample.person, []).append(sample.image)
    if enrolled and {min(len(paths), 2) for paths in people.values()} != {1, 2}:
        raise SamplesError(
            f"{source} must hold people with several pictures, to enrol one and compare the others, and people with"
            " one, who are not enrolled"
        )
    return people


def read_image(path: Path) -> Image:
    """A picture, (H, W, 3) uint8 BGR.

    Raises:
        SamplesError: it cannot be read.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SamplesError(f"{path} cannot be read as a picture: replace or remove it")
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
