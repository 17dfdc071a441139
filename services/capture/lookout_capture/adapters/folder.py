"""A folder of pictures, in the order of their names: for trials and demonstrations."""

import time
from collections.abc import Callable, Generator
from datetime import datetime
from pathlib import Path

from lookout_capture.adapters.pictures import Picture, PictureError, read_picture
from lookout_capture.domain import CameraSpec, Pacing
from lookout_capture.ports import Pause, SourceError
from lookout_capture.readings import RawFrame, SourceItem, Unreadable
from lookout_capture.timing import Schedule

_DEFAULT_FPS = 5.0
_MAX_BYTES = 64 * 2**20


class FolderSource:
    """Every file of a folder but hidden ones; what is not a picture is told and passed over.

    Pictures are JPEG, PNG, BMP, WebP, TIFF and GIF (its first image), decoded and turned upright by their EXIF. A JPEG that
    is upright already is given as it is, besides. ``fps`` None means 5 a second.
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
            if pause(self._schedule.wait_s(given * self._interval_s, self._monotonic())):
                return
            given += 1
            yield RawFrame(
                picture=item.picture,
                jpeg=item.jpeg,
                captured_at=self._clock(),
                width=item.picture.width,
                height=item.picture.height,
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

    def _read(self, path: Path) -> Picture | Unreadable:
        try:
            if path.stat().st_size > _MAX_BYTES:
                return Unreadable(f"{path.name} is larger than any picture should be")
            content = path.read_bytes()
        except OSError as error:
            return Unreadable(f"{path.name} cannot be read: {error.strerror}")
        if not content:
            return Unreadable(f"{path.name} is empty")
        try:
            return read_picture(content)
        except PictureError as error:
            return Unreadable(f"{path.name}: {error}")
