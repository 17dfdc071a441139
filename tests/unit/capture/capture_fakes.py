"""Small stand-ins for what capture talks to."""

import threading
import time
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np
from lookout.authority import why_not_in_force
from lookout.events import UNSIGNED, Deployment, DeploymentState, Frame
from lookout.sealing.ports import DataKey
from lookout_capture.domain import CameraSpec
from lookout_capture.ports import Pause, SourceError
from lookout_capture.readings import RawFrame, SourceItem
from support.decoded import decoded
from support.keyrings import MemoryKeyring


def eventually(condition: Callable[[], bool], what: str, *, within_s: float = 10.0) -> None:
    """Poll until true; fail with ``what`` after the deadline."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.005)


def utc_now() -> datetime:
    return datetime.now(UTC)


def raw_frame(
    *, at: datetime | None = None, width: int = 64, height: int = 48, value: int = 128
) -> RawFrame:
    return RawFrame(
        picture=decoded(np.full((height, width, 3), value, np.uint8)),
        jpeg=None,
        captured_at=at or utc_now(),
        width=width,
        height=height,
    )


def images_of(items: Iterable[SourceItem]) -> list[RawFrame]:
    """The images alone."""
    return [item for item in items if isinstance(item, RawFrame)]


def live_deployment(
    *cameras: str, deployment_id: str = "op-1", now: datetime | None = None
) -> Deployment:
    at = now or utc_now()
    return Deployment(
        deployment_id=deployment_id,
        state=DeploymentState.LIVE,
        opens_at=at - timedelta(hours=1),
        closes_at=at + timedelta(hours=1),
        cameras=cameras,
        target_fpir=0.001,
        pack_name="mobile",
        pack_sha256="0" * 64,
        watchlist_hash="0" * 64,
        confirm_shots=2,
        confirm_of=3,
        authority="Superintendent",
        demonstration=True,
        updated_at=at,
        signature=UNSIGNED,
    )


@dataclass(slots=True)
class FakeAuthority:
    """Gives what it was given, as long as it is in force."""

    deployments: list[Deployment] = field(default_factory=list)

    def in_force(self, now: datetime) -> Collection[Deployment]:
        return [d for d in self.deployments if why_not_in_force(d, now) is None]

    def deployment(self, deployment_id: str, now: datetime) -> Deployment | None:
        return next((d for d in self.in_force(now) if d.deployment_id == deployment_id), None)

    def for_camera(self, camera_id: str, now: datetime) -> Deployment | None:
        return next((d for d in self.in_force(now) if camera_id in d.cameras), None)

    def why_not(self, now: datetime) -> str:
        if self.in_force(now):
            return ""
        reasons = [why_not_in_force(d, now) for d in self.deployments]
        return next((reason for reason in reasons if reason), "no deployment is known")


@dataclass(slots=True)
class KeyringIssuer:
    """Keys of a keyring in memory, one block for each deployment; notes how it is asked."""

    keyring: MemoryKeyring
    before_make: Callable[[], None] = lambda: None
    batches: list[tuple[str, int]] = field(default_factory=list)

    def make(self, deployment_id: str, count: int) -> Sequence[DataKey]:
        self.batches.append((deployment_id, count))
        self.before_make()
        self.keyring.open_block(
            block_id=deployment_id, deployment_id=deployment_id, service="capture", count=100_000
        )
        return self.keyring.make(deployment_id, count, timedelta(seconds=60))

    def retire(self, deployment_id: str) -> None:
        self.keyring.close_block(deployment_id, by="capture", at=utc_now())

    def close(self) -> None:
        """Nothing is kept here."""


@dataclass(slots=True)
class Outbox:
    """Takes frames like a producer: sent at once, acknowledged when `acknowledging`."""

    frames: list[Frame] = field(default_factory=list)
    acknowledging: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None

    def emit(self, frames: Sequence[Frame]) -> None:
        self.frames.extend(frames)

    def flush(self) -> None:
        self.acknowledging.wait(30.0)
        if self.error is not None:
            raise self.error

    def of(self, camera_id: str) -> list[Frame]:
        return [frame for frame in self.frames if frame.camera_id == camera_id]


Step: TypeAlias = SourceItem | SourceError | threading.Event | float
"""What a scripted source does next: give it, raise it, block on it (as in a read), or pause that long."""


Script: TypeAlias = Callable[[], Iterable[Step]]


@dataclass(slots=True)
class ScriptedSource:
    """Follows a script, once."""

    steps: Iterable[Step]
    closed: threading.Event = field(default_factory=threading.Event)

    def frames(self, pause: Pause) -> Generator[SourceItem, None, None]:
        try:
            for step in self.steps:
                if isinstance(step, SourceError):
                    raise step
                if isinstance(step, threading.Event):
                    step.wait(30.0)
                elif isinstance(step, float):
                    if pause(step):
                        return
                else:
                    yield step
        finally:
            self.closed.set()


@dataclass(slots=True)
class Scripts:
    """Opens the next script of a camera each time; the last one again and again."""

    of: dict[str, list[Script]]
    opened: list[str] = field(default_factory=list)
    made: list[ScriptedSource] = field(default_factory=list)

    def __call__(self, camera: CameraSpec) -> ScriptedSource:
        scripts = self.of[camera.camera_id]
        script = scripts[min(self.opened.count(camera.camera_id), len(scripts) - 1)]
        self.opened.append(camera.camera_id)
        self.made.append(ScriptedSource(script()))
        return self.made[-1]


def script(*steps: Step) -> Script:
    """The same steps each time."""
    return lambda: list(steps)


def endless(*, every_s: float = 0.01) -> Iterable[Step]:
    """A camera that works."""
    while True:
        yield raw_frame()
        yield every_s
