"""Faces for the pages that browser tests look at: the demonstration's free photographs, cropped as pictures on a list
and as a camera would see them. Each archive is pinned by hash; the boxes fit those very files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from lookout_cli.demo.photographs import PhotographsUnavailableError, fetch_photographs

_CACHE: Final = Path.home() / ".cache" / "lookout" / "photographs"
_BOXES: Final = {
    "obama.jpg": (318, 48, 350),
    "obama2.jpg": (190, 190, 350),
    "obama3.jpg": (560, 165, 430),
    "biden.jpg": (340, 100, 460),
    "astronaut.png": (136, 4, 190),
}
"""Left, top and width in pixels of the portrait in each photograph; it is a quarter higher than wide."""
_WIDTH: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Faces:
    """Portraits as JPEG: of three people as they are listed, and as they are seen."""

    listed: tuple[bytes, bytes, bytes]
    seen: tuple[bytes, bytes, bytes]
    seen_again: bytes


def fetch_faces() -> Faces | str:
    """The faces, or why there are none."""
    try:
        found = fetch_photographs(_CACHE, lambda _said: None)
    except PhotographsUnavailableError as error:
        return f"no photographs: {error}"
    first, second, third = (
        _portrait(found.path(name)) for name in ("obama.jpg", "astronaut.png", "biden.jpg")
    )
    return Faces(
        listed=(_jpeg(first), _jpeg(second), _jpeg(third)),
        # There is one photograph of the second and third: as seen, it is what a camera in poor light makes of it.
        seen=(
            _jpeg(_portrait(found.path("obama3.jpg"))),
            _jpeg(_dimmed(second)),
            _jpeg(_dimmed(third)),
        ),
        seen_again=_jpeg(_portrait(found.path("obama2.jpg"))),
    )


def _portrait(path: Path) -> np.ndarray:
    left, top, width = _BOXES[path.name]
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert image is not None, f"{path} is no picture"
    cut = image[top : top + width * 5 // 4, left : left + width]
    return cv2.resize(cut, (_WIDTH, _WIDTH * 5 // 4), interpolation=cv2.INTER_AREA)


def _dimmed(portrait: np.ndarray) -> np.ndarray:
    small = cv2.resize(portrait[20:, 12:], (112, 140), interpolation=cv2.INTER_AREA)
    back = cv2.resize(small, (_WIDTH, _WIDTH * 5 // 4), interpolation=cv2.INTER_CUBIC)
    return cv2.convertScaleAbs(back, alpha=0.72, beta=6)


def _jpeg(image: np.ndarray) -> bytes:
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 88])
    return encoded.tobytes()
