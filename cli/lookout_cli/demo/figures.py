"""Figures for the composed footage: people cut out of their photographs, at one scale.

A figure is cut by GrabCut from a silhouette that follows from the face's place in the photograph; the places are
written here, so that composing needs no detector. Two strangers are blends of two photographs: people who do not
exist, so that the demonstration has more strangers than there are free photographs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from lookout.vision.alignment import similarity_transform
from lookout.vision.arrays import FloatArray, Image

from lookout_cli.demo.photographs import Photographs

FACE_WIDTH: Final = 170
"""Width of every figure's face, in pixels of its cutout: a little above the largest shown."""

_CUT_FACE = 70
"""Face width at which GrabCut runs: its cost grows with the area, its edge is blurred anyway."""

_SOFT_EDGE = 14
_GRABCUT_ROUNDS = 6
_GRABCUT_SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """Where the face lies in a photograph, in its pixels.

    ``face`` is x, y, width, height; ``points`` the five landmarks in the order of `lookout.vision.alignment`;
    ``bottom`` the last row that shows nothing but the person and the background; ``hair`` an ellipse of dark hair
    before a dark background (centre x, y, half axes), which GrabCut would lose.
    """

    photograph: str
    face: tuple[int, int, int, int]
    points: tuple[tuple[int, int], ...]
    bottom: int
    hair: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """Another face laid over the portrait's, and what colour its clothes turn to."""

    other: str
    weight: float
    clothes_hue: int
    clothes_gamma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a figure is made. ``body`` names the portrait whose shoulders continue a narrow photograph."""

    name: str
    person: str
    portrait: str
    body: str | None = None
    blend: Blend | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A cutout: ``image`` float32 (H, W, 3) BGR premultiplied with ``alpha`` float32 (H, W), 0 to 1.

    ``face_left`` and ``face_top`` are the face's corner; the face is `FACE_WIDTH` wide and ``face_height`` high.
    """

    name: str
    person: str
    image: FloatArray
    alpha: FloatArray
    face_left: float
    face_top: float
    face_height: float


ENROLLED_PERSON: Final = "enrolled"

_PORTRAITS: Final = {
    portrait.photograph: portrait
    for portrait in (
        Portrait(
            photograph="obama2.jpg",
            face=(202, 229, 275, 405),
            points=((244, 375), (369, 384), (276, 455), (244, 524), (350, 531)),
            bottom=1040,
            hair=(375, 270, 130, 100),
        ),
        Portrait(
            photograph="obama3.jpg",
            face=(644, 260, 260, 352),
            points=((738, 390), (857, 394), (807, 465), (739, 511), (841, 516)),
            bottom=2333,
        ),
        Portrait(
            photograph="biden.jpg",
            face=(433, 173, 277, 389),
            points=((530, 326), (656, 334), (597, 414), (523, 459), (632, 467)),
            bottom=1800,
        ),
        Portrait(
            photograph="astronaut.png",
            face=(178, 63, 90, 113),
            points=((200, 102), (247, 103), (220, 125), (199, 143), (240, 144)),
            bottom=512,
        ),
    )
}

RECIPES: Final = (
    Recipe(name="walker", person=ENROLLED_PERSON, portrait="obama3.jpg"),
    Recipe(name="speaker", person=ENROLLED_PERSON, portrait="obama2.jpg", body="obama3.jpg"),
    Recipe(name="suit", person="stranger-1", portrait="biden.jpg"),
    Recipe(name="astronaut", person="stranger-2", portrait="astronaut.png"),
    Recipe(
        name="smiler",
        person="stranger-3",
        portrait="biden.jpg",
        blend=Blend(other="astronaut.png", weight=0.7, clothes_hue=14, clothes_gamma=0.62),
    ),
    Recipe(
        name="mechanic",
        person="stranger-4",
        portrait="astronaut.png",
        blend=Blend(other="biden.jpg", weight=0.6, clothes_hue=104, clothes_gamma=1.3),
    ),
)


def cut_figures(photographs: Photographs, recipes: Iterable[Recipe] = RECIPES) -> dict[str, Figure]:
    """Every figure by its name; about two seconds of work.

    Raises:
        ValueError: a photograph is missing or cannot be read.
    """
    images = {name: _read(photographs, name) for name in _PORTRAITS}
    return {recipe.name: _make(recipe, images) for recipe in recipes}


def _read(photographs: Photographs, name: str) -> Image:
    path = photographs.path(name)
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"cannot read the photograph {path}: fetch the photographs again")
    return np.asarray(image, dtype=np.uint8)


