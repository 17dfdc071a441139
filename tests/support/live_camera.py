"""Capture's worker on a real source, supervised as the loop of capture does, and what can be seen of it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psutil
from lookout_capture.adapters.sources import Sources
from lookout_capture.domain import BackOff, CameraSpec, ReadingRules
from lookout_capture.metrics import Metrics
from lookout_capture.readings import RawFrame
from lookout_capture.worker import CameraWorker
from prometheus_client import CollectorRegistry, generate_latest
from support.polling import until


def now_utc() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class LiveCamera:
    """A worker that is supervised from a thread of its own, ten times a second, as capture does."""

    worker: CameraWorker
    registry: CollectorRegistry
    wake: threading.Event
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._supervise, name="supervisor")
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self.worker.stop()

    def await_up(self, timeout_s: float = 20.0) -> None:
        until(lambda: self.worker.up, "the camera is up", timeout_s)

    def await_down(self, timeout_s: float = 20.0) -> None:
        until(lambda: not self.worker.up, "the camera is down", timeout_s)

    def next_image(self, timeout_s: float = 20.0) -> RawFrame:
        """The next image that comes after this call's first look."""
        taken: list[RawFrame] = []

        def taking() -> bool:
            frame = self.worker.take()
            if frame is not None:
                taken.append(frame)
            return bool(taken)

        until(taking, "an image", timeout_s)
        return taken[0]

    def count(self, name: str, **labels: str) -> float:
        value = self.registry.get_sample_value(
            f"lookout_capture_{name}", {"camera": self.worker.camera.camera_id, **labels}
        )
        return 0.0 if value is None else value

    def exposition(self) -> str:
        """All metrics, as a scrape shows them."""
        return generate_latest(self.registry).decode()

    def _supervise(self) -> None:
        while not self._stopping.wait(0.1):
            self.worker.supervise()


@contextmanager
def live_camera(
    source: str,
    *,
    fps: float | None = None,
    transport: str = "tcp",
    open_timeout_s: float = 4.0,
    read_timeout_s: float = 1.5,
    stuck_after_s: float = 6.0,
    back_off: BackOff | None = None,
    clock: Callable[[], datetime] = now_utc,
) -> Iterator[LiveCamera]:
    """A camera called van-1 that reads ``source``, with short time-outs."""
    registry = CollectorRegistry()
    wake = threading.Event()
    worker = CameraWorker(
        camera=CameraSpec("van-1", source),
        sources=Sources(
            clock=clock,
            fps=fps,
            open_timeout_s=open_timeout_s,
            read_timeout_s=read_timeout_s,
            rtsp_transport=transport,
        ),
        metrics=Metrics(registry),
        wake=wake,
        rules=ReadingRules(
            stuck_after_s=stuck_after_s, back_off=back_off or BackOff(base_s=0.2, cap_s=0.5)
        ),
        clock=clock,
    )
    live = LiveCamera(worker, registry, wake)
    live.start()
    try:
        yield live
    finally:
        live.stop()


def camera_threads() -> list[str]:
    """Names of the readers' threads that live."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("camera-")]


def all_threads() -> int:
    """Threads of this process, those of FFmpeg's decoders too."""
    return psutil.Process().num_threads()


def resident_bytes() -> int:
    """Memory of this process."""
    resident: int = psutil.Process().memory_info().rss
    return resident


def seconds(happens: Callable[[], bool], what: str, timeout_s: float) -> float:
    """How long it takes until ``happens()``."""
    started = time.monotonic()
    until(happens, what, timeout_s)
    return time.monotonic() - started
