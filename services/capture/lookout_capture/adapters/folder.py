"""A folder of pictures, in the order of their names: for trials and demonstrations."""

import time
from collections.abc import Callable, Generator
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

from lookout_capture.domain import CameraSpec, Pacing
from lookout_capture.ports import Pause, SourceError
from lookout_capture.readings import RawFrame, SourceItem, Unreadable, why_unusable
from lookout_capture.timing import Schedule

_DEFAULT_FPS = 5.0
_MAX_BYTES = 64 * 2**20
_JPEG_MAGIC = b"\xff\xd8\xff"


class FolderSource:
    """Every file of a folder but hidden ones; what is not a picture is told and passed over.

    Pictures that are JPEGs already are given as they are, besides decoded ((H, W, 3) uint8 BGR, upright by their EXIF).
    ``fps`` None means 5 a second.
    """

    def __init__(
        self,
        camera: CameraSpec,
        *,
        clock: Callable[[], datetime],
        pacing: Pacing = Pacing.REAL_TIME,
        fps: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = Path(camera.location)
        self._clock = clock
        self._schedule = Schedule(pacing)
        self._interval_s = 1.0 / (fps or _DEFAULT_FPS)
        self._monotonic = monotonic

    def frames(self, pause: Pause) -> Generator[SourceItem, None, None]:
        """See `FrameSource`."""
        given = 0
        for path in self._listing():
            item = self._read(path)
            if isinstance(item, Unreadable):
                yield item
                continue
            image, jpeg = item
            if pause(self._schedule.wait_s(given * self._interval_s, self._monotonic())):
                return
            given += 1
            yield RawFrame(
                image_bgr=image,
                jpeg=jpeg,
                captured_at=self._clock(),
                width=image.shape[1],
                height=image.shape[0],
            )
        if not given:
            raise SourceError("empty", "the folder holds no picture that can be read")

    def _listing(self) -> list[Path]:
        if not self._path.is_dir():
            raise SourceError("missing", "there is no such folder: check the path")
        try:
            return sorted(
                path
                for path in self._path.iterdir()
                if path.is_file() and not path.name.startswith(".")
            )
        except OSError as error:
            raise SourceError(
                "forbidden", f"the folder cannot be listed: {error.strerror}"
            ) from None

    def _read(
        self, path: Path
    ) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], bytes | None] | Unreadable:
        try:
            if path.stat().st_size > _MAX_BYTES:
                return Unreadable(f"{path.name} is larger than any picture should be")
            content = path.read_bytes()
        except OSError as error:
            return Unreadable(f"{path.name} cannot be read: {error.strerror}")
        if not content:
            return Unreadable(f"{path.name} is empty")
        try:
            image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error:
            # OpenCV raises, instead of returning nothing, for sizes beyond its limits.
            image = None
        if image is None:
            return Unreadable(f"{path.name} is not a picture")
        if why_not := why_unusable(image.shape[1], image.shape[0]):
            return Unreadable(f"{path.name}: {why_not}")
        jpeg = content if content.startswith(_JPEG_MAGIC) else None
        return np.asarray(image, dtype=np.uint8), jpeg
