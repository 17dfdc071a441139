"""Capture with everything around it, running in a thread."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lookout.events import Frame, ServiceState
from lookout.sealing.envelope import open_sealed
from lookout.stream.ports import DeliveryError
from lookout_capture.adapters.jpeg import JpegEncoder
from lookout_capture.domain import BackOff, CameraSpec, Pacing, ReadingRules
from lookout_capture.metrics import Metrics
from lookout_capture.ports import OpenSource
from lookout_capture.processor import Capture
from lookout_capture.readings import RawFrame
from prometheus_client import CollectorRegistry
from support.keyrings import MemoryKeyring
from unit.capture.capture_fakes import (
    FakeAuthority,
    KeyringIssuer,
    Outbox,
    Scripts,
    endless,
    eventually,
    live_deployment,
    script,
    utc_now,
)

CAMERAS = (CameraSpec("van-1", "rtsp://user:hunter2@one/x"), CameraSpec("van-2", "rtsp://two/x"))


@dataclass(slots=True)
class Stage:
    """Capture with everything around it, running in a thread."""

    cameras: tuple[CameraSpec, ...]
    scripts: Scripts
    authority: FakeAuthority = field(default_factory=FakeAuthority)
    upstream: str | None = None
    keyring: MemoryKeyring = field(default_factory=MemoryKeyring)
    outbox: Outbox = field(default_factory=Outbox)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    stop: threading.Event = field(default_factory=threading.Event)
    pacing: Pacing = Pacing.REAL_TIME
    error: Exception | None = None
    skew_s: float = 0.0
    # Real sources instead of scripts.
    sources: OpenSource | None = None
    is_still: Callable[[str, RawFrame], bool] | None = None
    issuer: KeyringIssuer = field(init=False)
    capture: Capture = field(init=False)
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.issuer = KeyringIssuer(self.keyring)

    def start(self) -> None:
        self.capture = Capture(
            cameras=self.cameras,
            sources=self.sources or self.scripts,
            authority=self.authority,
            upstream_status=lambda _: self.upstream,
            issuer=self.issuer,
            encoder=JpegEncoder(max_side=100),
            emit=self.outbox.emit,
            flush=self.outbox.flush,
            metrics=Metrics(self.registry),
            clock=utc_now,
            rules=ReadingRules(pacing=self.pacing, back_off=BackOff(base_s=0.02, cap_s=0.02)),
            max_unacknowledged=8,
            is_still=self.is_still,
            run_id="run-1",
            monotonic=lambda: time.monotonic() + self.skew_s,
        )
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.capture.run(self.stop)
        except DeliveryError as error:
            self.error = error

    def end(self) -> None:
        self.stop.set()
        self.outbox.acknowledging.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def open(self, sealed: Frame) -> bytes:
        key = self.keyring.get([sealed.image.key_id])[0]
        assert key is not None
        return open_sealed(key, sealed.image, what="frame", whose=sealed.frame_id)

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"lookout_capture_{name}", labels) or 0.0

    def dropped(self, reason: str) -> float:
        return sum(
            self.count("dropped_total", camera=camera.camera_id, reason=reason)
            for camera in self.cameras
        )

    def becomes(self, state: ServiceState, *, saying: str) -> None:
        eventually(
            lambda: self.capture.state()[0] is state and saying in self.capture.state()[1],
            f"{state} saying {saying!r}",
        )


@contextmanager
def running(stage: Stage, *, acknowledging: bool = True) -> Iterator[Stage]:
    if acknowledging:
        stage.outbox.acknowledging.set()
    stage.start()
    try:
        yield stage
    finally:
        stage.end()


def two_cameras() -> Stage:
    stage = Stage(CAMERAS, Scripts({"van-1": [endless], "van-2": [endless]}))
    stage.authority.deployments = [live_deployment("van-1", "van-2")]
    return stage


def recording(*frames: RawFrame, pacing: Pacing = Pacing.AS_TAKEN) -> Stage:
    stage = Stage(
        (CameraSpec("van-1", "/videos/a.mp4"),),
        Scripts({"van-1": [script(*frames)]}),
        pacing=pacing,
    )
    stage.authority.deployments = [live_deployment("van-1")]
    return stage
