"""Makes the JPEG that is sealed, by OpenCV."""

import cv2
import numpy as np
import numpy.typing as npt

from lookout_capture.ports import EncodedImage, EncodeError
from lookout_capture.readings import RawFrame


class JpegEncoder:
    """Compresses at ``quality`` (1 to 100), after scaling down to ``max_side`` pixels on the longer side.

    A JPEG that is small enough already is passed on as it is: compressing twice costs time and detail.
    """

    def __init__(self, *, max_side: int = 1920, quality: int = 90) -> None:
        self._max_side = max_side
        self._parameters = (cv2.IMWRITE_JPEG_QUALITY, quality)

    def encode(self, frame: RawFrame) -> EncodedImage:
        """See `Encoder`."""
        if frame.jpeg is not None and max(frame.width, frame.height) <= self._max_side:
            return EncodedImage(frame.jpeg, frame.width, frame.height)
        try:
            image = self._fitting(_pixels(frame))
            done, jpeg = cv2.imencode(".jpg", image, self._parameters)
        except cv2.error:
            done, jpeg = False, None
        if not done or jpeg is None:
            raise EncodeError(
                f"a {frame.width} x {frame.height} image cannot be compressed as JPEG"
            )
        return EncodedImage(jpeg.tobytes(), image.shape[1], image.shape[0])

    def _fitting(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        height, width = image.shape[:2]
        scale = self._max_side / max(height, width)
        if scale >= 1.0:
            return image
        size = max(1, round(width * scale)), max(1, round(height * scale))
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _pixels(frame: RawFrame) -> npt.NDArray[np.uint8]:
    if frame.image_bgr is not None:
        return frame.image_bgr
    image = cv2.imdecode(np.frombuffer(frame.jpeg or b"", np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise EncodeError(
            f"a {frame.width} x {frame.height} image came as a JPEG that cannot be read"
        )
    return np.asarray(image, dtype=np.uint8)
