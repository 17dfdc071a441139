"""One camera: a thread that reads it into a slot for the newest image, watched from outside."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field

import structlog
from lookout.stream.ports import Clock

from lookout_capture.domain import CameraSpec, DropReason, NewestFrame, Pacing, ReadingRules
from lookout_capture.metrics import Metrics
from lookout_capture.ports import OpenSource, Pause, SourceError
from lookout_capture.readings import (
    Irregularity,
    RawFrame,
    SourceItem,
    StreamDescription,
    Unreadable,
)

_POLL_S = 0.1

Log = structlog.stdlib.BoundLogger


@dataclass(slots=True, eq=False)
class _Reading:
    """What a reader thread and its watchdog share. ``busy_since`` is None while the thread waits by our own will."""

    stopping: threading.Event = field(default_factory=threading.Event)
    busy_since: float | None = None
    thread: threading.Thread | None = None


class CameraWorker:
    """Reads one camera for good: reconnects with growing waits, and never lets a read that hangs stop the rest.

    A thread cannot be killed: one whose read never returns is left behind and another is begun, at most
    ``rules.max_left_behind`` times; then the camera stays down until one of them returns or capture is restarted.

    A recording waits until `permit` allows sealing before it begins, so that none of it is lost to the start of other
    services; a live camera is read all the time, so that its health is known before a deployment opens.
    Unless ``rules.loop``, a recording that ends or fails is over.
    """

    def __init__(
        self,
        *,
        camera: CameraSpec,
        sources: OpenSource,
        metrics: Metrics,
        wake: threading.Event,
        rules: ReadingRules,
        clock: Clock,
        rng: random.Random | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.camera = camera
        self.patient = camera.recorded and rules.pacing is Pacing.AS_TAKEN
        self._finite = camera.recorded and not rules.loop
        self._sources = sources
        self._metrics = metrics
        self._wake = wake
        self._rules = rules
        self._rng = rng or random.Random()
        self._clock = clock
        self._monotonic = monotonic
        self._log: Log = structlog.get_logger().bind(camera=camera.camera_id)
        self._lock = threading.Lock()
        self._slot = NewestFrame()
        self._permitted = threading.Event()
        self._room = threading.Event()
        self._room.set()
        self._reading: _Reading | None = None
        self._left_behind: list[_Reading] = []
        self._begin_at = self._seen_at = monotonic()
        self._failures = 0
        self._up = False
        self._over = False
        self._failure: str | None = None
        self._unreadable: str | None = None
        metrics.camera_known(camera.camera_id)

    # What the sealing loop calls.

    def take(self) -> RawFrame | None:
        """The newest image, once."""
        with self._lock:
            frame = self._slot.take()
        self._room.set()
        return frame

    def permit(self, permitted: bool) -> None:  # noqa: FBT001 - the one thing it says
        """Tell whether images would be sealed now: recordings wait for it."""
        if permitted:
            self._permitted.set()
        else:
            self._permitted.clear()

    def supervise(self) -> None:
        """Begin what is to begin, give up what is stuck. Called several times a second, and never blocks."""
        now = self._monotonic()
        self._left_behind = [r for r in self._left_behind if r.thread and r.thread.is_alive()]
        if self._reading is not None:
            self._check(self._reading, now)
        self._notice_quiet(now)
        if self._reading is None and not self.over and now >= self._begin_at:
            self._begin()
        camera_id = self.camera.camera_id
        self._metrics.stuck_readers(camera_id, len(self._left_behind))
        self._metrics.camera_seen(camera_id, up=self.up, age_s=max(0.0, now - self._seen_at))

    def stop(self, timeout_s: float = 2.0) -> None:
        """End reading; a thread that does not end in time is left to the end of the process."""
        with self._lock:
            reading, self._reading = self._reading, None
            self._slot.take()
            self._up = False
        if reading is not None:
            reading.stopping.set()
            if reading.thread is not None:
                reading.thread.join(timeout_s)
        self._metrics.camera_seen(self.camera.camera_id, up=False, age_s=0.0)

    @property
    def up(self) -> bool:
        """Whether the camera gives images."""
        return self._up

    @property
    def over(self) -> bool:
        """Whether the recording is over and its last image taken."""
        with self._lock:
            return self._over and not self._slot

    @property
    def failure(self) -> str | None:
        """Why there are no images, for people; None while there are, or when the recording simply ended."""
        return self._failure

    # What the watchdog does.

    def _check(self, reading: _Reading, now: float) -> None:
        busy_since = reading.busy_since
        if busy_since is not None and now - busy_since > self._rules.stuck_after_s:
            self._give_up(reading, now, "stuck", f"no sign of life for {now - busy_since:.1f} s")
            self._left_behind.append(reading)
        elif reading.thread is not None and not reading.thread.is_alive() and not self._over:
            # A defect in an adapter: its traceback went where uncaught ones go. The other cameras go on.
            self._give_up(reading, now, "crashed", "the reader ended by an error of its own")

    def _notice_quiet(self, now: float) -> None:
        """A live camera that is connected and gives no image of use is down; its reading goes on."""
        with self._lock:
            quiet_s = now - self._seen_at
            if self.camera.recorded or not self._up or quiet_s <= self._rules.stuck_after_s:
                return
            self._up = False
            because = f": {self._unreadable}" if self._unreadable else ""
            self._failure = f"connected, but no image of use for {quiet_s:.1f} s{because}"
        self._metrics.source_failed(self.camera.camera_id, "quiet")
        self._log.warning("camera.quiet", source=self.camera.redacted(), detail=self._failure)

    def _give_up(self, reading: _Reading, now: float, kind: str, detail: str) -> None:
        with self._lock:
            self._reading = None
        reading.stopping.set()
        self._begin_at = now + self._failed(kind, detail)

    def _begin(self) -> None:
        if len(self._left_behind) >= self._rules.max_left_behind:
            self._failure = (
                f"{len(self._left_behind)} reads of it never returned: restart capture, and check the camera's driver "
                "or address"
            )
            return
        reading = _Reading()
        thread = threading.Thread(
            target=self._run,
            args=(reading,),
            name=f"camera-{self.camera.camera_id}",
            daemon=True,
        )
        reading.thread = thread
        self._reading = reading
        thread.start()

    def _failed(self, kind: str, detail: str) -> float:
        self._up = False
        self._failures += 1
        wait_s = self._rules.back_off.delay_s(self._failures, self._rng)
        self._failure = detail
        self._metrics.source_failed(self.camera.camera_id, kind)
        self._log.warning(
            "camera.failed",
            source=self.camera.redacted(),
            kind=kind,
            detail=detail,
            failures=self._failures,
            again_in_s=None if self._finite else round(wait_s, 2),
        )
        return wait_s

    # What the reader thread does.

    def _run(self, reading: _Reading) -> None:
        while not reading.stopping.is_set():
            if self.camera.recorded and not self._await_permission(reading):
                return
            wait_s = self._read_once(reading)
            reading.busy_since = None
            if wait_s is None or reading.stopping.wait(wait_s):
                return

    def _read_once(self, reading: _Reading) -> float | None:
        """One reading, from opening to its end; seconds until the next, None for none."""
        reading.busy_since = self._monotonic()
        failure: tuple[str, str] | None = None
        try:
            source = self._sources(self.camera)
            # A generator's close releases the device even when we leave early.
            with closing(source.frames(self._pause(reading))) as frames:
                for item in frames:
                    if not self._accept(reading, item):
                        return None
        except SourceError as error:
            # Not the error: its traceback holds this frame and the source's, and so the decoder with its threads.
            failure = error.kind, error.detail
        return self._after(reading, failure)

    def _after(self, reading: _Reading, failure: tuple[str, str] | None) -> float | None:
        if failure is None and not self.camera.recorded:
            failure = "ended", "the camera ended the stream"
        with self._lock:
            if self._reading is not reading or reading.stopping.is_set():
                return None
            wait_s = 0.0 if failure is None else self._failed(*failure)
            if not self._finite:
                return wait_s
            self._over, self._up = True, False
        self._wake.set()
        return None

    def _accept(self, reading: _Reading, item: SourceItem) -> bool:
        """Take note of what a source gave; False when reading is to end."""
        reading.busy_since = self._monotonic()
        if isinstance(item, RawFrame):
            return self._keep(reading, item) and not reading.stopping.is_set()
        camera_id = self.camera.camera_id
        with self._lock:
            # What a read that was given up brings late is not told of the reading that took its place.
            if self._reading is not reading:
                return False
        match item:
            case Unreadable():
                self._unreadable = item.detail
                self._metrics.dropped(camera_id, DropReason.UNREADABLE)
                self._log.debug("camera.unreadable", detail=item.detail)
            case Irregularity():
                self._metrics.streams.irregular(camera_id, item.kind)
                self._log.debug("camera.irregular", kind=str(item.kind))
            case StreamDescription():
                self._metrics.streams.described(camera_id, item)
                self._log.info("camera.stream", **asdict(item))
        return not reading.stopping.is_set()

    def _keep(self, reading: _Reading, frame: RawFrame) -> bool:
        """Keep an image; False when reading is to end."""
        camera_id = self.camera.camera_id
        if self.patient and not self._await_room(reading):
            return False
        age_s = max(0.0, (self._clock() - frame.captured_at).total_seconds())
        with self._lock:
            # A read that came back after it was given up must not put an old image over a newer one.
            if self._reading is not reading:
                return False
            dropped = self._slot.put(frame)
            self._room.clear()
            recovered = not self._up
            self._up, self._failure, self._failures, self._unreadable = True, None, 0, None
            self._seen_at = self._monotonic() - age_s
        if dropped is not None:
            self._metrics.dropped(camera_id, dropped)
        if frame.stated_age_s is not None:
            self._metrics.streams.stated_age(camera_id, frame.stated_age_s)
        if recovered:
            self._log.info("camera.up", source=self.camera.redacted())
        self._wake.set()
        reading.busy_since = self._monotonic()
        return True

    def _await_room(self, reading: _Reading) -> bool:
        reading.busy_since = None
        while not reading.stopping.is_set():
            if self._permitted.is_set() and self._room.wait(_POLL_S):
                return True
            self._permitted.wait(_POLL_S)
        return False

    def _await_permission(self, reading: _Reading) -> bool:
        while not self._permitted.wait(_POLL_S):
            if reading.stopping.is_set():
                return False
        return True

    def _pause(self, reading: _Reading) -> Pause:
        def pause(seconds: float) -> bool:
            reading.busy_since = None
            stop = reading.stopping.wait(seconds) if seconds > 0 else reading.stopping.is_set()
            reading.busy_since = self._monotonic()
            return stop

        return pause
