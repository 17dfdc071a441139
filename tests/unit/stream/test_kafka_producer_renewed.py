"""A client that times out everything is given up for another; what it held fails, and what comes after goes through."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError
from lookout.stream.kafka_producer import KafkaProducer
from lookout.stream.ports import DeliveryError, Outgoing
from support.polling import until

Report = Callable[[KafkaError | None, Any], None]


@dataclass
class Client:
    """librdkafka's client: acknowledges, or lets everything time out, or keeps everything."""

    does: str
    held: list[Report] = field(default_factory=list)
    purged: bool = False

    def produce(self, topic: str, *, on_delivery: Report, **_: Any) -> None:
        self.held.append(on_delivery)

    def poll(self, timeout_s: float) -> None:
        threading.Event().wait(0.002)
        if self.purged:
            self._report(KafkaError(KafkaError._PURGE_QUEUE))
        elif self.does == "acknowledge":
            self._report(None)
        elif self.does == "time out":
            self._report(KafkaError(KafkaError._MSG_TIMED_OUT))

    def _report(self, error: KafkaError | None) -> None:
        while self.held:
            self.held.pop()(error, None)

    def purge(self) -> None:
        self.purged = True

    def flush(self, timeout_s: float) -> int:
        return 0

    def __len__(self) -> int:
        return len(self.held)


@dataclass
class World:
    """Clients, in the order in which they were made, and a clock."""

    plans: list[str]
    made: list[Client] = field(default_factory=list)
    now_s: float = 0.0

    def client(self, *_: Any, **__: Any) -> Client:
        self.made.append(Client(self.plans[len(self.made)]))
        return self.made[-1]

    def producer(self) -> KafkaProducer:
        return KafkaProducer(
            {},
            renew_after_s=20.0,
            client=self.client,  # type: ignore[arg-type]  # a fake of what the library gives no protocol for
            monotonic=lambda: self.now_s,
        )


def _send(producer: KafkaProducer, timeout_s: float = 5.0) -> None:
    producer.produce(Outgoing("topic", b"key", b"value"))
    producer.flush(timeout_s)


def test_a_client_that_times_out_everything_for_long_is_given_up_for_another() -> None:
    world = World(["time out", "acknowledge"])
    producer = world.producer()
    with pytest.raises(DeliveryError):
        _send(producer)
    assert len(world.made) == 1
    world.now_s = 21.0
    with contextlib.suppress(DeliveryError):  # sent before or after the change
        _send(producer)
    until(lambda: len(world.made) == 2, "another client")
    _send(producer)
    producer.close()


def test_what_the_old_client_still_held_fails_and_is_not_waited_for() -> None:
    world = World(["time out", "acknowledge"])
    producer = world.producer()
    with pytest.raises(DeliveryError):
        _send(producer)
    world.made[0].does = "keep"
    producer.produce(Outgoing("topic", b"key", b"value"))
    world.now_s = 21.0
    with pytest.raises(DeliveryError, match="not acknowledged"):
        producer.flush(5.0)
    _send(producer)
    producer.close()


@pytest.mark.parametrize("does", ["keep", "acknowledge"])
def test_a_client_that_is_slow_or_has_nothing_to_do_is_kept(does: str) -> None:
    world = World([does])
    producer = world.producer()
    if does == "acknowledge":
        _send(producer)
    world.now_s = 1000.0
    with contextlib.suppress(DeliveryError):
        _send(producer, 0.2)
    assert len(world.made) == 1
    with contextlib.suppress(DeliveryError):
        world.made[0].does = "acknowledge"
        producer.close()
