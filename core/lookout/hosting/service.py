"""The process around a service: logs, signals, health, status, exit code."""

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from types import FrameType
from typing import NoReturn, Protocol

import structlog

from lookout.events import ServiceState
from lookout.hosting.clock import ClockWatch
from lookout.hosting.memory import keep_freed_memory
from lookout.hosting.platform import Platform, make_platform, utc_now
from lookout.hosting.settings import PlatformSettings
from lookout.stream.ports import Broker, StreamError
from lookout.telemetry.health import HealthServer
from lookout.telemetry.logs import configure_logging
from lookout.telemetry.status import State, StatusReporter

_log = structlog.get_logger()


class Service(Protocol):
    """What a service's wiring makes."""

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set, then drain and return. Raises what it cannot mend."""

    def state(self) -> State:
        """How it is now, for the status topic and for readiness."""


class Loop(Protocol):
    """What runs until it is told to stop."""

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set, then drain and return."""


Build = Callable[[Platform], Service]


def run_process(name: str, settings: PlatformSettings, build: Build) -> NoReturn:
    """`host`, and then the end of the process, whatever threads a library may have left behind.

    A clock that is set back ends it at once, to be started again: see `lookout.hosting.clock`.
    """
    watch = ClockWatch(
        clock=utc_now,
        limit=timedelta(seconds=settings.clocks_differ_s),
        on_set_back=_end_for_clock,
    )
    watch.start()
    code = host(name, settings, build)
    sys.stdout.flush()
    sys.stderr.flush()
    # A library's thread that does not end would leave a process that is there and does nothing.
    os._exit(code)


def _end_for_clock(back: timedelta) -> None:
    _log.error("the clock was set back: starting anew", by_s=round(back.total_seconds(), 1))
    sys.stdout.flush()
    sys.stderr.flush()
    # Not in order: what would have to be waited for may be what waits.
    os._exit(1)


def host(
    name: str, settings: PlatformSettings, build: Build, *, broker: Broker | None = None
) -> int:
    """Run a service in this process until SIGTERM or SIGINT; the process's exit code."""
    # A core dump would write keys, faces and templates to disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    keep_freed_memory()
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    configure_logging(service=name, instance=settings.instance or name, level=settings.log_level)
    try:
        platform = make_platform(name, settings, broker=broker)
    except Exception as error:  # noqa: BLE001 - the edge of the process
        # The edge of the process: whatever keeps a service from starting is told in one line, then it ends.
        _log.exception("cannot start", why=str(error))
        return 1
    try:
        serve(platform, build, stop)
    except Exception as error:  # noqa: BLE001 - the edge of the process
        _log.exception("ended by an error", why=str(error))
        return 1
    return 0


def serve(platform: Platform, build: Build, stop: threading.Event) -> None:
    """Build a service on its platform and run it with health and status until ``stop``; closes the platform."""
    settings = platform.settings
    hosted = _Hosted(platform)
    reporter = StatusReporter(
        service=platform.service,
        instance=platform.instance,
        state=hosted.state,
        emit=platform.emit,
        clock=platform.clock,
    )
    platform.footing.rely_on(platform.keyring_watch.why_not)
    platform.footing.rely_on(reporter.why_unheard)
    try:
        with HealthServer(
            health=platform.health,
            registry=platform.registry,
            host=settings.metrics_host,
            port=settings.metrics_port,
        ) as server:
            _log.info("started", metrics_port=server.port)
            platform.keyring_watch.start()
            reporter.start()
            try:
                # A keyring that could keep keys on a disk is no keyring: nothing starts on it.
                platform.wait_keyring(stop)
                if not stop.is_set():
                    hosted.run(build(platform), stop)
            finally:
                reporter.stop()
                platform.keyring_watch.stop()
    finally:
        _close(platform)
    _log.info("stopped")


class _Hosted:
    """A service and what it stands on: running only while both are."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._service: Service | None = None

    def run(self, service: Service, stop: threading.Event) -> None:
        self._service = service
        self._platform.wait_followed(stop)
        service.run(stop)

    def state(self) -> State:
        """For the status topic, readiness and metrics. Asked from the status thread."""
        found = self._found()
        not_running = found[0] is ServiceState.NOT_RUNNING
        self._platform.health.set_ready(found[1] if not_running else "", idle=self._idle())
        self._platform.told.show(found[0])
        return found

    def _idle(self) -> bool:
        """Whether everything is there but a deployment in force."""
        platform = self._platform
        in_the_way = platform.footing.why_not() or platform.trouble
        return self._service is not None and not in_the_way and platform.nothing_in_force()

    def _found(self) -> State:
        why = self._platform.footing.why_not() or self._platform.trouble
        if why:
            return ServiceState.NOT_RUNNING, why
        return self._service.state() if self._service else (ServiceState.NOT_RUNNING, "starting")


def _close(platform: Platform) -> None:
    try:
        platform.close()
    except StreamError as error:
        # What was to be said could not be; an error that ended the service matters more.
        _log.warning("not closed cleanly", why=str(error), under_way=sys.exc_info()[0] is not None)


class Feeding(Loop, Protocol):
    """A runner, as far as the service around it asks."""

    def why_idle(self) -> str:
        """Why nothing comes in; empty when something may."""


class RunnerService:
    """A service that is a processor behind a runner."""

    def __init__(self, *, runner: Feeding, state: Callable[[], State]) -> None:
        """``state`` is asked from the status thread."""
        self._runner, self._state = runner, state

    def run(self, stop: threading.Event) -> None:
        """See `Service.run`."""
        self._runner.run(stop)

    def state(self) -> State:
        """See `Service.state`."""
        idle = self._runner.why_idle()
        return (ServiceState.NOT_RUNNING, idle) if idle else self._state()
