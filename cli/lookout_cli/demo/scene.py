"""The street of the composed footage: a brick wall with hoardings, a pavement, a hedge, a parapet and a lamp post.

Everything is made from the free photographs without faces. The footage's people stand between these layers.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from lookout.vision.arrays import FloatArray, Image

from lookout_cli.demo.photographs import Photographs

WIDTH: Final = 1280
HEIGHT: Final = 720

PAVEMENT_TOP: Final = 318
HEDGE_TOP: Final = 405
HEDGE_BOTTOM: Final = 486
PARAPET_TOP: Final = 596
LAMP_X: Final = 1010

_BRICK_TINT = (0.62, 0.74, 1.0)
_STONE_TINT = (0.94, 0.98, 1.0)
_HEDGE_TINT = (0.42, 0.85, 0.55)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Something that stands before people: ``image`` (HEIGHT, WIDTH, 3) premultiplied with ``alpha``, both float32."""

    image: FloatArray
    alpha: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The street from back to front; ``backdrop`` is float32 of shape (HEIGHT, WIDTH, 3), BGR, 0 to 255."""

    backdrop: FloatArray
    hedge: Layer
    lamp: Layer
    parapet: Layer


def build_scene(photographs: Photographs) -> Scene:
    """The street, always the same."""
    backdrop = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    backdrop[:PAVEMENT_TOP] = _wall(photographs)
    backdrop[PAVEMENT_TOP:] = _pavement(photographs)
    # Where the wall meets the ground: a kerb, and the wall's own shadow.
    backdrop[PAVEMENT_TOP - 14 : PAVEMENT_TOP] = (96, 102, 106)
    shade = np.linspace(0.55, 1.0, 70, dtype=np.float32)[:, None, None]
    backdrop[PAVEMENT_TOP : PAVEMENT_TOP + 70] *= shade
    return Scene(
        backdrop=backdrop,
        hedge=_hedge(photographs),
        lamp=_lamp(),
        parapet=_parapet(photographs),
    )


def _read(photographs: Photographs, name: str) -> Image:
    path = photographs.path(name)
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"cannot read the photograph {path}: fetch the photographs again")
    return np.asarray(image, dtype=np.uint8)


def _texture(
    image: Image, height: int, width: int, *, scale: float, tint: tuple[float, float, float]
) -> FloatArray:
    """The picture mirrored into a seamless tile, repeated over (height, width), tinted."""
    tile = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tile = np.hstack([tile, tile[:, ::-1]])
    tile = np.vstack([tile, tile[::-1]])
    down, across = -(-height // tile.shape[0]), -(-width // tile.shape[1])
    repeated = np.tile(tile, (down, across, 1))[:height, :width]
    return repeated.astype(np.float32) * np.array(tint, np.float32)


def _wall(photographs: Photographs) -> FloatArray:
    brick = np.rot90(_read(photographs, "brick.png")).copy()
    wall = _texture(brick, PAVEMENT_TOP, WIDTH, scale=0.34, tint=_BRICK_TINT) * 1.05
    coffee = _read(photographs, "coffee.png")
    rocket = _read(photographs, "rocket.jpg")
    _hoarding(wall, coffee, left=90, top=40, width=282)
    _hoarding(wall, rocket, left=760, top=36, width=300)
    for left in (455, 590, 1130):
        _window(wall, left=left, top=34, width=96, height=150)
    wall *= np.linspace(1.08, 0.86, PAVEMENT_TOP, dtype=np.float32)[:, None, None]
    return cv2.GaussianBlur(wall, (0, 0), 1.2).astype(np.float32)


def _hoarding(wall: FloatArray, picture: Image, *, left: int, top: int, width: int) -> None:
    height = round(picture.shape[0] * width / picture.shape[1])
    wall[top + 9 : top + height + 21, left + 7 : left + width + 19] *= 0.55
    wall[top - 8 : top + height + 8, left - 8 : left + width + 8] = (62, 60, 58)
    resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    wall[top : top + height, left : left + width] = resized.astype(np.float32) * 0.92 + 10


def _window(wall: FloatArray, *, left: int, top: int, width: int, height: int) -> None:
    wall[top - 7 : top + height + 7, left - 7 : left + width + 7] = (190, 198, 200)
    glass = np.linspace(1.25, 0.6, height, dtype=np.float32)[:, None, None]
    wall[top : top + height, left : left + width] = glass * np.array((96, 84, 70), np.float32)
    wall[top + height // 2 - 3 : top + height // 2 + 3, left : left + width] = (185, 192, 195)
    middle = left + width // 2
    wall[top : top + height, middle - 3 : middle + 3] = (185, 192, 195)
    wall[top + height + 7 : top + height + 16, left - 14 : left + width + 14] = (150, 156, 158)


def _pavement(photographs: Photographs) -> FloatArray:
    """Gravel as the ground, seen at an angle: rows get coarser towards the camera."""
    height = HEIGHT - PAVEMENT_TOP
    flat = _texture(_read(photographs, "gravel.png"), 1400, 2600, scale=0.7, tint=_STONE_TINT)
    flat = flat * 0.55 + 66
    source = np.array([[0, 0], [2600, 0], [2600, 1400], [0, 1400]], np.float32)
    target = np.array([[0, 0], [WIDTH, 0], [WIDTH * 2.2, height], [-WIDTH * 1.2, height]])
    matrix = cv2.getPerspectiveTransform(source, target.astype(np.float32))
    ground = cv2.warpPerspective(flat, matrix, (WIDTH, height), flags=cv2.INTER_AREA)
    return cv2.GaussianBlur(ground, (0, 0), 0.8).astype(np.float32)


def _hedge(photographs: Photographs) -> Layer:
    height = HEDGE_BOTTOM - HEDGE_TOP
    leaves = _texture(_read(photographs, "grass.png"), height, WIDTH, scale=0.4, tint=_HEDGE_TINT)
    leaves *= np.linspace(1.15, 0.5, height, dtype=np.float32)[:, None, None]
    image = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    # An uneven upper edge, taken from the leaves' own brightness, so that it is the same every time.
    bumps = cv2.GaussianBlur(leaves[20:21, :, 1], (0, 0), 9.0)[0]
    bumps = (bumps - bumps.mean()) / (bumps.std() + 1e-6) * 4
    rows = np.arange(HEDGE_TOP, HEDGE_BOTTOM, dtype=np.float32)[:, None]
    alpha[HEDGE_TOP:HEDGE_BOTTOM] = np.clip(rows - (HEDGE_TOP + 8 + bumps[None, :]), 0, 1)
    image[HEDGE_TOP:HEDGE_BOTTOM] = leaves
    # Its shadow on the pavement.
    alpha[HEDGE_BOTTOM : HEDGE_BOTTOM + 26] = np.linspace(0.5, 0, 26, dtype=np.float32)[:, None]
    return Layer(image=image * alpha[..., None], alpha=alpha)


def _lamp() -> Layer:
    image = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    half = 13
    round_light = np.cos(np.linspace(-1.35, 1.1, 2 * half, dtype=np.float32))
    post = slice(LAMP_X - half, LAMP_X + half)
    image[:, post] = round_light[None, :, None] * np.array((88, 92, 84), np.float32) + 14
    alpha[:, post] = 1
    for row in (150, 520):
        ring = slice(LAMP_X - half - 5, LAMP_X + half + 5)
        image[row : row + 16, ring] = (58, 62, 56)
        alpha[row : row + 16, ring] = 1
    alpha = cv2.GaussianBlur(alpha, (0, 0), 0.8).astype(np.float32)
    return Layer(image=image * alpha[..., None], alpha=alpha)


def _parapet(photographs: Photographs) -> Layer:
    height = HEIGHT - PARAPET_TOP
    brick = np.rot90(_read(photographs, "brick.png")).copy()
    wall = _texture(brick, height, WIDTH, scale=0.62, tint=_BRICK_TINT) * 0.8
    wall[:30] = np.linspace(188, 150, 30, dtype=np.float32)[:, None, None]
    wall[:30] *= np.array((0.95, 0.99, 1.0), np.float32)
    wall[30:42] *= 0.45
    for left in range(0, WIDTH, 320):
        wall[:30, left : left + 3] = 105
    image = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    image[PARAPET_TOP:] = cv2.GaussianBlur(wall, (0, 0), 1.0)
    alpha[PARAPET_TOP:] = 1
    return Layer(image=image, alpha=alpha)
