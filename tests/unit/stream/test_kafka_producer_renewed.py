"""A client that acknowledges nothing though it reaches the broker is given up for another, which sends what waited."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from lookout.stream.kafka_producer import KafkaProducer
from lookout.stream.ports import DeliveryError, Outgoing
from support.polling import until

Report = Callable[[KafkaError | None, Any], None]


@dataclass
class Client:
    """librdkafka's client: acknowledges what it is given, or keeps it. ``sent`` are the values given to it, in order."""

    acknowledges: bool
    reaches: bool = True
    sent: list[bytes] = field(default_factory=list)
    held: list[Report] = field(default_factory=list)
    purged: bool = False

    def produce(self, topic: str, *, value: bytes, on_delivery: Report, **_: Any) -> None:
        self.sent.append(value)
        self.held.append(on_delivery)

    def poll(self, timeout_s: float) -> None:
        threading.Event().wait(0.002)
        if self.purged or self.acknowledges:
            error = KafkaError(KafkaError._PURGE_QUEUE) if self.purged else None
            while self.held:
                self.held.pop(0)(error, None)

    def list_topics(self, timeout: float) -> None:
        if not self.reaches:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    def purge(self) -> None:
        self.purged = True

    def flush(self, timeout_s: float) -> int:
        return 0

    def __len__(self) -> int:
        return len(self.held)


@dataclass
class World:
    """Clients in the order in which they are made, and a clock."""

    clients: list[Client]
    made: int = 0
    now_s: float = 0.0

    def client(self, *_: Any, **__: Any) -> Client:
        self.made += 1
        return self.clients[self.made - 1]

    def producer(self) -> KafkaProducer:
        return KafkaProducer(
            {},
            renew_after_s=10.0,
            client=self.client,  # type: ignore[arg-type]  # a fake of what the library gives no protocol for
            monotonic=lambda: self.now_s,
        )


def _send(producer: KafkaProducer, *values: bytes) -> None:
    for value in values:
        producer.produce(Outgoing("topic", b"key", value))


def test_what_a_stuck_client_holds_is_sent_by_another_in_order_and_nobody_is_told_of_a_failure() -> (
    None
):
    world = World([Client(acknowledges=False), Client(acknowledges=True)])
    producer = world.producer()
    _send(producer, b"1", b"2", b"3")
    world.now_s = 11.0
    producer.flush(5.0)
    assert world.clients[1].sent == [b"1", b"2", b"3"]
    _send(producer, b"4")
    producer.flush(5.0)
    producer.close()
    assert world.clients[0].sent == [b"1", b"2", b"3"]


def test_a_broker_out_of_reach_is_waited_for_with_the_client_there_is() -> None:
    world = World([Client(acknowledges=False, reaches=False)])
    producer = world.producer()
    _send(producer, b"1")
    world.now_s = 11.0
    with pytest.raises(DeliveryError, match="not acknowledged"):
        producer.flush(0.2)
    world.clients[0].acknowledges = True
    producer.flush(5.0)
    producer.close()
    assert world.made == 1


def test_a_client_that_had_nothing_to_do_for_long_is_kept() -> None:
    world = World([Client(acknowledges=True)])
    producer = world.producer()
    _send(producer, b"1")
    producer.flush(5.0)
    world.now_s = 1000.0
    _send(producer, b"2")
    producer.flush(5.0)
    producer.close()
    assert world.made == 1


def test_a_second_client_that_is_stuck_is_given_up_as_well() -> None:
    world = World(
        [Client(acknowledges=False), Client(acknowledges=False), Client(acknowledges=True)]
    )
    producer = world.producer()
    _send(producer, b"1")
    world.now_s = 11.0
    until(lambda: world.made == 2, "another client")
    world.now_s = 22.0
    producer.flush(5.0)
    producer.close()
    assert world.clients[2].sent == [b"1"]
