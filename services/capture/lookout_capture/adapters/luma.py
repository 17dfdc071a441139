"""Brightness of coarse cells, by FFmpeg's scaler: of YUV it reads one plane, and a tenth of a millisecond is all it takes."""

from av.video.reformatter import Interpolation, VideoReformatter
from PIL import Image, ImageChops

from lookout_capture.readings import RawFrame

_CELL_PX = 32
_MOST_SIDE = 96
_MOST_KINDS = 16


class LumaGauge:
    """See `Gauge`. A grid is a grey image of a pixel for each cell of 32 x 32; of very large images for each larger one."""

    def __init__(self) -> None:
        self._scalers: dict[tuple[int, int, str], VideoReformatter] = {}

    def grid(self, frame: RawFrame) -> Image.Image | None:
        """See `Gauge`."""
        picture = frame.picture
        if picture is None:
            return None
        cell = max(_CELL_PX, max(picture.width, picture.height) / _MOST_SIDE)
        size = max(1, round(picture.width / cell)), max(1, round(picture.height / cell))
        # One scaler a kind of image: used for another it would prepare its tables anew.
        kind = (picture.width, picture.height, picture.format.name)
        if kind not in self._scalers and len(self._scalers) >= _MOST_KINDS:
            self._scalers.clear()
        small = self._scalers.setdefault(kind, VideoReformatter()).reformat(
            picture,
            width=size[0],
            height=size[1],
            format="gray",
            interpolation=Interpolation.AREA,
            threads=1,
        )
        plane = small.planes[0]
        return Image.frombuffer(
            "L",
            size,
            plane,  # type: ignore[arg-type]  # any buffer will do
            "raw",
            "L",
            plane.line_size,
            1,
        )

    def change(self, before: Image.Image, after: Image.Image) -> float:
        """See `Gauge`."""
        if before.size != after.size:
            return 255.0
        _, most = ImageChops.difference(before, after).getextrema()
        return float(most)  # type: ignore[arg-type]  # of a grey image it is a number
