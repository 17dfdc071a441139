"""Services as processes of their own: started, watched, started again when they die, ended in order."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_BACK_OFF_S = (0.2, 1.0, 2.0, 5.0, 10.0)
_STEADY_AFTER_S = 60.0
_LOOK_EVERY_S = 0.2
_DRAIN_S = 20.0


@dataclass(slots=True)
class Child:
    """One service's process: of service ``x`` the first is called ``x``, the next ones ``x-2`` and ``x-3``."""

    service: str
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restarts: int = 0
    failures: int = 0
    next_start: float = 0.0
    finished: bool = False
    wanted_again: bool = False
    exits: list[int] = field(default_factory=list)

    @property
    def module(self) -> str:
        """What Python runs."""
        return f"lookout_{self.service.partition('-')[0]}"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self.process  # the watching thread may take it away meanwhile
        return process.pid if process is not None and process.poll() is None else None

    def resident_bytes(self) -> int:
        """Resident memory; 0 when it does not run."""
        pid = self.pid
        try:
            return int(psutil.Process(pid).memory_info().rss) if pid is not None else 0
        except psutil.NoSuchProcess:
            return 0


class Supervisor:
    """Runs ``python -m lookout_<service>`` for each service until stopped."""

    def __init__(
        self, *, environments: Mapping[str, Mapping[str, str]], logs: Path, restart: bool = True
    ) -> None:
        """``environments`` maps each service, in starting order, to what is added to this process's environment.

        A service that ended by itself with exit code 0 has done its work, and stays ended.
        """
        self._restart = restart
        self.children = {
            service: Child(service, environment, logs / f"{service}.log")
            for service, environment in environments.items()
        }
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start every service, and watch them."""
        for child in self.children.values():
            self._start(child)
        self._thread.start()

    def stop(self, order: Sequence[str] | None = None) -> None:
        """End the services one after another, each with time to drain; whoever does not end is killed."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        for service in order or list(self.children):
            self._end(self.children[service])

    def end(self, service: str) -> None:
        """End one service in order; it is not started again."""
        self.children[service].finished = True
        self._end(self.children[service])

    def restart(self, service: str) -> None:
        """End a service in order; the watching thread starts it again at once. `ProcessLookupError` if it does not run."""
        child = self.children[service]
        process = child.process
        if process is None or process.poll() is not None:
            raise ProcessLookupError(service)
        child.wanted_again = True
        _end_in_order(process)

    def kill(self, service: str) -> int:
        """End a service's process without warning (for fault tests); its process id. The supervisor starts it again."""
        process = self.children[service].process
        if process is None or process.poll() is not None:
            raise ProcessLookupError(service)
        process.kill()
        process.wait()
        return process.pid

    def dead(self) -> Sequence[str]:
        """Services that do not run now."""
        return [child.service for child in self.children.values() if child.pid is None]

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            now = time.monotonic()
            for child in self.children.values():
                if child.process is not None and child.process.poll() is not None:
                    self._died(child, now)
                if child.process is None and not child.finished and now >= child.next_start:
                    child.restarts += 1
                    self._start(child)

    def _died(self, child: Child, now: float) -> None:
        code = child.process.returncode if child.process is not None else 0
        child.exits.append(code)
        child.process = None
        if child.wanted_again:
            child.wanted_again, child.next_start = False, now
            return
        child.finished = code == 0 or not self._restart
        child.failures = 0 if now - child.started_at > _STEADY_AFTER_S else child.failures + 1
        child.next_start = now + _BACK_OFF_S[min(child.failures, len(_BACK_OFF_S) - 1)]

    def _start(self, child: Child) -> None:
        with child.log.open("ab") as log:
            child.process = subprocess.Popen(  # noqa: S603 - our own services, by our own interpreter
                [sys.executable, "-m", child.module],
                env={**os.environ, **child.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A Ctrl-C at the terminal reaches the command line alone, which then ends the services in order.
                start_new_session=True,
            )
        child.started_at = time.monotonic()

    def _end(self, child: Child) -> None:
        process = child.process
        if process is None or process.poll() is not None:
            return
        _end_in_order(process)
        child.exits.append(process.returncode)


def _end_in_order(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_DRAIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