def _make(recipe: Recipe, images: dict[str, Image]) -> Figure:
    portrait = _PORTRAITS[recipe.portrait]
    image = images[recipe.portrait]
    shown = image
    if recipe.blend is not None:
        other = _PORTRAITS[recipe.blend.other]
        shown = _blended(image, portrait, images[recipe.blend.other], other, recipe.blend)
    figure = _cut(recipe, image, shown, portrait)
    if recipe.body is None:
        return figure
    below = images[recipe.body]
    body = _cut(recipe, below, below, _PORTRAITS[recipe.body])
    return _with_body(figure, body)


def _cut(recipe: Recipe, photograph: Image, shown: Image, portrait: Portrait) -> Figure:
    """The person's outline in the photograph, filled with what is to be shown there."""
    image, shown = photograph[: portrait.bottom], shown[: portrait.bottom]
    left, top, width, height = portrait.face
    small = _resized(image, _CUT_FACE / width)
    mask = _person_mask(small, portrait, _CUT_FACE / width)
    scale = FACE_WIDTH / width
    large = _resized(shown, scale)
    alpha = cv2.resize(mask, large.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 2.0)
    # Steeper and pulled inwards: the outermost pixels carry the photograph's own background.
    alpha = np.clip((alpha - 0.5) * 2.2, 0, 1)
    columns = np.arange(alpha.shape[1], dtype=np.float32)
    # An elbow cut off by the photograph's edge ends softly.
    inside = np.minimum(columns, columns[::-1])
    alpha = (alpha * np.clip(inside / _SOFT_EDGE, 0, 1)).astype(np.float32)
    return Figure(
        name=recipe.name,
        person=recipe.person,
        image=(large * alpha[..., None]).astype(np.float32),
        alpha=alpha,
        face_left=left * scale,
        face_top=top * scale,
        face_height=height * scale,
    )


def _resized(image: Image, scale: float) -> Image:
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(
        cv2.resize(image, None, fx=scale, fy=scale, interpolation=how), dtype=np.uint8
    )


