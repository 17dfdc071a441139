"""Decodes picture files, by Pillow, which knows what FFmpeg's decoders do not tell: how EXIF asks a picture to be shown."""

from dataclasses import dataclass
from io import BytesIO
from typing import Final

from av.video.frame import VideoFrame
from PIL import Image

# For what they register: one that is missing is missed at the start, and not at the first picture.
from PIL import (  # isort: skip
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from lookout_capture.readings import why_unusable

_KINDS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF")
_JPEG_BEGIN, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_ORIENTATION = 0x0112
_TURNS: Final[dict[object, Image.Transpose]] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PictureError(Exception):
    """What a file holds cannot be used as a picture; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, upright, RGB (``picture``), and the file's content if that is the same as a JPEG may be sealed."""

    picture: VideoFrame
    jpeg: bytes | None


def read_picture(content: bytes) -> Picture:
    """Decode a JPEG, PNG, BMP, WebP or TIFF, or the first image of a GIF. FFmpeg gets a copy of what Pillow decoded.

    Told by content, not by name. Nothing is decoded that is too large or too small by its header. Raises `PictureError`.
    """
    try:
        return _read(content)
    except PictureError:
        raise
    except Image.DecompressionBombError:
        raise PictureError("it has far too many pixels") from None
    except Exception:  # noqa: BLE001 - a decoder in Python fails in many ways on what is no picture
        raise PictureError("it is no picture that can be read") from None


def _read(content: bytes) -> Picture:
    with Image.open(BytesIO(content), formats=_KINDS) as image:
        if why_not := why_unusable(*image.size):
            raise PictureError(why_not)
        # Before it is asked for its turn: TIFFs turn themselves.
        image.load()
        turn = _turn(image)
        picture = _converted(image, turn)
    return Picture(picture, content if turn is None and _is_whole_jpeg(content) else None)


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What makes it upright; None if it is, or if what it says of it is damaged."""
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION))
    except Exception:  # noqa: BLE001 - as above: a picture is of use without its EXIF
        return None


def _converted(image: Image.Image, turn: Image.Transpose | None) -> VideoFrame:
    if image.mode.startswith("I;16"):
        # Pillow would cut off above 255.
        image = image.point(lambda value: value / 256).convert("L")
    pixels = image.convert("RGB")
    upright = pixels if turn is None else pixels.transpose(turn)
    frame: VideoFrame = VideoFrame.from_image(upright)  # type: ignore[no-untyped-call]  # PyAV's stub lacks it
    return frame


def _is_whole_jpeg(content: bytes) -> bool:
    """Whether it ends where its image ends. Some cameras pad with zeros; what others append is no part of a JPEG."""
    return content.startswith(_JPEG_BEGIN) and content.rstrip(b"\0").endswith(_JPEG_END)
