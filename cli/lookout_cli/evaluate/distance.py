"""Frames with real faces of known size on real backgrounds: how far away can a face be and still be found?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.detector import FaceDetector

from lookout_cli.demo.photographs import Photographs
from lookout_cli.evaluate.portraits import middle_face, read_image

_BACKGROUNDS = ("coffee.png", "rocket.jpg", "grass.png", "gravel.png", "brick.png")
_AROUND = 0.7
"""Of its own size, cut out with a face on every side: head, hair, shoulders."""
_NOISE = 3.0
_LEAST_REFERENCE = 60.0
"""Faces smaller than this in their own picture, pixels, are not used: they would have to be enlarged too much."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Portrait:
    """A face with what is around it: ``cutout`` (H, W, 3) uint8 BGR, ``box`` (4,) xyxy in it, its ``side`` in pixels.

    The side is the root of the box's area; ``inter_eye`` is the distance between the eyes as a share of it.
    """

    cutout: Image
    box: FloatArray
    side: float
    inter_eye: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """A frame, and where its faces are: ``boxes`` (N, 4) xyxy, pixels, all of one side."""

    image: Image
    boxes: FloatArray


def portraits(
    people: Mapping[str, Sequence[Path]], detector: FaceDetector, most: int
) -> list[Portrait]:
    """One face of each person, as the detector finds it in the whole picture; those it does not find are left out.

    So recall is measured against what the same detector finds from near.
    """
    found: list[Portrait] = []
    for paths in people.values():
        if len(found) == most:
            break
        image = read_image(paths[0])
        face = middle_face(detector.detect(image), image)
        if face is None:
            continue
        box = face.boxes[0]
        side = float(np.sqrt(np.prod(box[2:] - box[:2])))
        if side < _LEAST_REFERENCE:
            continue
        low = np.maximum(np.floor(box[:2] - _AROUND * side).astype(int), 0)
        high = np.minimum(np.ceil(box[2:] + _AROUND * side).astype(int), image.shape[1::-1])
        eyes = float(np.linalg.norm(face.landmarks[0, 1] - face.landmarks[0, 0]))
        cutout = image[low[1] : high[1], low[0] : high[0]]
        moved = (box - np.tile(low, 2)).astype(np.float32)
        found.append(Portrait(cutout=cutout, box=moved, side=side, inter_eye=eyes / side))
    return found


def frames_at(
    faces: Sequence[Portrait],
    photographs: Photographs,
    *,
    side: float,
    size: tuple[int, int],
    seed: int,
) -> Iterator[Placed]:
    """Every face once, scaled to boxes of a side in pixels, several to a frame of ``size`` (width, height)."""
    rng = np.random.default_rng(seed)
    backgrounds = [read_image(photographs.path(name)) for name in _BACKGROUNDS]
    waiting = list(faces)
    number = 0
    while waiting:
        canvas = _background(backgrounds[number % len(backgrounds)], size)
        boxes: list[FloatArray] = []
        for left, top, cell in _cells(side, size):
            if not waiting:
                break
            boxes.append(_paste(canvas, waiting.pop(), side, (left, top), cell, rng))
        noisy = canvas + rng.normal(0, _NOISE, canvas.shape)
        image = np.asarray(np.clip(noisy, 0, 255), dtype=np.uint8)
        yield Placed(image=image, boxes=np.array(boxes, dtype=np.float32).reshape(-1, 4))
        number += 1


def _cells(side: float, size: tuple[int, int]) -> list[tuple[int, int, int]]:
    """Places for cutouts, left, top and side in pixels: far enough apart, and at most twelve to a frame."""
    cell = max(int((1 + 2 * _AROUND) * side * 1.1) + 2, 160)
    columns, rows = size[0] // cell, size[1] // cell
    places = [(x * cell, y * cell, cell) for y in range(rows) for x in range(columns)]
    if not places:
        raise ValueError(f"a face of {side:g} pixels does not fit a frame of {size[0]} x {size[1]}")
    return places[:: max(1, len(places) // 12)]


def _paste(
    canvas: FloatArray,
    face: Portrait,
    side: float,
    corner: tuple[int, int],
    cell: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Draw the face into its cell, somewhere, with soft edges; its box, (4,) xyxy, in pixels of the canvas."""
    factor = side / face.side
    high, wide = (max(1, round(length * factor)) for length in face.cutout.shape[:2])
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    small = cv2.resize(face.cutout, (wide, high), interpolation=how).astype(np.float32)
    x = corner[0] + int(rng.integers(max(1, cell - wide)))
    y = corner[1] + int(rng.integers(max(1, cell - high)))
    across = np.minimum(np.arange(wide), np.arange(wide)[::-1]) / (0.25 * side)
    down = np.minimum(np.arange(high), np.arange(high)[::-1]) / (0.25 * side)
    alpha = np.clip(np.minimum(across[None, :], down[:, None]), 0, 1)[..., None]
    region = canvas[y : y + high, x : x + wide]
    rows, columns = region.shape[:2]
    alpha = alpha[:rows, :columns]
    region[:] = region * (1 - alpha) + small[:rows, :columns] * alpha
    scale = np.array([wide / face.cutout.shape[1], high / face.cutout.shape[0]])
    return np.asarray(face.box * np.tile(scale, 2) + np.tile([x, y], 2), dtype=np.float32)


def _background(picture: Image, size: tuple[int, int]) -> FloatArray:
    """The picture, mirrored into a tile and repeated over the frame."""
    tile = np.hstack([picture, picture[:, ::-1]])
    tile = np.vstack([tile, tile[::-1]])
    down, across = -(-size[1] // tile.shape[0]), -(-size[0] // tile.shape[1])
    return np.tile(tile, (down, across, 1))[: size[1], : size[0]].astype(np.float32)
