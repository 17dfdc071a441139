"""What the reading of a source yields: images, and what is to be known about them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from av.video.frame import VideoFrame

MIN_SIDE = 16
"""Pixels. The least face that can be recognised is larger than an image with a shorter side."""

MAX_PIXELS = 50_000_000
"""Of one image: one and a half times 8K. Decoded, an image of so many takes 75 to 150 MB."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RawFrame:
    """An image as a source gave it: ``picture`` decoded and upright, ``jpeg`` the same already compressed, or both.

    ``picture`` is in whatever pixel format its source has, and says so itself: format (YUV as a rule), range (limited or full) and colour
    matrix. It is a reference to the decoder's memory, not a copy, as long as that is counted, so that nothing is written
    into it again; sources copy what lies in memory of another kind, such as a driver's. One thread at a time uses it.

    ``captured_at`` is when it was taken, as far as that can be told from its arrival and its presentation time (see
    `lookout_capture.timing.MediaClock`); of a recording, when it was played. ``width`` and ``height`` in pixels.
    ``stated_age_s`` is how old it was when read by the camera's own clock, where it states it (RTCP): the whole of the
    delay if both clocks are right, which nobody promises, so nothing is decided by it.
    """

    picture: VideoFrame | None
    jpeg: bytes | None
    captured_at: datetime
    width: int
    height: int
    stated_age_s: float | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An image that a source skipped. ``detail`` is for people and shows no credentials."""

    detail: str


class IrregularityKind(StrEnum):
    """What a stream does that it should not, and that reading goes on after."""

    TIME_BACK = "time_back"
    TIME_STALLED = "time_stalled"
    TIME_JUMP = "time_jump"
    TIME_MISSING = "time_missing"
    SIZE_CHANGED = "size_changed"


@dataclass(frozen=True, slots=True)
class Irregularity:
    """A stream did something that is counted. It concerns the image that follows."""

    kind: IrregularityKind


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamDescription:
    """What a stream is: told with its first image, and again when it changes.

    ``decoder`` is "software" or the kind of device that decodes ("cuda", …); ``transport`` how it comes ("rtsp over tcp",
    "hls", …); ``declared_fps`` what the stream says of its rate, if it does. None of it shows an address.
    """

    codec: str
    width: int
    height: int
    pixel_format: str
    transport: str
    decoder: str = "software"
    declared_fps: float | None = None


SourceItem: TypeAlias = RawFrame | Unreadable | Irregularity | StreamDescription


def why_unusable(width: int, height: int) -> str | None:
    """Why no image of ``width`` by ``height`` pixels is read, or None."""
    if min(width, height) < MIN_SIDE:
        return f"{width} x {height} pixels are too few to show a face"
    if width * height > MAX_PIXELS:
        return (
            f"{width} x {height} is more than {MAX_PIXELS // 1_000_000} million pixels: "
            "set the camera to a smaller size"
        )
    return None
