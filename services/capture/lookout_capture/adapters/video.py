"""Video files, RTSP and HTTP (MJPEG and whatever else FFmpeg reads), by PyAV.

PyAV rather than OpenCV's VideoCapture, because VideoCapture gives no reason when it fails, takes the RTSP transport only
from a process-wide environment variable, and its reading call has been known to block for good. PyAV takes every
time-out when opening and keeps it for each single read (FFmpeg's interrupt callback, besides the socket's own time-out),
says what went wrong, gives presentation times, and decodes without holding Python's lock. What FFmpeg itself
cannot interrupt (name resolution, a driver) is left to the watchdog of the camera's worker.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from lookout_capture.adapters.ffmpeg_errors import Explanation, explain
from lookout_capture.adapters.hardware import decoder_of
from lookout_capture.adapters.upright import Upright
from lookout_capture.domain import CameraSpec, Pacing, SourceKind
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
from lookout_capture.timing import (
    AsItArrives,
    ByItsClock,
    Moment,
    Pace,
    Played,
    RateLimit,
    Schedule,
)

_PROTOCOLS = {
    # A playlist or SDP must not make capture open anything of another kind (a local file, say).
    SourceKind.FILE: "file",
    SourceKind.RTSP: "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
    SourceKind.HTTP: "http,https,tcp,tls",
}
_UNKNOWN_RATE = 25.0
_MAX_BAD_IN_A_ROW = 250
# Cameras that save bandwidth send a key frame, without which nothing can be decoded, as seldom as every 20 seconds.
_NO_IMAGE_S = 30.0
_HLS_LATE_S = 1.0


@dataclass(frozen=True, slots=True)
class _Decoded:
    """What a packet held, and when it came (monotonic seconds, before decoding)."""

    item: VideoFrame | Unreadable
    arrived_s: float


class VideoSource:
    """One reading of a video file, an RTSP stream or an HTTP stream.

    ``open_timeout_s`` bounds the whole opening of a stream, ``read_timeout_s`` each read; both in seconds. ``fps`` limits
    the images given (None: all). A file plays as ``pacing`` says; what comes ahead of time (HLS, a recording by HTTP)
    plays in real time. Images are as they were decoded, not copied, and turned upright as the file's metadata ask.
    ``device`` is the kind of device that decodes (see `choose_device`); with ``strict`` a stream it cannot decode is an error.
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
        device: str | None = None,
        strict: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if camera.kind not in _PROTOCOLS:
            raise ValueError(
                f"a video source is a file, rtsp or http, but {camera} is a {camera.kind}"
            )
        self._camera = camera
        self._live = not camera.recorded
        self._clock = clock
        self._pacing = pacing
        self._limit = RateLimit(fps)
        self._open_timeout_s = open_timeout_s
        self._read_timeout_s = read_timeout_s
        self._rtsp_transport = rtsp_transport
        self._device = device
        self._strict = strict
        self._monotonic = monotonic
        self._upright = Upright()
        self._described: StreamDescription | None = None
        self._told_to_end = False

    def frames(self, pause: Pause) -> Generator[SourceItem, None, None]:
        """See `FrameSource`."""
        with closing(self._open()) as container:
            stream = self._video_stream(container)
            pace = self._pace(container, stream)
            given = 0
            for decoded in self._decoded(container, stream, pause):
                frame = decoded.item
                if isinstance(frame, Unreadable):
                    yield frame
                    continue
                given += 1
                yield from self._news(container, stream, frame)
                moment = pace.place(_media_s(frame), decoded.arrived_s)
                if moment.irregularity is not None:
                    yield Irregularity(moment.irregularity)
                wanted = self._limit.admit(moment.at_s)
                if pause(pace.wait_s(moment, self._monotonic()) if wanted else 0.0):
                    return
                if wanted:
                    yield self._raw(container, frame, moment)
            if not given and not self._told_to_end:
                raise SourceError("empty", "the video holds no image that can be read")

    # Opening.

    def _open(self) -> InputContainer:
        started = self._monotonic()
        try:
            return av.open(
                self._camera.location,
                mode="r",
                options=dict(self._options()),
                metadata_errors="replace",
                timeout=(self._open_timeout_s, self._read_timeout_s) if self._live else None,
                hwaccel=None
                if self._device is None
                else HWAccel(self._device, allow_software_fallback=not self._strict),
            )
        except FFmpegError as error:
            failure = self._explain(error, self._monotonic() - started)
        except RuntimeError:
            if self._device is None:
                raise
            failure = Explanation(
                "no_hardware",
                f"{self._device} cannot decode what it sends: set the camera to H.264 or H.265, or "
                "LOOKOUT_CAPTURE_HARDWARE_DECODING to auto or off",
            )
        # Outside the handler, so that FFmpeg's exception, which holds the URL, is not kept as context.
        raise SourceError(*failure)

    def _options(self) -> Mapping[str, str]:
        kind = self._camera.kind
        options = {"protocol_whitelist": _PROTOCOLS[kind], "max_pixels": str(MAX_PIXELS)}
        if kind is SourceKind.RTSP:
            options |= {
                "rtsp_transport": self._rtsp_transport,
                "timeout": str(round(self._read_timeout_s * 1e6)),
                # Sound is not asked for. The rate is not either: finding it out takes 20 images, at each opening.
                "allowed_media_types": "video",
                "fpsprobesize": "0",
                # What came while finding out is old by the time it is known.
                "fflags": "nobuffer",
            }
        if kind is SourceKind.HTTP:
            options |= {"rw_timeout": str(round(self._read_timeout_s * 1e6))}
        if self._live:
            options |= {"flags": "low_delay"}
        return options

    def _video_stream(self, container: InputContainer) -> VideoStream:
        if not container.streams.video:
            raise SourceError("no_video", "there is no picture in it, only sound or data")
        stream = container.streams.video[0]
        # Absent where FFmpeg has no decoder for what the container names, whatever the binding's types say.
        if cast("object", stream.codec_context) is None:
            raise SourceError(
                "unreadable", "its kind of video is not known: set the camera to H.264 or H.265"
            )
        # Threads over frames give every image later than it came; threads over slices do not.
        stream.thread_type = "SLICE" if self._live else "AUTO"
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        return stream

    def _pace(self, container: InputContainer, stream: VideoStream) -> Pace:
        rate = float(stream.average_rate or _UNKNOWN_RATE)
        if not self._live:
            return Played(Schedule(self._pacing), fps=rate)
        over_http = self._camera.kind is SourceKind.HTTP
        if over_http and (container.format.name == "hls" or container.duration):
            return Played(Schedule(Pacing.REAL_TIME, late_at_most_s=_HLS_LATE_S), fps=rate)
        # Pictures in a row carry no times; FFmpeg makes up 25 a second.
        return AsItArrives() if container.format.name in {"mpjpeg", "mjpeg"} else ByItsClock()

    # Reading.

    def _decoded(
        self, container: InputContainer, stream: VideoStream, pause: Pause
    ) -> Iterator[_Decoded]:
        """Decoded images; a damaged one is told and passed over, too many in a row are an error."""
        bad = 0
        packet_at = image_at = self._monotonic()
        for packet in self._packets(container):
            now = self._monotonic()
            # Data that makes no image is a sign of life too, and must not keep us from ending.
            if self._live and pause(0.0):
                self._told_to_end = True
                return
            if packet.stream.index != stream.index:
                self._refuse_silence(packet_at, now)
                continue
            packet_at = now
            for item in _decode(cast("Packet[VideoStream]", packet)):
                bad = bad + 1 if isinstance(item, Unreadable) else 0
                image_at = now
                yield _Decoded(item, now)
            if bad > _MAX_BAD_IN_A_ROW:
                raise SourceError("unreadable", f"{bad} damaged images in a row")
            if self._live and now - image_at > _NO_IMAGE_S:
                raise SourceError(
                    "no_picture",
                    f"data comes, but no image could be made of it for {_NO_IMAGE_S:.0f} s: set the camera to send a key "
                    "frame at least every ten seconds",
                )

    def _packets(self, container: InputContainer) -> "Iterator[Packet[Stream]]":
        """All packets, those of sound too: a read that passes over them would never end once the picture is gone."""
        packets = container.demux()
        while True:
            started = self._monotonic()
            try:
                packet = next(packets, None)
            except FFmpegError as error:
                failure = self._explain(error, self._monotonic() - started)
                if failure.kind == "unreachable":
                    failure = Explanation("broken", "the connection broke off")
            else:
                if packet is None:
                    return
                took_s = self._monotonic() - started
                yield packet
                if not self._live or took_s < self._read_timeout_s:
                    continue
                # What FFmpeg still held is given in place of the error; waiting for that again would double the time.
                failure = Explanation("timeout", f"no answer in {took_s:.1f} s")
            raise SourceError(*failure)

    def _refuse_silence(self, packet_at: float, now: float) -> None:
        if self._live and now - packet_at > self._read_timeout_s:
            raise SourceError(
                "silent", f"sound or data still comes, but no picture for {now - packet_at:.1f} s"
            )

    def _explain(self, error: FFmpegError, took_s: float) -> Explanation:
        shortest = min(self._open_timeout_s, self._read_timeout_s)
        if self._live and took_s >= 0.9 * shortest:
            # An RTSP time-out reaches us as "invalid data".
            return Explanation("timeout", f"no answer in {took_s:.1f} s")
        return explain(error)

    # Giving.

    def _news(
        self, container: InputContainer, stream: VideoStream, frame: VideoFrame
    ) -> Iterator[Irregularity | StreamDescription]:
        """What the stream is, with its first image and whenever that changes."""
        before = self._described
        if before is not None and (
            (before.width, before.height, before.pixel_format)
            == (frame.width, frame.height, frame.format.name)
        ):
            return
        self._described = StreamDescription(
            codec=stream.codec_context.name,
            width=frame.width,
            height=frame.height,
            pixel_format=frame.format.name,
            transport=self._transport(container),
            decoder=decoder_of(frame.format.name, self._device),
            declared_fps=float(stream.average_rate) if stream.average_rate else None,
        )
        if before is not None and (before.width, before.height) != (frame.width, frame.height):
            yield Irregularity(IrregularityKind.SIZE_CHANGED)
        yield self._described

    def _transport(self, container: InputContainer) -> str:
        match self._camera.kind:
            case SourceKind.RTSP:
                return f"rtsp over {self._rtsp_transport}"
            case SourceKind.HTTP:
                return f"{container.format.name.split(',')[0]} over http"
            case _:
                return f"{container.format.name.split(',')[0]} file"

    def _raw(
        self, container: InputContainer, frame: VideoFrame, moment: Moment
    ) -> RawFrame | Unreadable:
        since = 0.0 if moment.taken_s is None else max(0.0, self._monotonic() - moment.taken_s)
        now = self._clock()
        if why_not := why_unusable(frame.width, frame.height):
            return Unreadable(why_not)
        try:
            picture = self._upright(frame)
        except (FFmpegError, ValueError) as error:
            return Unreadable(f"{frame.format.name} cannot be turned: {type(error).__name__}")
        return RawFrame(
            picture=picture,
            jpeg=None,
            captured_at=now - timedelta(seconds=since),
            width=picture.width,
            height=picture.height,
            stated_age_s=_stated_age_s(container, frame, now) if self._live else None,
        )


def _media_s(frame: VideoFrame) -> float | None:
    if frame.pts is None or frame.time_base is None:
        return None
    return float(frame.pts * frame.time_base)


def _stated_age_s(container: InputContainer, frame: VideoFrame, now: datetime) -> float | None:
    """By the camera's clock, which RTCP's sender reports state a few seconds after the beginning."""
    begun_us, media_s = container.start_time_realtime, _media_s(frame)
    if begun_us is None or begun_us <= 0 or media_s is None:
        return None
    return now.timestamp() - (begun_us / 1e6 + media_s)


def _decode(packet: "Packet[VideoStream]") -> Iterator[VideoFrame | Unreadable]:
    try:
        frames = packet.decode()
    except av.error.ArgumentError:
        # What a decoder says of an image for which it was not allowed to make room.
        yield Unreadable(f"image damaged, or of more than {MAX_PIXELS // 1_000_000} million pixels")
        return
    except FFmpegError as error:
        yield Unreadable(f"damaged image: {type(error).__name__}")
        return
    for frame in frames:
        if frame.is_corrupt:
            yield Unreadable("damaged image: decoded with errors")
        else:
            yield frame
