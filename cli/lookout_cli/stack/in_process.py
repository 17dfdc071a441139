"""Services as threads of this process, on the in-memory broker: for machines without Java."""

import threading
from collections.abc import Mapping, Sequence

import structlog
from lookout.hosting.platform import Platform
from lookout.hosting.service import serve

from lookout_cli.stack.services import Builder

_END_WITHIN_S = 30.0
_log = structlog.get_logger()


class InProcessServices:
    """One thread a service. What a thread dies of is kept, and told by `failures`."""

    def __init__(
        self,
        *,
        platforms: Mapping[str, Platform],
        builders: Mapping[str, Builder],
        ending: Sequence[str],
    ) -> None:
        """A platform of its own for each service, in starting order, all on the same broker; their services' ends close them."""
        self.failures: dict[str, str] = {}
        self._ending = ending
        self._stops = {service: threading.Event() for service in platforms}
        self._threads = {
            service: threading.Thread(
                target=self._run,
                args=(service, platforms[service], builders[service]),
                name=service,
                daemon=True,
            )
            for service in platforms
        }

    def start(self) -> None:
        """Start every service."""
        for thread in self._threads.values():
            thread.start()

    def stop(self) -> None:
        """End the services in order, each with time to drain."""
        for service in self._ending:
            self.end(service)

    def end(self, service: str) -> None:
        """End one service in order."""
        self._stops[service].set()
        self._threads[service].join(_END_WITHIN_S)

    def dead(self) -> Sequence[str]:
        """Services that do not run now."""
        return [service for service, thread in self._threads.items() if not thread.is_alive()]

    def _run(self, service: str, platform: Platform, build: Builder) -> None:
        try:
            serve(platform, build, self._stops[service])
        except Exception as error:  # noqa: BLE001 - the edge of a service: a thread's death must be told, not printed
            _log.exception("ended by an error", ended=service)
            self.failures[service] = str(error)
