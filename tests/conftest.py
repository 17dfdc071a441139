"""Fixtures that several folders of tests share. Each is a plain function under a ``name=``, so that it can be called too."""

from collections.abc import Iterator

import pytest
from support.kafka_node import KafkaNode, kafka_node, why_no_kafka


@pytest.fixture(name="kafka", scope="session")
def kafka_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaNode]:
    """One Kafka broker for the whole run: tests keep apart by topic names. Mark the test ``kafka``."""
    reason = why_no_kafka()
    if reason is not None:
        pytest.skip(reason)
    with kafka_node(tmp_path_factory.mktemp("kafka")) as node:
        yield node
