"""The process around a service: logs, signals, health, status, exit code."""

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn, Protocol

import structlog

from lookout.events import ServiceState
from lookout.hosting.platform import Platform, make_platform
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
    """`host`, and then the end of the process, whatever threads a library may have left behind."""
    code = host(name, settings, build)
    sys.stdout.flush()
    sys.stderr.flush()
    # A library's thread that does not end would leave a process that is there and does nothing.
    os._exit(code)


def host(
    name: str, settings: PlatformSettings, build: Build, *, broker: Broker | None = None
) -> int:
    """Run a service in this process until SIGTERM or SIGINT; the process's exit code."""
    # A core dump would write keys, faces and templates to disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
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
    try:
        # A keyring that could keep keys on a disk is no keyring: nothing starts on it.
        platform.keyring.check()
        service = build(platform)
        state = _watched(platform, service)
        reporter = StatusReporter(
            service=platform.service,
            instance=platform.instance,
            state=state,
            emit=platform.emit,
            clock=platform.clock,
        )
        with HealthServer(
            health=platform.health,
            registry=platform.registry,
            host=settings.metrics_host,
            port=settings.metrics_port,
        ) as server:
            _log.info("started", metrics_port=server.port)
            reporter.start()
            try:
                platform.wait_followed(stop)
                service.run(stop)
            finally:
                reporter.stop()
    finally:
        _close(platform)
    _log.info("stopped")


def _watched(platform: Platform, service: Service) -> Callable[[], State]:
    def state() -> State:
        found = (
            (ServiceState.NOT_RUNNING, platform.trouble) if platform.trouble else service.state()
        )
        platform.health.set_ready(found[1] if found[0] is ServiceState.NOT_RUNNING else "")
        return found

    return state


def _close(platform: Platform) -> None:
    try:
        platform.close()
    except StreamError as error:
        # What was to be said could not be; an error that ended the service matters more.
        _log.warning("not closed cleanly", why=str(error), under_way=sys.exc_info()[0] is not None)


class RunnerService:
    """A service that is a processor behind a runner."""

    def __init__(self, *, runner: Loop, state: Callable[[], State]) -> None:
        """``state`` is asked from the status thread."""
        self._runner, self._state = runner, state

    def run(self, stop: threading.Event) -> None:
        """See `Service.run`."""
        self._runner.run(stop)

    def state(self) -> State:
        """See `Service.state`."""
        return self._state()
