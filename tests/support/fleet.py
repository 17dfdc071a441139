"""Services as processes of which one can be replaced by another while the rest goes on, as a rolling update does."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from lookout_cli.local.ports import free_ports
from support.polling import until

_UP_WITHIN_S = 120.0
_DRAINED_WITHIN_S = 60.0
# Why a service that could work does not: there is nothing to do for it yet.
_IDLE = ("no deployment", "waiting for partitions")


@dataclass(frozen=True, slots=True)
class Instance:
    """One process of a service."""

    service: str
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def why_not_ready(self) -> str:
        """What its readiness says; empty when it does its work."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5, trust_env=False)
        except httpx.HTTPError as error:
            return type(error).__name__
        return "" if answer.is_success else answer.text.strip()


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a replacement took: how long the new one needed to be up, and the old one to drain, in seconds."""

    up_s: float
    drained_s: float
    exit_code: int


class Fleet:
    """One instance of each service, each under a name of its own: nothing is inherited by name, as between pods."""

    def __init__(
        self,
        environments: Mapping[str, Mapping[str, str]],
        logs: Path,
        python: Path = Path(sys.executable),
    ) -> None:
        """``environments`` maps each service to what its processes are told besides instance and port.

        ``python`` runs what is started from now on; another release has another one.
        """
        self.python = python
        self._environments, self._logs = environments, logs
        self._started = 0
        self.now: dict[str, Instance] = {}

    def start(self, service: str, **more: str) -> Instance:
        """Start an instance and make it the current one of its service."""
        self._started += 1
        name = f"{service}-{self._started}"
        (port,) = free_ports(1)
        log = self._logs / f"{name}.log"
        told = {
            "LOOKOUT_INSTANCE": name,
            "LOOKOUT_METRICS_PORT": str(port),
            "LOOKOUT_KAFKA_STATIC_MEMBERSHIP": "false",
        }
        with log.open("wb") as out:
            process = subprocess.Popen(
                [str(self.python), "-m", f"lookout_{service}"],
                env={**os.environ, **self._environments[service], **told, **more},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.now[service] = Instance(service, process, port, log)
        return self.now[service]

    def replace_beside(self, service: str, **more: str) -> Replaced:
        """Start the new one first; once it works, or waits for partitions, the old one gets SIGTERM and drains."""
        old, began = self.now[service], time.monotonic()
        new = self.start(service, **more)
        self.wait_up(new)
        up_s = time.monotonic() - began
        return Replaced(up_s, *self._end(old))

    def replace_alone(self, service: str, **more: str) -> Replaced:
        """End the old one first: for services of which two at a time would disagree about a camera or a chain."""
        drained_s, exit_code = self._end(self.now[service])
        began = time.monotonic()
        self.wait_up(self.start(service, **more))
        return Replaced(time.monotonic() - began, drained_s, exit_code)

    def wait_up(self, instance: Instance) -> None:
        """Until it is ready, or has nothing to do; fails with the end of its log where it ended."""

        def up() -> bool:
            assert instance.process.poll() is None, instance.log.read_text()[-2000:]
            why = instance.why_not_ready()
            return not why or any(word in why for word in _IDLE)

        until(up, f"{instance.service} up (see {instance.log})", _UP_WITHIN_S)

    def end(self, service: str) -> None:
        """End the current instance of a service; it is not replaced."""
        self._end(self.now[service])

    def stop(self) -> None:
        """End whatever still runs."""
        for instance in self.now.values():
            if instance.process.poll() is None:
                self._end(instance)

    def _end(self, instance: Instance) -> tuple[float, int]:
        began = time.monotonic()
        instance.process.send_signal(signal.SIGTERM)
        try:
            code = instance.process.wait(_DRAINED_WITHIN_S)
        except subprocess.TimeoutExpired:
            instance.process.kill()
            code = instance.process.wait()
        return time.monotonic() - began, code
