"""A camera at this machine, by FFmpeg's Video4Linux input.

Read without blocking: a driver from which nothing comes is told after a time-out of our own, as FFmpeg cannot interrupt a
read of a driver. One that hangs in spite of that is the watchdog's.
"""

import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from typing import Protocol

import av
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet
from av.video.frame import VideoFrame

from lookout_capture.domain import CameraSpec
from lookout_capture.ports import Pause, SourceError
from lookout_capture.readings import (
    MAX_PIXELS,
    Irregularity,
    IrregularityKind,
    RawFrame,
    SourceItem,
    StreamDescription,
    Unreadable,
    why_unusable,
)
from lookout_capture.timing import RateLimit

_SILENT_S = 10.0
_ASK_AGAIN_S = 0.005
_OPEN_TIMEOUT_S = 10.0
# AVFMT_FLAG_NONBLOCK. FFmpeg has no name for it among its options.
_NON_BLOCKING = "+4"


class Device(Protocol):
    """A camera that is open."""

    @property
    def codec(self) -> str:
        """How it sends images ("rawvideo", "mjpeg", …)."""

    def read(self) -> VideoFrame | Unreadable | None:
        """The next image, in memory that stays ours; None while there is none yet. Raises `EOFError` when it is gone."""

    def close(self) -> None:
        """Let go."""


class OpenedDevice:
    """A `Device` of FFmpeg's."""

    def __init__(self, container: InputContainer) -> None:
        self._container = container
        self._stream = container.streams.video[0]
        self._stream.thread_type = "SLICE"
        self._stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        self._decoded: deque[VideoFrame] = deque()

    @property
    def codec(self) -> str:
        """See `Device`."""
        return self._stream.codec_context.name

    def read(self) -> VideoFrame | Unreadable | None:
        """See `Device`."""
        if not self._decoded:
            try:
                # Anew each time: what raised cannot be asked again.
                packet = next(self._container.demux(self._stream))
            except BlockingIOError:
                return None
            except InvalidDataError:
                return Unreadable("damaged image: of another size than it should be")
            except (FFmpegError, StopIteration):
                packet = None
            if packet is None or packet.dts is None:
                # Gone, or the packet that stands for the end of a file.
                raise EOFError
            if not packet.size:
                # An image that the driver calls damaged. The decoder would take it for the end of all.
                return Unreadable("damaged image: the driver says so")
            try:
                # A copy of what was sent: it lies in the driver's memory, which goes away when the camera is closed, and
                # a decoder of raw images would hand it on.
                self._decoded.extend(self._stream.codec_context.decode(Packet(bytes(packet))))
            except FFmpegError as error:
                return Unreadable(f"damaged image: {type(error).__name__}")
        frame = self._decoded.popleft() if self._decoded else None
        if frame is not None and frame.is_corrupt:
            return Unreadable("damaged image: decoded with errors")
        return frame

    def close(self) -> None:
        """See `Device`."""
        self._container.close()


def open_device(index: int) -> Device:
    """The machine's ``index``-th camera. Raises `SourceError`."""
    if not sys.platform.startswith("linux"):
        raise SourceError("unsupported", "webcams are read under Linux only: use a stream instead")
    try:
        container = av.open(
            f"/dev/video{index}",
            format="v4l2",
            # The rate is not asked for: finding it out takes images.
            options={"fflags": _NON_BLOCKING, "fpsprobesize": "0"},
            timeout=(_OPEN_TIMEOUT_S, None),
        )
    except (FFmpegError, OSError):
        pass
    else:
        return OpenedDevice(container)
    raise SourceError(
        "missing", f"webcam {index} cannot be opened: is it plugged in, free and permitted?"
    )


class WebcamSource:
    """One reading of a webcam. ``fps`` limits the images given (None: all). They are as the camera gives them."""

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
        self._described: StreamDescription | None = None

    def frames(self, pause: Pause) -> Generator[SourceItem, None, None]:
        """See `FrameSource`."""
        device = self._device(self._index)
        try:
            for image in self._images(device, pause):
                if isinstance(image, Unreadable):
                    yield image
                    continue
                yield from self._news(device, image)
                if self._limit.admit(self._monotonic()):
                    yield self._raw(image)
        finally:
            device.close()

    def _images(self, device: Device, pause: Pause) -> Iterator[VideoFrame | Unreadable]:
        came_at, wait_s, gone = self._monotonic(), 0.0, False
        while not gone and not pause(wait_s):
            try:
                image = device.read()
            except EOFError:
                gone = True
                continue
            if image is not None:
                yield image
                came_at, wait_s = self._monotonic(), 0.0
                continue
            silent_s, wait_s = self._monotonic() - came_at, _ASK_AGAIN_S
            if silent_s > _SILENT_S:
                raise SourceError(
                    "timeout", f"webcam {self._index} gave no image for {silent_s:.1f} s"
                )
        if gone:
            raise SourceError("ended", f"webcam {self._index} gives no more images")

    def _news(
        self, device: Device, image: VideoFrame
    ) -> Iterator[Irregularity | StreamDescription]:
        """What the camera gives, with its first image and whenever that changes."""
        before = self._described
        described = StreamDescription(
            codec=device.codec,
            width=image.width,
            height=image.height,
            pixel_format=image.format.name,
            transport="webcam",
        )
        if before == described:
            return
        self._described = described
        if before is not None and (before.width, before.height) != (image.width, image.height):
            yield Irregularity(IrregularityKind.SIZE_CHANGED)
        yield described

    def _raw(self, image: VideoFrame) -> RawFrame | Unreadable:
        if why_not := why_unusable(image.width, image.height):
            return Unreadable(why_not)
        return RawFrame(
            picture=image,
            jpeg=None,
            captured_at=self._clock(),
            width=image.width,
            height=image.height,
        )
