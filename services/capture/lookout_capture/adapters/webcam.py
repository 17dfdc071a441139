"""A camera at this machine, by OpenCV.

The operating system's driver has its own time-out for a read (V4L2: ten seconds); a driver that hangs beyond it is the
watchdog's.
"""

import time
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from lookout_capture.domain import CameraSpec
from lookout_capture.ports import Pause, SourceError
from lookout_capture.readings import (
    Irregularity,
    IrregularityKind,
    RawFrame,
    SourceItem,
    StreamDescription,
    Unreadable,
    why_unusable,
)
from lookout_capture.timing import RateLimit


class Device(Protocol):
    """What is used of ``cv2.VideoCapture``."""

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        """Whether it can be read."""

    def read(self) -> tuple[bool, npt.NDArray[np.uint8] | None]:
        """The next image, (H, W, 3) uint8 BGR; False when the camera is gone."""

    def release(self) -> None:
        """Let go."""


def open_device(index: int) -> Device:
    """The machine's ``index``-th camera."""
    device = cv2.VideoCapture(index)
    # Older images than the newest are of no use; not every driver obeys.
    device.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return device  # type: ignore[return-value]  # cv2's stub says ndarray of any dtype; a camera gives uint8


class WebcamSource:
    """One reading of a webcam. ``fps`` limits the images given (None: all)."""

    def __init__(
        self,
        camera: CameraSpec,
        *,
        clock: Callable[[], datetime],
        fps: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        device: Callable[[int], Device] = open_device,
    ) -> None:
        self._index = int(camera.location)
        self._clock = clock
        self._limit = RateLimit(fps)
        self._monotonic = monotonic
        self._device = device
        self._shape: tuple[int, ...] | None = None

    def frames(self, pause: Pause) -> Generator[SourceItem, None, None]:
        """See `FrameSource`."""
        device = self._device(self._index)
        try:
            if not device.isOpened():
                raise SourceError(
                    "missing",
                    f"webcam {self._index} cannot be opened: is it plugged in, free and permitted?",
                )
            while not pause(0.0):
                read, image = device.read()
                if not read or image is None:
                    raise SourceError("ended", f"webcam {self._index} gives no more images")
                yield from self._news(image)
                if self._limit.admit(self._monotonic()):
                    yield self._raw(image)
        finally:
            device.release()

    def _news(self, image: npt.NDArray[np.uint8]) -> Iterator[Irregularity | StreamDescription]:
        """What the camera gives, with its first image and whenever that changes."""
        before = self._shape
        if image.ndim != 3 or before == image.shape:
            return
        self._shape = image.shape
        if before is not None:
            yield Irregularity(IrregularityKind.SIZE_CHANGED)
        yield StreamDescription(
            codec="raw",
            width=image.shape[1],
            height=image.shape[0],
            pixel_format="bgr24",
            transport="webcam",
        )

    def _raw(self, image: npt.NDArray[np.uint8]) -> RawFrame | Unreadable:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            return Unreadable(f"wanted (H, W, 3) uint8, got {image.shape} {image.dtype}")
        if why_not := why_unusable(image.shape[1], image.shape[0]):
            return Unreadable(why_not)
        return RawFrame(
            # The driver may write the next image into the same memory.
            image_bgr=image.copy(),
            jpeg=None,
            captured_at=self._clock(),
            width=image.shape[1],
            height=image.shape[0],
        )
