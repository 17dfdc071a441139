"""What a running stack does while its keyring is away: seconds until it says so, what it seals meanwhile, and how it comes back."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
from lookout.events import Frame
from lookout_cli.control import read_all
from lookout_cli.stack.running import RunningServices
from support.polling import until

_BACK_WITHIN_S = 30.0
_WITHIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What was seen. Seconds are of one monotonic clock; memory is resident, in bytes, by service."""

    not_running_after_s: Mapping[str, float]
    reasons: Mapping[str, str]
    sealed_until_told: float
    sealed_meanwhile: int
    live_after_s: Mapping[str, float]
    memory_before: Mapping[str, int]
    memory_after: Mapping[str, int]


@dataclass
class Watcher:
    """Asks every service of a stack for its readiness, over HTTP, as a probe would."""

    services: RunningServices
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=2.0))

    def __post_init__(self) -> None:
        self._ports = self.services.stack.folder.running().metrics_ports

    def why_not(self, service: str) -> str:
        """Why a service is not ready; empty when it is."""
        try:
            answer = self.http.get(f"http://127.0.0.1:{self._ports[service]}/readyz")
        except httpx.TransportError as error:
            return f"silent: {error!r}"
        return "" if answer.status_code == httpx.codes.OK else answer.text.strip()

    def all_live(self) -> bool:
        """Whether every service works."""
        return not any(self.why_not(service) for service in self._ports)

    def sum_of(self, service: str, metric: str) -> float:
        """A metric of a service, over all its labels."""
        page = self.http.get(f"http://127.0.0.1:{self._ports[service]}/metrics").text
        return sum(
            float(value)
            for value in re.findall(rf"^{metric}(?:{{.*}})? (\S+)$", page, re.MULTILINE)
        )

    def sealed(self) -> float:
        """Frames that capture has sealed."""
        return self.sum_of("capture", "lookout_capture_frames_total")

    def memory(self) -> Mapping[str, int]:
        """Resident bytes by service."""
        return {name: child.resident_bytes() for name, child in self.services.children.items()}

    def since(
        self, began: float, holds: Callable[[str], bool], within_s: float
    ) -> dict[str, float]:
        """For each service, after how many seconds it first held."""
        after: dict[str, float] = {}

        def all_hold() -> bool:
            for service in self._ports:
                if service not in after and holds(service):
                    after[service] = time.monotonic() - began
            return len(after) == len(self._ports)

        until(all_hold, f"all services, but only {after}", within_s)
        return after

    def outage(
        self, take_away: Callable[[], object], give_back: Callable[[], object], lasts_s: float
    ) -> Outage:
        """Take the keyring away from a live stack for a while, give it back, and wait until all is live again."""
        clock = self.services.session.platform.clock
        memory, sealed = self.memory(), self.sealed()
        began, began_at = time.monotonic(), clock()
        take_away()
        told = self.since(began, lambda service: bool(self.why_not(service)), lasts_s)
        sealed_until_told = self.sealed() - sealed
        reasons = {service: self.why_not(service) for service in self._ports}
        until(lambda: time.monotonic() - began >= lasts_s, "the outage's time", lasts_s + 1)
        ended, ended_at = time.monotonic(), clock()
        give_back()
        live = self.since(ended, lambda service: not self.why_not(service), _BACK_WITHIN_S)
        return Outage(
            not_running_after_s=told,
            reasons=reasons,
            sealed_until_told=sealed_until_told,
            sealed_meanwhile=self._sealed_between(began_at + _WITHIN, ended_at),
            live_after_s=live,
            memory_before=memory,
            memory_after=self.memory(),
        )

    def _sealed_between(self, begin: datetime, end: datetime) -> int:
        frames = read_all(self.services.session.platform, Frame)
        return sum(begin < frame.captured_at < end for frame in frames)
