"""Video files, RTSP and HTTP (MJPEG and whatever else FFmpeg reads), by PyAV.

PyAV rather than OpenCV's VideoCapture, because VideoCapture gives no reason when it fails, takes the RTSP transport only
from a process-wide environment variable, and its reading call has been known to block for good. PyAV takes every
time-out when opening and keeps it for each single read (FFmpeg's interrupt callback, besides the socket's own time-out),
says what went wrong, gives times for real-time playing, and decodes without holding Python's lock. What FFmpeg itself
cannot interrupt (name resolution, a driver) is left to the watchdog of the camera's worker.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from datetime import datetime

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from lookout_capture.domain import (
    CameraSpec,
    Pacing,
    RateLimit,
    RawFrame,
    Schedule,
    SourceKind,
    Unreadable,
)
from lookout_capture.ports import Pause, SourceError

_PROTOCOLS = {
    # A playlist or SDP must not make capture open anything of another kind (a local file, say).
    SourceKind.FILE: "file",
    SourceKind.RTSP: "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
    SourceKind.HTTP: "http,https,tcp,tls",
}
_UNKNOWN_RATE = 25.0
_MAX_BAD_IN_A_ROW = 250

_KINDS: tuple[tuple[type[Exception], str, str], ...] = (
    (FileNotFoundError, "missing", "there is no such file: check the path"),
    (IsADirectoryError, "folder", "this is a folder: write folder:PATH"),
    (PermissionError, "forbidden", "reading is not permitted: check the file's owner and mode"),
    (av.error.HTTPUnauthorizedError, "refused", "the camera refuses the credentials"),
    (av.error.HTTPForbiddenError, "refused", "the camera refuses the credentials"),
    (av.error.HTTPNotFoundError, "missing", "the camera knows no such path"),
    (ConnectionRefusedError, "unreachable", "nothing listens there: check address and port"),
    (TimeoutError, "timeout", "no answer in time"),
    (av.error.ExitError, "timeout", "no answer in time"),
    (ValueError, "unreadable", "this is no video that can be read"),
    (OSError, "unreachable", "the connection failed: check address, port and network"),
)


class VideoSource:
    """One reading of a video file, an RTSP stream or an HTTP stream.

    ``open_timeout_s`` bounds the whole opening of a stream, ``read_timeout_s`` each read; both in seconds. ``fps`` limits
    the images given (None: all). A file plays as ``pacing`` says. Images are (H, W, 3) uint8 BGR, turned upright as the
    file's metadata ask.
    """

    def __init__(
        self,
        camera: CameraSpec,
        *,
        clock: Callable[[], datetime],
        pacing: Pacing = Pacing.REAL_TIME,
        fps: float | None = None,
        open_timeout_s: float = 10.0,
        read_timeout_s: float = 5.0,
        rtsp_transport: str = "tcp",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if camera.kind not in _PROTOCOLS:
            raise ValueError(
                f"a video source is a file, rtsp or http, but {camera} is a {camera.kind}"
            )
        self._camera = camera
        self._clock = clock
        self._limit = RateLimit(fps)
        self._schedule = Schedule(pacing)
        self._open_timeout_s = open_timeout_s
        self._read_timeout_s = read_timeout_s
        self._rtsp_transport = rtsp_transport
        self._monotonic = monotonic

    def frames(self, pause: Pause) -> Generator[RawFrame | Unreadable, None, None]:
        """See `FrameSource`."""
        with closing(self._open()) as container:
            stream = self._video_stream(container)
            given = 0
            for item in self._decoded(container, stream):
                if isinstance(item, Unreadable):
                    yield item
                    continue
                given += 1
                wanted = self._limit.admit(self._timeline(item, given, stream))
                if pause(self._wait_s(item, given, stream) if wanted else 0.0):
                    return
                if wanted:
                    yield self._raw(item)
            if not given:
                raise SourceError("empty", "the video holds no image that can be read")

    def _open(self) -> InputContainer:
        started = self._monotonic()
        try:
            return av.open(
                self._camera.location,
                mode="r",
                options=dict(self._options()),
                metadata_errors="replace",
                timeout=None
                if self._camera.recorded
                else (self._open_timeout_s, self._read_timeout_s),
            )
        except FFmpegError as error:
            failure = self._explain(error, self._monotonic() - started)
        # Outside the handler, so that FFmpeg's exception, which holds the URL, is not kept as context.
        raise failure

    def _options(self) -> Mapping[str, str]:
        kind = self._camera.kind
        options = {"protocol_whitelist": _PROTOCOLS[kind]}
        if kind is SourceKind.RTSP:
            options |= {
                "rtsp_transport": self._rtsp_transport,
                "timeout": str(round(self._read_timeout_s * 1e6)),
            }
        if kind is SourceKind.HTTP:
            options |= {"rw_timeout": str(round(self._read_timeout_s * 1e6))}
        if not self._camera.recorded:
            options |= {"fflags": "nobuffer", "flags": "low_delay"}
        return options

    def _video_stream(self, container: InputContainer) -> VideoStream:
        if not container.streams.video:
            raise SourceError("no_video", "there is no picture in it, only sound or data")
        stream = container.streams.video[0]
        # Threads over frames give every image later than it came; threads over slices do not.
        stream.thread_type = "AUTO" if self._camera.recorded else "SLICE"
        return stream

    def _decoded(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[VideoFrame | Unreadable]:
        """Decoded images; a damaged one is told and passed over, too many in a row are an error."""
        packets = container.demux(stream)
        bad = 0
        while True:
            started = self._monotonic()
            try:
                packet = next(packets, None)
            except FFmpegError as error:
                failure = self._explain(error, self._monotonic() - started)
            else:
                if packet is None:
                    return
                for item in _decode(packet.decode):
                    bad = bad + 1 if isinstance(item, Unreadable) else 0
                    yield item
                if bad > _MAX_BAD_IN_A_ROW:
                    raise SourceError("unreadable", f"{bad} damaged images in a row")
                continue
            raise failure

    def _explain(self, error: FFmpegError, took_s: float) -> SourceError:
        shortest = min(self._open_timeout_s, self._read_timeout_s)
        if not self._camera.recorded and took_s >= 0.9 * shortest:
            # An RTSP time-out reaches us as "invalid data".
            return SourceError("timeout", f"no answer in {took_s:.1f} s")
        for family, kind, detail in _KINDS:
            if isinstance(error, family):
                return SourceError(kind, detail)
        return SourceError("failed", f"FFmpeg says {type(error).__name__}")

    def _media_s(self, frame: VideoFrame, index: int, stream: VideoStream) -> float:
        if frame.pts is not None and frame.time_base is not None:
            return float(frame.pts * frame.time_base)
        return index / float(stream.average_rate or _UNKNOWN_RATE)

    def _timeline(self, frame: VideoFrame, index: int, stream: VideoStream) -> float:
        return self._media_s(frame, index, stream) if self._camera.recorded else self._monotonic()

    def _wait_s(self, frame: VideoFrame, index: int, stream: VideoStream) -> float:
        if not self._camera.recorded:
            return 0.0
        return self._schedule.wait_s(self._media_s(frame, index, stream), self._monotonic())

    def _raw(self, frame: VideoFrame) -> RawFrame:
        captured_at = self._clock()
        image = _upright(frame)
        height, width = image.shape[:2]
        return RawFrame(
            image_bgr=image, jpeg=None, captured_at=captured_at, width=width, height=height
        )


def _decode(decode: Callable[[], list[VideoFrame]]) -> Iterator[VideoFrame | Unreadable]:
    try:
        frames = decode()
    except FFmpegError as error:
        yield Unreadable(f"damaged image: {type(error).__name__}")
        return
    for frame in frames:
        if frame.is_corrupt:
            yield Unreadable("damaged image: decoded with errors")
        else:
            yield frame


def _upright(frame: VideoFrame) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 BGR. Cameras held sideways record a turn as metadata, and FFmpeg leaves it to us."""
    image = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
    quarter_turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarter_turns)) if quarter_turns else image
