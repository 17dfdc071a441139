"""A local stack under a known load, measured from outside: processor time, counters, latencies, memory.

One stack serves many steps: between two of them only capture is started anew, with another list of cameras.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from lookout.enrolment.source import Row
from lookout.events import Alert, Erasure, ErasureReason, ServiceState
from lookout.hosting.platform import Platform
from lookout.vision.pack import LoadedPack

from lookout_cli.bench.figures import Spread
from lookout_cli.bench.snapshots import (
    Counters,
    Snapshot,
    added,
    counters_by_service,
    take_snapshot,
)
from lookout_cli.control import read_all
from lookout_cli.demo.run import Demonstration, Taking, enrol_and_open, taking
from lookout_cli.stack.folder import StackError, StateFolder
from lookout_cli.stack.local import LocalStack, Say
from lookout_cli.stack.running import CaptureOptions, RunningServices, running

FPS = 10.0
"""Images a second of every camera."""

_MOST_CAMERAS = 32
_GAP_S = "1"
_UP_WITHIN_S = 60.0
_FLOWING_WITHIN_S = 30.0
_WARM_S = 3.0
_SETTLE_S = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a stack did under one load.

    Attributes:
        cameras: how many, each with `FPS` images a second.
        seconds: of the measured window, after warming up.
        offered: images that the cameras gave in it.
        still: those of them that showed nothing new, so that nobody needed to look.
        looked_at: frames that detection worked on.
        shed: share of the others that nobody looked at, 0 to 1.
        dropped: what was not looked at, by service and reason.
        cpu_s: processor seconds in the window, by service; the broker and the keyring among them.
        alert_s: from capture to alert, of every alert and every revision of one.
        forgotten_s: from capture to the destruction of a face's key that matched nobody. Shots that reached the threshold
            and wait for a second one that agrees are not among them.
        frame_s: from capture to the destruction of a frame's key.
    """

    cameras: int
    seconds: float
    offered: float
    still: float
    looked_at: float
    shed: float
    dropped: Mapping[str, float]
    cpu_s: Mapping[str, float]
    resident_mb: Mapping[str, float]
    counters: Counters
    alert_s: Spread
    forgotten_s: Spread
    frame_s: Spread

    @property
    def frames_per_s(self) -> float:
        """Frames looked at per second."""
        return self.looked_at / self.seconds

    @property
    def services_cpu_s(self) -> float:
        """Processor seconds of Lookout's services alone."""
        return sum(cpu for name, cpu in self.cpu_s.items() if name not in ("kafka", "keyring"))

    def as_json(self) -> dict[str, object]:
        """For the report."""
        return {
            "cameras": self.cameras,
            "seconds": round(self.seconds, 2),
            "frames_per_s": round(self.frames_per_s, 2),
            "still": round(self.still / self.offered, 4),
            "shed": round(self.shed, 4),
            "dropped": {name: round(count) for name, count in self.dropped.items()},
            "cpu_s": {name: round(cpu, 3) for name, cpu in self.cpu_s.items()},
            "resident_mb": {name: round(size, 1) for name, size in self.resident_mb.items()},
            "alert_s": _plain(self.alert_s),
            "destruction_s": _plain(self.forgotten_s),
            "frame_destruction_s": _plain(self.frame_s),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How things stand some seconds into a load.

    Attributes:
        after_s: since the load had warmed up.
        resident_mb, descriptors, threads: of each process; the broker and the keyring among them.
        lag: messages that wait for their consumers, by service, over all partitions.
        unacknowledged: frames on their way from capture to the broker.
        shed: share of what the cameras gave since the last reading that nobody looked at, 0 to 1.
        alert_s: from capture to alert, of what was captured since the last reading.
        told: what services that are degraded tell the operator.
    """

    after_s: float
    resident_mb: Mapping[str, float]
    descriptors: Mapping[str, int]
    threads: Mapping[str, int]
    lag: Mapping[str, float]
    unacknowledged: float
    shed: float
    alert_s: Spread
    told: Mapping[str, str]

    def as_json(self) -> dict[str, object]:
        """For the report."""
        return {
            "after_s": round(self.after_s),
            "resident_mb": {name: round(size) for name, size in self.resident_mb.items()},
            "descriptors": dict(self.descriptors),
            "threads": dict(self.threads),
            "lag": {name: round(waiting) for name, waiting in self.lag.items()},
            "unacknowledged": round(self.unacknowledged),
            "shed": round(self.shed, 3),
            "alert_s": _plain(self.alert_s),
            "told": dict(self.told),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the cameras show and who is sought."""

    footage: Path
    rows: Sequence[Row]
    loaded: LoadedPack
    target_fpir: float = 0.001
    duration: timedelta = timedelta(hours=1)


class BenchStack:
    """A running stack with its deployment in force; capture runs only within a step."""

    def __init__(self, services: RunningServices, feed: Taking, footage: Path) -> None:
        if services.supervisor is None:
            raise StackError("a benchmark needs services that are processes")
        self._services, self._supervisor, self._feed = services, services.supervisor, feed
        self._footage = footage

    @property
    def platform(self) -> Platform:
        """The command line's own connection to the stack."""
        return self._services.session.platform

    def step(self, cameras: int, seconds: float, footage: Path | None = None) -> Step:
        """Run so many cameras, warm up, and measure for ``seconds``. Blocks. They show ``footage``, or that of the load.

        Raises:
            StackError: no frame came through in time.
        """
        self._start_capture(cameras, footage or self._footage)
        self._turn_for(_WARM_S)
        before = self._snapshot()
        self._turn_for(seconds)
        after = self._snapshot()
        # What was captured within the window may need a moment yet to become an alert or a receipt.
        self._turn_for(_SETTLE_S)
        return self._step(cameras, before, after)

    def hold(self, cameras: int, seconds: float, every_s: float) -> Iterator[Reading]:
        """Run so many cameras for ``seconds``, and read how things stand every ``every_s``. Blocks between readings.

        Raises:
            StackError: no frame came through in time.
        """
        self._start_capture(cameras, self._footage)
        self._turn_for(_WARM_S)
        begun = before = self._snapshot()
        while before.monotonic - begun.monotonic < seconds:
            self._turn_for(every_s)
            after = self._snapshot()
            yield self._reading(cameras, begun, before, after)
            before = after

    def _reading(self, cameras: int, begun: Snapshot, before: Snapshot, after: Snapshot) -> Reading:
        looked_at, still = (
            after.counters.get(name, 0.0) - before.counters.get(name, 0.0)
            for name in (_LOOKED_AT, _STILL)
        )
        wanted = cameras * FPS * (after.monotonic - before.monotonic) - still
        return Reading(
            after_s=after.monotonic - begun.monotonic,
            resident_mb=after.resident_mb,
            descriptors=after.descriptors,
            threads=after.threads,
            lag=after.lag,
            unacknowledged=after.counters.get("lookout_capture_unacknowledged_frames", 0.0),
            shed=max(0.0, 1 - looked_at / max(wanted, 1.0)),
            alert_s=self._alert_latencies(before.at, after.at),
            told={
                status.service: status.reason
                for status in self._services.statuses().values()
                if status.state is ServiceState.DEGRADED
            },
        )

    def _start_capture(self, cameras: int, footage: Path) -> None:
        options = CaptureOptions(
            cameras="\n".join(f"{name}={footage}" for name in camera_names(cameras)),
            loop=True,
            fps=FPS,
        )
        options.environment(self._services.stack.folder.root)
        # In order, not by a kill: who dies soon and often is started again later and later.
        if self._supervisor.children["capture"].pid is not None:
            self._supervisor.restart("capture")
        before = self._counters().get(_LOOKED_AT, 0.0)
        deadline = time.monotonic() + _FLOWING_WITHIN_S
        while self._counters().get(_LOOKED_AT, 0.0) <= before + cameras:
            if time.monotonic() > deadline:
                raise StackError(
                    f"no frames within {_FLOWING_WITHIN_S:g} s: {self._services.reason('capture')}"
                )
            self._turn_for(0.2)

    def _turn_for(self, seconds: float) -> None:
        """Take the evidence of alerts meanwhile, as a console would."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._feed.turn()

    def _snapshot(self) -> Snapshot:
        return take_snapshot(
            self.pids(),
            self._services.stack.folder.running().metrics_ports,
            at=self._services.session.platform.clock(),
        )

    def restarts(self) -> Mapping[str, int]:
        """How often each service was started again."""
        return {name: child.restarts for name, child in self._supervisor.children.items()}

    def pids(self) -> Mapping[str, int]:
        """The process ids of the services, the broker and the keyring. `StackError` naming those that do not run."""
        stack = self._services.stack
        found = {name: child.pid for name, child in self._supervisor.children.items()}
        found["kafka"] = stack.kafka.pid if stack.kafka is not None else None
        found["keyring"] = stack.keyring.pid
        missing = [name for name, pid in found.items() if pid is None]
        if missing:
            raise StackError(
                f"{', '.join(missing)} does not run: see the logs in {stack.folder.logs}"
            )
        return {name: pid for name, pid in found.items() if pid is not None}

    def _counters(self) -> Counters:
        return added(
            counters_by_service(self._services.stack.folder.running().metrics_ports).values()
        )

    def _step(self, cameras: int, before: Snapshot, after: Snapshot) -> Step:
        counters = {
            name: value - before.counters.get(name, 0.0) for name, value in after.counters.items()
        }
        seconds = after.monotonic - before.monotonic
        offered = cameras * FPS * seconds
        looked_at, still = counters.get(_LOOKED_AT, 0.0), counters.get(_STILL, 0.0)
        alert_s, forgotten_s, frame_s = self._latencies(before.at, after.at)
        return Step(
            cameras=cameras,
            seconds=seconds,
            offered=offered,
            still=still,
            looked_at=looked_at,
            shed=max(0.0, 1 - looked_at / max(offered - still, 1.0)),
            dropped={
                name.removeprefix("lookout_"): count
                for name, count in sorted(counters.items())
                if count > 0 and name.startswith(_DROPPED)
            },
            cpu_s={name: cpu - before.cpu_s[name] for name, cpu in after.cpu_s.items()},
            resident_mb=after.resident_mb,
            counters=counters,
            alert_s=alert_s,
            forgotten_s=forgotten_s,
            frame_s=frame_s,
        )

    def _alert_latencies(self, begin: datetime, end: datetime) -> Spread:
        return Spread.of(
            [
                (alert.alerted_at - alert.captured_at).total_seconds()
                for alert in read_all(self._services.session.platform, Alert)
                if begin <= alert.captured_at < end
            ]
        )

    def _latencies(self, begin: datetime, end: datetime) -> tuple[Spread, Spread, Spread]:
        platform = self._services.session.platform
        receipts = [
            (one.reason, (one.destroyed_at - one.captured_at).total_seconds())
            for record in read_all(platform, Erasure)
            if record.receipts is not None
            for one in record.receipts.receipts
            if one.captured_at is not None and begin <= one.captured_at < end
        ]
        forgotten = [delay for reason, delay in receipts if reason is ErasureReason.NO_MATCH]
        frames = [delay for reason, delay in receipts if reason is ErasureReason.PROCESSED]
        return self._alert_latencies(begin, end), Spread.of(forgotten), Spread.of(frames)


_LOOKED_AT = "lookout_detection_frames_total"
_STILL = "lookout_capture_dropped_total{still}"
_DROPPED = (
    "lookout_capture_dropped_total{",
    "lookout_detection_frames_skipped_total{",
    "lookout_embedding_faces_skipped_total{",
    "lookout_matching_skipped_total{",
)


@contextmanager
def bench_stack(
    state: Path,
    load: Load,
    *,
    models: Path,
    say: Say,
    more: Mapping[str, Mapping[str, str]] | None = None,
    workers: Mapping[str, int] | None = None,
    partitions: Mapping[str, int] | None = None,
) -> Iterator[BenchStack]:
    """A stack of its own below ``state``, with one deployment over all cameras; everything ends with the context.

    ``more``, ``workers`` and ``partitions`` are those of `running` and `LocalStack`.
    """
    stack = LocalStack(
        folder=StateFolder(state),
        with_kafka=True,
        pack=load.loaded.pack.name,
        models=models,
        say=say,
        partitions=partitions,
    )
    demonstration = Demonstration(
        rows=load.rows,
        cameras=camera_names(_MOST_CAMERAS),
        loaded=load.loaded,
        target_fpir=load.target_fpir,
        alerts_folder=None,
        duration=load.duration,
    )
    first = CaptureOptions(cameras=f"{camera_names(1)[0]}={load.footage}", loop=True, fps=FPS)
    changes = {"alerting": {"LOOKOUT_ALERTING_GAP_S": _GAP_S}, **(more or {})}
    with stack, running(stack, first, restart=True, more=changes, workers=workers) as services:
        services.wait_up(_UP_WITHIN_S)
        enrol_and_open(services.session, demonstration, say)
        services.wait_ready(_UP_WITHIN_S)
        with taking(services.session, None, lambda _alert: None) as feed:
            yield BenchStack(services, feed, load.footage)


def camera_names(count: int) -> tuple[str, ...]:
    """Names of so many cameras, from ``bench-01`` on."""
    return tuple(f"bench-{number:02d}" for number in range(1, count + 1))


def _plain(spread: Spread) -> dict[str, float | int | None]:
    return {"p50": spread.p50, "p95": spread.p95, "p99": spread.p99, "n": spread.n}
