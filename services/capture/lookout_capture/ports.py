"""What capture needs from the outside, in its own words."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

from lookout_capture.domain import CameraSpec
from lookout_capture.readings import RawFrame, SourceItem


class SourceError(Exception):
    """A source cannot be opened or read on. ``kind`` is a short snake_case word for counters.

    ``detail`` says what to do; it never shows a URL, and the exception has neither cause nor context, because those of
    the client library hold the URL with its password.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class EncodeError(Exception):
    """An image cannot be compressed. Never says what it shows."""


class Pause(Protocol):
    """Given to a source by whoever reads it: called for every image, wanted or not, it is also the sign of life."""

    def __call__(self, seconds: float) -> bool:
        """Wait (0: not at all); True when reading is to end. Waiting here is never taken for a silent camera."""


class FrameSource(Protocol):
    """One reading of a source, from opening to the end. Used by one thread, once."""

    def frames(self, pause: Pause) -> Generator[SourceItem, None, None]:
        """Open, then give images, and what is to be known about them, until the source ends or ``pause`` says so; closing the generator closes the source.

        May block, but no longer than its own time-outs allow as far as the client library keeps them. Raises
        `SourceError`.
        """


OpenSource = Callable[[CameraSpec], FrameSource]
"""Makes a source; opens nothing yet."""


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A JPEG and its size in pixels."""

    jpeg: bytes
    width: int
    height: int


class Encoder(Protocol):
    """Makes a JPEG of an image as it came."""

    def encode(self, frame: RawFrame) -> EncodedImage:
        """Compress, scaled down if larger than allowed. Raises `EncodeError`."""
