"""An alerting worker as a process of its own, for tests that kill it. Run by its path, with four arguments.

They are: bootstrap, topic prefix, keyring URL, and where to hang: ``nowhere``, ``row`` (the alert is sent, its row not)
or ``commit`` (the row is kept, the match not acknowledged). It prints ``live`` and ``hanging`` as these come true.
"""

import asyncio
import signal
import sys
import threading
from datetime import UTC, datetime

from lookout.codec import Codec
from lookout.schema_ids import LockedSchemaIds
from lookout.sealing.keyring import KeyringAddress, RedisKeyring
from lookout.stream.kafka import KafkaSettings
from lookout.telemetry.metrics import StreamMetrics
from lookout.topics import load_catalogue
from lookout_alerting.adapters.faust_worker import FaustWorker
from lookout_alerting.domain import Rules
from lookout_alerting.metrics import Metrics
from prometheus_client import CollectorRegistry
from support.matches import ListedAuthority


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


class HangingWorker(FaustWorker):
    """Stops for good at one place between two steps, to be killed there."""

    hang_at = "nowhere"

    async def _keep(self, key: bytes, value: bytes) -> None:
        if self.hang_at == "row":
            await self._hang()
        await super()._keep(key, value)
        if self.hang_at == "commit":
            await self._hang()

    async def _hang(self) -> None:
        _say("hanging")
        await asyncio.Event().wait()


def main(bootstrap: str, prefix: str, keyring_url: str, hang_at: str) -> None:
    """Run until SIGTERM."""
    catalogue = load_catalogue(prefix=prefix)
    said: list[str] = []

    def turn() -> None:
        if not said and worker.state()[0] == "live":
            said.append("live")
            _say("live")

    registry = CollectorRegistry()
    worker = HangingWorker(
        kafka=KafkaSettings(bootstrap=bootstrap, client_id="alerting"),
        catalogue=catalogue,
        codec=Codec(catalogue=catalogue, ids=LockedSchemaIds()),
        keyring=RedisKeyring(KeyringAddress(url=keyring_url)),
        authority=ListedAuthority(),
        clock=lambda: datetime.now(UTC),
        rules=Rules(),
        metrics=Metrics(registry),
        stream_metrics=StreamMetrics(registry),
        instance="alerting-process",
        on_turn=turn,
    )
    worker.hang_at = hang_at
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    worker.run(stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
