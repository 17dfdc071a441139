"""Reading a picture to enrol: refused from its header, before anything is decoded, where it is no picture or a trap."""

import struct
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from lookout.vision.arrays import Image

LARGEST_FILE: Final = 32 * 1024 * 1024
MOST_PIXELS: Final = 50_000_000
"""A picture may claim any size in a few bytes; decoding takes three bytes of memory per pixel."""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_GIF = b"GIF8"
# Start-of-frame markers: the ones that carry the size. C4, C8 and CC are tables and extensions.
_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})


class PictureRefusedError(Exception):
    """The file cannot be used as a picture; the text says why, in words for people."""


def read_picture(path: Path) -> Image:
    """The picture upright (its EXIF orientation honoured), (H, W, 3) uint8 BGR.

    Grey, 16-bit, transparent and CMYK pictures are converted; of an animation there is no one picture, so it is refused.

    Raises:
        PictureRefusedError: missing, no JPEG or PNG, too large, or damaged.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise PictureRefusedError("the file does not exist") from None
    except ValueError:
        # A table from elsewhere can name anything: of a path with a zero byte no system knows anything.
        raise PictureRefusedError("the file's name cannot be one: it holds a zero byte") from None
    except OSError as error:
        raise PictureRefusedError(f"the file cannot be read: {error.strerror}") from error
    if len(data) > LARGEST_FILE:
        raise PictureRefusedError(f"the file is larger than {LARGEST_FILE // 2**20} MiB")
    width, height = picture_size(data)
    if width * height > MOST_PIXELS:
        raise PictureRefusedError(
            f"the picture has {width} x {height} pixels, more than {MOST_PIXELS // 10**6} million: make it smaller"
        )
    return _decoded(data)


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height that a JPEG or PNG states in its header; nothing is decoded.

    Raises:
        PictureRefusedError: it is neither, or states no size.
    """
    if data.startswith(_PNG) and data[12:16] == b"IHDR" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return int(width), int(height)
    if data.startswith(_JPEG):
        return _jpeg_size(data)
    if data.startswith(_GIF):
        raise PictureRefusedError(
            "the file is a GIF, which may move and has few colours: save the picture meant as JPEG or PNG"
        )
    raise PictureRefusedError("the file is not a JPEG or PNG picture")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        elif marker in _SIZE_MARKERS:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return int(width), int(height)
        else:
            (length,) = struct.unpack(">H", data[at + 2 : at + 4])
            at += 2 + max(2, length)
    raise PictureRefusedError("the JPEG is damaged: it states no size")


def _decoded(data: bytes) -> Image:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise PictureRefusedError("the picture is damaged: it cannot be decoded") from error
    if image is None:
        raise PictureRefusedError("the picture is damaged: it cannot be decoded")
    return np.asarray(image, dtype=np.uint8)
