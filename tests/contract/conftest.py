"""The stream contract runs on every broker that Lookout has: in memory, and Kafka."""

from collections.abc import Callable, Iterator
from typing import Protocol
from uuid import uuid4

import pytest
from lookout.stream.memory import MemoryBroker
from lookout.stream.ports import Broker, Consumer, Outgoing, Rebalance, TopicSpec
from support.kafka_node import KafkaNode


class Join(Protocol):
    """Makes a consumer that is closed when the test ends."""

    def __call__(self, group: str, topic: str, rebalance: Rebalance | None = None) -> Consumer: ...


@pytest.fixture(name="broker", params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker_fixture(request: pytest.FixtureRequest) -> Broker:
    if request.param == "memory":
        return MemoryBroker()
    node = request.getfixturevalue("kafka")
    assert isinstance(node, KafkaNode)
    return node.broker("contract")


@pytest.fixture(name="make_topic")
def make_topic_fixture(broker: Broker) -> Callable[..., str]:
    """Creates a topic that no other test has, with one partition unless told otherwise."""

    def make(partitions: int = 1, **config: str) -> str:
        name = f"contract-{uuid4().hex[:12]}"
        settings = {key.replace("_", "."): value for key, value in config.items()}
        broker.create_topics([TopicSpec(name, partitions, settings)])
        return name

    return make


@pytest.fixture(name="topic")
def topic_fixture(make_topic: Callable[..., str]) -> str:
    return make_topic()


@pytest.fixture(name="group")
def group_fixture() -> str:
    return f"group-{uuid4().hex[:12]}"


@pytest.fixture(name="join")
def join_fixture(broker: Broker) -> Iterator[Join]:
    made: list[Consumer] = []

    def join(group: str, topic: str, rebalance: Rebalance | None = None) -> Consumer:
        consumer = broker.consumer(group=group, topics=[topic], rebalance=rebalance)
        made.append(consumer)
        return consumer

    yield join
    for consumer in made:
        consumer.close()


@pytest.fixture(name="send")
def send_fixture(broker: Broker) -> Iterator[Callable[..., None]]:
    """Produces values under one key each, ``key:value``, and waits until they are acknowledged."""
    producer = broker.producer()

    def send(topic: str, *values: str, key: str = "key") -> None:
        for value in values:
            producer.produce(Outgoing(topic=topic, key=key.encode(), value=value.encode()))
        producer.flush()

    yield send
    producer.close()
