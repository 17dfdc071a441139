"""JPEG in and out: frames, thumbnails for human eyes, previews that show nobody."""

import cv2
import numpy as np
import numpy.typing as npt
from lookout.enrolment.pictures import PictureRefusedError, picture_size
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.boxes import clip_boxes, grow_boxes, scale_boxes
from lookout.vision.pixelate import pixelate_faces

THUMBNAIL_SIDE = 160
THUMBNAIL_MARGIN = 0.25
_THUMBNAIL_QUALITY = 90
_PREVIEW_QUALITY = 70
_BEGIN, _END = b"\xff\xd8", b"\xff\xd9"


class BadImageError(ValueError):
    """The bytes are not the image they should be. ``kind`` is a snake_case word for counters."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


def decode_jpeg(data: bytes, *, width: int, height: int) -> Image:
    """The image, shape (height, width, 3), uint8, BGR, as stored: no turning by metadata, boxes are in these pixels.

    Raises:
        BadImageError: not a complete JPEG, or of another size.
    """
    # OpenCV 4 fills what a truncated file lacks with grey, OpenCV 5 fails. Some cameras pad with zeros.
    if not data.startswith(_BEGIN) or not data.rstrip(b"\0").endswith(_END):
        raise BadImageError(
            "bad_jpeg", f"the frame must be one complete JPEG, but its {len(data)} bytes are not"
        )
    # Before it is decoded: a few bytes may claim more pixels than there is memory.
    _require_size(data, width, height)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    if image is None or image.shape != (height, width, 3):
        raise BadImageError("bad_jpeg", f"the frame's {len(data)} bytes do not decode as a JPEG")
    return np.asarray(image, dtype=np.uint8)


def _require_size(data: bytes, width: int, height: int) -> None:
    try:
        found = picture_size(data)
    except PictureRefusedError as error:
        raise BadImageError("bad_jpeg", f"the frame's JPEG states no size: {error}") from None
    if found != (width, height):
        raise BadImageError(
            "wrong_size",
            f"the frame must be {width} x {height} pixels as its record says, but the JPEG is"
            f" {found[0]} x {found[1]}",
        )


def thumbnail_jpeg(image_bgr: Image, box: FloatArray, others: FloatArray) -> bytes:
    """A JPEG of the face in a box of shape (4,), xyxy: with a quarter more on each side, at most 160 pixels long.

    Bystanders in the margin, ``others`` of shape (N, 4), are pixelated: they raised no alert, whoever sees this one.
    """
    height, width = image_bgr.shape[:2]
    grown = clip_boxes(grow_boxes(box[None], THUMBNAIL_MARGIN), width=width, height=height)[0]
    x_low, y_low = np.minimum(np.floor(grown[:2]).astype(int), [width - 1, height - 1])
    x_high, y_high = np.maximum(np.ceil(grown[2:]).astype(int), [x_low + 1, y_low + 1])
    crop = image_bgr[y_low:y_high, x_low:x_high]
    corner = np.array([x_low, y_low, x_low, y_low], dtype=np.float32)
    near = others[_overlap(others, grown)] - corner
    if len(near):
        crop = _only(crop, box - corner, near)
    return _encode(_shrunk(crop, THUMBNAIL_SIDE / max(crop.shape[:2])), _THUMBNAIL_QUALITY)


def _overlap(boxes: FloatArray, window: FloatArray) -> npt.NDArray[np.bool_]:
    """Which boxes, (N, 4), would show in a window, (4,); a little outside counts, as pixelation has a margin."""
    grown = grow_boxes(boxes, THUMBNAIL_MARGIN)
    return np.asarray(
        (grown[:, :2] < window[2:]).all(axis=1) & (grown[:, 2:] > window[:2]).all(axis=1)
    )


def _only(crop: Image, own: FloatArray, others: FloatArray) -> Image:
    """The crop with the others pixelated, and the face it is about as it was where they overlap."""
    hidden = pixelate_faces(crop, others)
    x_low, y_low, x_high, y_high = np.clip(np.round(own), 0, [*crop.shape[1::-1]] * 2).astype(int)
    hidden[y_low:y_high, x_low:x_high] = crop[y_low:y_high, x_low:x_high]
    return hidden


def preview_jpeg(image_bgr: Image, boxes: FloatArray, *, longest: int) -> bytes:
    """A JPEG neither wider nor higher than ``longest`` pixels, with every box, shape (N, 4), xyxy, pixelated."""
    factor = min(1.0, longest / max(image_bgr.shape[:2]))
    small = _shrunk(image_bgr, factor)
    return _encode(pixelate_faces(small, scale_boxes(boxes, factor)), _PREVIEW_QUALITY)


def _shrunk(image: Image, factor: float) -> Image:
    if factor >= 1:
        return image
    size = max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _encode(image: Image, quality: int) -> bytes:
    good, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not good:
        raise BadImageError(
            "cannot_encode", f"an image of shape {image.shape} does not encode as a JPEG"
        )
    return data.tobytes()
