"""One look at a camera: what it gives, or why it gives nothing. For whoever sets cameras up."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

from lookout.stream.ports import Clock

from lookout_capture.domain import CameraSpec
from lookout_capture.ports import OpenSource, Pause, SourceError
from lookout_capture.readings import (
    Irregularity,
    IrregularityKind,
    RawFrame,
    SourceItem,
    StreamDescription,
    Unreadable,
)

_END_WITHIN_S = 2.0

_ADVICE = {
    "refused": "check user and password, and that the account may view this stream; percent-encode @ : / in both",
    "unreachable": "check address, port and cable; is the camera on this network?",
    "timeout": "is a firewall in between? over UDP, try the transport tcp; over TCP, see whether the camera is overloaded",
    "missing": "check path or number; a camera's manual names its paths, and main and sub stream have different ones",
    "unreadable": "set the camera to H.264 or H.265; is this its stream's address, and not its web page's?",
    "empty": "nothing could be decoded: set the camera to H.264 or H.265",
    "no_picture": "set the key frame interval to two seconds or less",
    "no_video": "this address gives sound or data only: take that of the picture",
    "silent": "the picture stopped while sound goes on: restart the camera, and look for a newer firmware",
    "broken": "look at the camera's power and network; does it restart by itself?",
    "ended": "the camera closed the stream: are too many viewers connected?",
    "no_hardware": "set hardware decoding to auto or off",
    "stuck": "the read does not return: name resolution or a driver hangs; try the address as numbers",
}


@dataclass(slots=True, kw_only=True)
class CameraReport:
    """What one look at a camera found; nothing in it shows credentials. Times in seconds.

    ``first_image_s`` is from the beginning to the first image, ``fps`` measured after it, ``late_s`` by how much more than
    the quickest one the slowest image was delayed. The part of the delay that all share cannot be seen from here;
    ``stated_age_s`` holds it, if the camera states the time and its clock and ours are right.
    ``failure`` is (kind, detail) as in `SourceError`.
    """

    source: str
    stream: StreamDescription | None = None
    first_image_s: float | None = None
    images: int = 0
    fps: float | None = None
    late_s: float = 0.0
    stated_age_s: float | None = None
    unreadable: Counter[str] = field(default_factory=Counter)
    irregularities: Counter[IrregularityKind] = field(default_factory=Counter)
    failure: tuple[str, str] | None = None

    @property
    def works(self) -> bool:
        """Whether it gives images."""
        return self.images > 0 and self.failure is None

    @property
    def advice(self) -> str:
        """What to do about the failure; empty when there is none."""
        return "" if self.failure is None else _ADVICE.get(self.failure[0], "")


class _Look:
    def __init__(self, report: CameraReport, clock: Clock, monotonic: Callable[[], float]) -> None:
        self.report = report
        self.ending = threading.Event()
        self.first = threading.Event()
        self._clock = clock
        self._monotonic = monotonic
        self._started_s = monotonic()
        self._first_s = self._started_s

    def read(self, camera: CameraSpec, sources: OpenSource, done: threading.Event) -> None:
        """What the thread does."""
        try:
            with closing(sources(camera).frames(self._pause())) as items:
                for item in items:
                    self._note(item)
                    if self.ending.is_set():
                        break
        except SourceError as error:
            if not self.ending.is_set():
                self.report.failure = error.kind, error.detail
        finally:
            done.set()
            self.first.set()

    def _note(self, item: SourceItem) -> None:
        report = self.report
        match item:
            case StreamDescription():
                report.stream = item
            case Irregularity():
                report.irregularities[item.kind] += 1
            case Unreadable():
                report.unreadable[item.detail] += 1
            case RawFrame():
                now = self._monotonic()
                report.images += 1
                if report.first_image_s is None:
                    report.first_image_s, self._first_s = now - self._started_s, now
                elif now > self._first_s:
                    report.fps = (report.images - 1) / (now - self._first_s)
                age_s = (self._clock() - item.captured_at).total_seconds()
                report.late_s = max(report.late_s, age_s)
                report.stated_age_s = item.stated_age_s
                self.first.set()

    def _pause(self) -> Pause:
        def pause(seconds: float) -> bool:
            return self.ending.wait(seconds) if seconds > 0 else self.ending.is_set()

        return pause


def probe(
    camera: CameraSpec,
    sources: OpenSource,
    *,
    clock: Clock,
    seconds: float = 5.0,
    patience_s: float = 15.0,
    monotonic: Callable[[], float] = time.monotonic,
) -> CameraReport:
    """Read ``camera`` for ``seconds`` from its first image, which is waited for ``patience_s`` at most.

    Reading is done by another thread, so that a read that hangs cannot keep this one.
    """
    report = CameraReport(source=camera.redacted())
    look = _Look(report, clock, monotonic)
    done = threading.Event()
    reading = threading.Thread(
        target=look.read,
        args=(camera, sources, done),
        name=f"probe-{camera.camera_id}",
        daemon=True,
    )
    reading.start()
    look.first.wait(patience_s)
    ended = done.wait(seconds if look.first.is_set() else 0.0)
    look.ending.set()
    if not ended and not report.images:
        report.failure = "stuck", f"no sign of life for {patience_s:.0f} s"
    reading.join(_END_WITHIN_S)
    if report.failure is None and not report.images:
        detail = next(iter(report.unreadable), "the camera ended the stream without an image")
        report.failure = "empty", detail
    elif report.failure is None and ended and not camera.recorded:
        report.failure = "ended", "the camera ended the stream"
    return report
