"""A whole local stack: ground and services, on Kafka as processes or in memory as threads."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lookout.events import ServiceState, ServiceStatus
from lookout.hosting.platform import Platform
from lookout.telemetry.logs import configure_logging
from lookout.telemetry.status import StatusBoard

from lookout_cli.local.ports import free_ports
from lookout_cli.session import Session, session_on
from lookout_cli.stack.console import NAME as CONSOLE
from lookout_cli.stack.console import ConsoleOptions
from lookout_cli.stack.folder import RunningStack, StackError
from lookout_cli.stack.in_process import InProcessServices
from lookout_cli.stack.local import LocalStack
from lookout_cli.stack.services import STARTING_ORDER, builders, instances, orders
from lookout_cli.stack.supervisor import Child, Supervisor

_LOOK_S = 0.1
_INDEPENDENT = ("keeper", "alerting")
_WORKERS = tuple(service for service in STARTING_ORDER if service != "capture")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureOptions:
    """What capture is started with. ``cameras`` is in capture's own form, ID=SOURCE."""

    cameras: str
    loop: bool = False
    fps: float | None = 10.0

    def settings(self) -> Mapping[str, object]:
        """Capture's settings by field name."""
        return {"cameras": self.cameras, "loop": self.loop, "fps": self.fps}

    def environment(self, folder: Path) -> Mapping[str, str]:
        """The same for a process. The cameras go by file: their URLs may hold passwords."""
        path = folder / "cameras"
        path.touch(mode=0o600)
        path.write_text(self.cameras)
        return {
            "LOOKOUT_CAPTURE_CAMERAS_FILE": str(path.resolve()),
            "LOOKOUT_CAPTURE_LOOP": str(self.loop),
            "LOOKOUT_CAPTURE_FPS": "" if self.fps is None else str(self.fps),
        }


class RunningServices:
    """The services of a stack, whatever they run as."""

    def __init__(
        self,
        *,
        stack: LocalStack,
        session: Session,
        run: Supervisor | InProcessServices,
        console: ConsoleOptions | None,
    ) -> None:
        self.stack, self.session, self._run = stack, session, run
        self.console = console
        self._also = () if console is None else (CONSOLE,)
        self._board = StatusBoard()
        session.platform.follow(ServiceStatus, self._board.heard)

    @property
    def supervisor(self) -> Supervisor | None:
        """The processes, where the services are processes."""
        return self._run if isinstance(self._run, Supervisor) else None

    @property
    def children(self) -> Mapping[str, Child]:
        """The processes by service; empty where the services are threads."""
        return self._run.children if isinstance(self._run, Supervisor) else {}

    def statuses(self) -> Mapping[str, ServiceStatus]:
        """Every service's last word."""
        return self._board.latest()

    def ended(self, service: str) -> bool:
        """Whether a service does not run now."""
        return service in self._run.dead()

    def end(self, service: str) -> None:
        """End one service in order."""
        self._run.end(service)

    def reason(self, service: str) -> str:
        """What a service last said of itself."""
        return next((one.reason for one in self.statuses().values() if one.service == service), "")

    def wait_up(self, within_s: float) -> None:
        """Wait until those that need no deployment say that they work; `StackError` naming those that do not."""
        self._wait((*_INDEPENDENT, *self._also), within_s)

    def wait_ready(self, within_s: float) -> None:
        """Wait until every service but capture says that it works; `StackError` naming those that do not."""
        self._wait((*_WORKERS, *self._also), within_s)

    def _wait(self, services: Sequence[str], within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while waiting := self._not_ready(services):
            if time.monotonic() > deadline:
                raise StackError(self._why(waiting))
            time.sleep(_LOOK_S)

    def _not_ready(self, services: Sequence[str]) -> Sequence[str]:
        live = {
            status.service
            for status in self.statuses().values()
            if status.state is not ServiceState.NOT_RUNNING
        }
        return [service for service in services if service not in live]

    def _why(self, waiting: Sequence[str]) -> str:
        words = {status.service: status.reason for status in self.statuses().values()}
        told = "; ".join(f"{name}: {words.get(name) or 'silent'}" for name in waiting)
        return f"not every service came up ({told}): see the logs in {self.stack.folder.logs}"


@contextmanager
def running(
    stack: LocalStack,
    capture: CaptureOptions,
    *,
    restart: bool,
    more: Mapping[str, Mapping[str, str]] | None = None,
    console: ConsoleOptions | None = None,
    workers: Mapping[str, int] | None = None,
) -> Iterator[RunningServices]:
    """Start a stack's services, and end them in order on leaving.

    ``restart`` starts those that die again; ``more`` adds to the environment of a service's processes. A console runs where
    ``console`` says how. ``workers`` says of which services there is more than one process; on Kafka alone.
    """
    platform = stack.platform()
    try:
        session = session_on(platform, stack.folder)
        if stack.broker is None:
            told = dict(more or {})
            if console is not None:
                told[CONSOLE] = {**console.environment(), **told.get(CONSOLE, {})}
            with _processes(
                stack,
                capture,
                session,
                restart=restart,
                more=told,
                console=console,
                workers=workers or {},
            ) as services:
                yield services
        else:
            with _threads(stack, capture, session, console) as services:
                yield services
    finally:
        platform.close()


@contextmanager
def _processes(
    stack: LocalStack,
    capture: CaptureOptions,
    session: Session,
    *,
    restart: bool,
    more: Mapping[str, Mapping[str, str]],
    console: ConsoleOptions | None,
    workers: Mapping[str, int],
) -> Iterator[RunningServices]:
    started, ended = (
        instances(order, workers) for order in orders(with_console=console is not None)
    )
    ports = dict(zip(started, free_ports(len(started)), strict=True))
    environments = {
        name: {**stack.environment(name, ports[name]), **more.get(name.partition("-")[0], {})}
        for name in started
    }
    environments["capture"].update(capture.environment(stack.folder.root))
    supervisor = Supervisor(environments=environments, logs=stack.folder.logs, restart=restart)
    stack.folder.announce(
        RunningStack(
            bootstrap=stack.bootstrap,
            keyring_url=stack.keyring.url,
            pack=stack.pack,
            pid=os.getpid(),
            metrics_ports=ports,
        )
    )
    try:
        supervisor.start()
        yield RunningServices(stack=stack, session=session, run=supervisor, console=console)
    finally:
        supervisor.stop(ended)
        stack.folder.withdraw()


@contextmanager
def _threads(
    stack: LocalStack, capture: CaptureOptions, session: Session, console: ConsoleOptions | None
) -> Iterator[RunningServices]:
    started, ended = orders(with_console=console is not None)
    with (stack.folder.logs / "services.log").open("a") as log:
        configure_logging(service="lookout", instance="lookout", out=log)
        platforms: dict[str, Platform] = {service: stack.platform(service) for service in started}
        make = builders(capture.settings(), None if console is None else console.settings())
        services = InProcessServices(platforms=platforms, builders=make, ending=ended)
        try:
            services.start()
            yield RunningServices(stack=stack, session=session, run=services, console=console)
        finally:
            services.stop()
            # The log is closed now: what is still said goes where the command line's own words go.
            configure_logging(service="cli", instance="cli", level="ERROR")