def _person_mask(image: Image, portrait: Portrait, scale: float) -> FloatArray:
    """1 where the person is, float32 of the image's height and width."""
    trimap = _silhouette(image.shape[0], image.shape[1], portrait, scale)
    cv2.setRNGSeed(_GRABCUT_SEED)
    cv2.grabCut(
        image,
        trimap,
        (0, 0, 0, 0),
        np.zeros((1, 65)),
        np.zeros((1, 65)),
        _GRABCUT_ROUNDS,
        cv2.GC_INIT_WITH_MASK,
    )
    person = np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    person = cv2.morphologyEx(person, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(person)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.asarray(labels == largest, dtype=np.float32)


def _silhouette(rows: int, columns: int, portrait: Portrait, scale: float) -> Image:
    """A GrabCut trimap: where a person with such a face must be, may be, and cannot be."""
    x, y, w, h = (value * scale for value in portrait.face)
    centre = x + w / 2
    trimap = np.full((rows, columns), cv2.GC_BGD, np.uint8)

    def polygon(value: int, *outline: tuple[float, float]) -> None:
        right = [(centre + across * w, y + down * h) for across, down in outline]
        left = [(2 * centre - px, py) for px, py in reversed(right)]
        cv2.fillPoly(trimap, [np.array(right + left, np.int32)], [value])

    def ellipse(value: int, down: float, across: float, high: float) -> None:
        middle, axes = (int(centre), int(y + down * h)), (int(across * w), int(high * h))
        cv2.ellipse(trimap, middle, axes, 0, 0, 360, [value], -1)

    end = (rows - y) / h
    polygon(
        cv2.GC_PR_BGD, (0.85, -0.45), (0.9, 1.0), (1.2, 1.15), (2.2, 1.6), (2.4, 2.2), (2.4, end)
    )
    polygon(cv2.GC_PR_FGD, (0.3, 0.9), (0.4, 1.25), (1.6, 1.7), (1.7, 2.2), (1.7, end))
    ellipse(cv2.GC_PR_FGD, 0.45, 0.6, 0.62)
    polygon(cv2.GC_FGD, (0.3, 0.9), (0.35, 1.35), (0.9, 1.7), (0.9, end))
    ellipse(cv2.GC_FGD, 0.5, 0.46, 0.5)
    if portrait.hair is not None:
        hair_x, hair_y, half_x, half_y = (int(value * scale) for value in portrait.hair)
        cv2.ellipse(trimap, (hair_x, hair_y), (half_x, half_y), 0, 0, 360, [cv2.GC_FGD], -1)
    return trimap


def _blended(
    image: Image, portrait: Portrait, other_image: Image, other: Portrait, blend: Blend
) -> Image:
    """The portrait with the other's inner face laid over its own, and its clothes in another colour."""
    points = np.array(portrait.points, np.float32)
    matrix = similarity_transform(np.array(other.points, np.float32), points)
    size = image.shape[1::-1]
    theirs = cv2.warpAffine(other_image, matrix, size, flags=cv2.INTER_CUBIC).astype(np.float32)
    eyes = float(np.linalg.norm(points[1] - points[0]))
    middle = points.mean(axis=0)
    mask = np.zeros(image.shape[:2], np.float32)
    centre = (int(middle[0]), int(middle[1] + 0.05 * eyes))
    cv2.ellipse(mask, centre, (int(0.85 * eyes), int(1.1 * eyes)), 0, 0, 360, [1.0], -1)
    inner = mask > 0
    own = image.astype(np.float32)
    # The other's light and skin are brought to this portrait's, or the seam would show.
    theirs = (theirs - theirs[inner].mean(0)) / np.maximum(theirs[inner].std(0), 1)
    theirs = theirs * own[inner].std(0) + own[inner].mean(0)
    soft = cv2.GaussianBlur(mask, (0, 0), 0.18 * eyes)[..., None] * blend.weight
    mixed = np.clip(own * (1 - soft) + theirs * soft, 0, 255).astype(np.uint8)
    return _redressed(mixed, portrait, blend)


def _redressed(image: Image, portrait: Portrait, blend: Blend) -> Image:
    """The image with everything below the neck in another hue and brightness."""
    _, top, _, height = portrait.face
    rows = np.arange(image.shape[0], dtype=np.float32)
    below = np.clip((rows - (top + 1.12 * height)) / (0.12 * height), 0, 1)[:, None, None]
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    hsv[..., 0] = blend.clothes_hue
    hsv[..., 1] = np.maximum(hsv[..., 1] // 2, 60)
    value = (hsv[..., 2].astype(np.float32) / 255) ** blend.clothes_gamma
    hsv[..., 2] = (value * 235).astype(np.uint8)
    clothes = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    return np.asarray(image * (1 - below) + clothes * below, dtype=np.uint8)


def _with_body(head: Figure, body: Figure) -> Figure:
    """The head before the body of another photograph, chins on one line; the head's own shoulders fade sideways."""
    fade_from, fade_to = 0.55 * FACE_WIDTH, 0.8 * FACE_WIDTH
    columns = np.arange(head.alpha.shape[1], dtype=np.float32)
    away = np.abs(columns - (head.face_left + FACE_WIDTH / 2))
    sideways = np.clip((fade_to - away) / (fade_to - fade_from), 0, 1)[None, :]
    rows = np.arange(head.alpha.shape[0], dtype=np.float32)
    chin = head.face_top + 0.98 * head.face_height
    low = np.clip((rows - chin) / (0.2 * head.face_height), 0, 1)[:, None]
    end = np.clip((head.alpha.shape[0] - 1 - rows) / (0.5 * head.face_height), 0, 1)[:, None]
    keep = (1 - low * (1 - sideways)) * end
    shift_x = (body.face_left + FACE_WIDTH / 2) - (head.face_left + FACE_WIDTH / 2)
    shift_y = (body.face_top + body.face_height) - (head.face_top + 0.82 * head.face_height)
    matrix = np.array([[1, 0, shift_x], [0, 1, shift_y]], np.float32)
    size = body.alpha.shape[1::-1]
    over_alpha = cv2.warpAffine((head.alpha * keep).astype(np.float32), matrix, size)
    over = cv2.warpAffine((head.image * keep[..., None]).astype(np.float32), matrix, size)
    body_rows = np.arange(body.alpha.shape[0], dtype=np.float32)
    neck = body.face_top + 1.02 * body.face_height
    headless = np.clip((body_rows - neck) / (0.1 * body.face_height), 0, 1)[:, None]
    rest = headless * (1 - over_alpha)
    return Figure(
        name=head.name,
        person=head.person,
        image=(over + body.image * rest[..., None]).astype(np.float32),
        alpha=(over_alpha + body.alpha * rest).astype(np.float32),
        face_left=head.face_left + shift_x,
        face_top=head.face_top + shift_y,
        face_height=head.face_height,
    )
