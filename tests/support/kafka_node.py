"""One Kafka broker for a run of the tests: a running one named by the environment, else a node of our own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lookout.stream.kafka import KafkaBroker, KafkaSettings
from lookout_cli.local.kafka import LocalKafka

RUNNING_BROKER = "LOOKOUT_TEST_BOOTSTRAP"


@dataclass(frozen=True, slots=True)
class KafkaNode:
    """A broker to test against. ``local`` is None when it is not ours to stop."""

    bootstrap: str
    local: LocalKafka | None

    def settings(self, client_id: str = "test") -> KafkaSettings:
        """Connection settings for a client of this broker."""
        return KafkaSettings(bootstrap=self.bootstrap, client_id=client_id)

    def broker(self, client_id: str = "test") -> KafkaBroker:
        """A stream on this broker."""
        return KafkaBroker(self.settings(client_id))


def why_no_kafka() -> str | None:
    """Why tests that need Kafka are skipped; None when they run."""
    if os.environ.get(RUNNING_BROKER):
        return None
    return LocalKafka(Path()).available()


@contextmanager
def kafka_node(folder: Path) -> Iterator[KafkaNode]:
    """A broker for as long as the context lasts."""
    running = os.environ.get(RUNNING_BROKER)
    if running:
        yield KafkaNode(bootstrap=running, local=None)
        return
    node = LocalKafka(folder)
    node.start()
    try:
        yield KafkaNode(bootstrap=node.bootstrap, local=node)
    finally:
        node.stop()
