"""Makes the JPEG that is sealed: FFmpeg's scaler converts what a decoder gave, and libjpeg-turbo, which Pillow brings, compresses it.

JFIF is full range, with the matrix of BT.601, and video mostly is neither. Scaling, range and matrix are one step to RGB; libjpeg-turbo
makes its own YUV of that, quicker than FFmpeg's encoder takes YUV as it is (docs/adr/0027-capture-without-opencv.md).
"""

from collections import OrderedDict
from io import BytesIO
from typing import Final, TypeAlias

from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from PIL import Image

from lookout_capture.adapters.pictures import PictureError, read_picture
from lookout_capture.ports import EncodedImage, EncodeError
from lookout_capture.readings import RawFrame

# One image in memory for both: four bytes a pixel, the last unused. Pillow compresses it where FFmpeg put it.
_FFMPEG_RGBX: Final = "rgb0"
_PILLOW_RGBX: Final = "RGBX"
_MOST_KINDS: Final = 16

_Kind: TypeAlias = tuple[int, int, str, int, int]


class JpegEncoder:
    """Compresses at ``quality`` (1 to 100, libjpeg's), 4:2:0, after scaling down to ``max_side`` pixels on the longer side.

    A JPEG that is small enough already is passed on as it is: compressing twice costs time and detail. What is compressed
    here carries nothing but the image: no EXIF, no colour profile, no comment. Used by one thread.
    """

    def __init__(self, *, max_side: int = 1920, quality: int = 90) -> None:
        self._max_side = max_side
        self._quality = quality
        # By kind of image, as one that is used for another prepares its tables anew.
        self._scalers: OrderedDict[_Kind, VideoReformatter] = OrderedDict()

    def encode(self, frame: RawFrame) -> EncodedImage:
        """See `Encoder`. The frame's picture stays as it is: it is copied once, converted to RGB."""
        if frame.jpeg is not None and max(frame.width, frame.height) <= self._max_side:
            return EncodedImage(frame.jpeg, frame.width, frame.height)
        try:
            pixels = self._pixels(_picture(frame))
            return EncodedImage(self._compressed(pixels), pixels.width, pixels.height)
        except (FFmpegError, PictureError, OSError, ValueError):
            raise EncodeError(
                f"a {frame.width} x {frame.height} image cannot be compressed as JPEG"
            ) from None

    def _pixels(self, picture: VideoFrame) -> VideoFrame:
        scale = min(1.0, self._max_side / max(picture.width, picture.height))
        return self._scaler_for(picture).reformat(
            picture,
            width=max(1, round(picture.width * scale)),
            height=max(1, round(picture.height * scale)),
            format=_FFMPEG_RGBX,
            interpolation=Interpolation.AREA,
            threads=1,
        )

    def _scaler_for(self, picture: VideoFrame) -> VideoReformatter:
        kind = (
            picture.width,
            picture.height,
            picture.format.name,
            picture.colorspace,
            picture.color_range,
        )
        scaler = self._scalers.setdefault(kind, VideoReformatter())
        self._scalers.move_to_end(kind)
        if len(self._scalers) > _MOST_KINDS:
            self._scalers.popitem(last=False)
        return scaler

    def _compressed(self, pixels: VideoFrame) -> bytes:
        plane = pixels.planes[0]
        image = Image.frombuffer(
            _PILLOW_RGBX,
            (pixels.width, pixels.height),
            plane,  # type: ignore[arg-type]  # any buffer will do
            "raw",
            _PILLOW_RGBX,
            plane.line_size,
            1,
        )
        jpeg = BytesIO()
        image.save(jpeg, "JPEG", quality=self._quality, subsampling="4:2:0")
        return jpeg.getvalue()


def _picture(frame: RawFrame) -> VideoFrame:
    """Decoded and upright. Raises `PictureError`."""
    if frame.picture is not None:
        return frame.picture
    return read_picture(frame.jpeg or b"").picture
