"""Kafka clients without a Kafka: what they say when there is none, and what they never say."""

import threading
from collections.abc import Sequence
from unittest.mock import Mock

import pytest
from confluent_kafka import KafkaError
from confluent_kafka import Message as RawMessage
from lookout.stream.kafka import KafkaBroker, KafkaSettings
from lookout.stream.kafka_consumer import KafkaConsumer, Limits
from lookout.stream.kafka_messages import is_lost, message_from
from lookout.stream.membership import Membership
from lookout.stream.ports import DeliveryError, Outgoing, Producer, StreamError
from support.polling import until

NOWHERE = KafkaSettings(
    bootstrap="127.0.0.1:1",
    client_id="test",
    request_timeout_s=1.0,
    delivery_timeout_s=1.0,
    producer_queue_bytes=1024 * 1024,
)


def abandon(producer: Producer) -> None:
    """Close a producer that has something undeliverable."""
    with pytest.raises(DeliveryError):
        producer.close()


def test_password_shows_in_no_repr() -> None:
    settings = KafkaSettings(
        bootstrap="b:1", client_id="c", security_protocol="SASL_SSL", sasl_password="swordfish"
    )

    assert "swordfish" not in repr(settings)
    assert settings.client()["sasl.password"] == "swordfish"


def test_cluster_out_of_reach_is_named() -> None:
    with pytest.raises(StreamError, match=r"127\.0\.0\.1:1"):
        KafkaBroker(NOWHERE).create_topics([])


def test_flush_fails_when_nothing_is_acknowledged_in_time() -> None:
    producer = KafkaBroker(NOWHERE).producer()
    producer.produce(Outgoing("topic", b"key", b"value"))

    with pytest.raises(DeliveryError, match=r"within 0\.05 s"):
        producer.flush(timeout_s=0.05)
    abandon(producer)


def test_undelivered_message_is_reported_to_each_thread_that_flushes() -> None:
    producer = KafkaBroker(NOWHERE).producer()
    producer.produce(Outgoing("topic", b"key", b"value"))
    reported: list[str] = []

    def flush() -> None:
        try:
            producer.flush()
        except DeliveryError as error:
            reported.append(str(error))

    threads = [threading.Thread(target=flush) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(reported) == 3
    assert all("not acknowledged" in text for text in reported)
    with pytest.raises(DeliveryError):
        producer.flush()  # this thread has not been told yet
    producer.flush()  # now it has
    producer.close()


def test_full_queue_blocks_until_time_outs_make_room_and_no_failure_is_forgotten() -> None:
    producer = KafkaBroker(NOWHERE).producer()
    for _ in range(20):  # more than the queue holds
        producer.produce(Outgoing("topic", b"key", bytes(200_000)))

    with pytest.raises(DeliveryError):
        producer.flush()
    producer.close()


class Members:
    """An answer that is there at once."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def done(self) -> bool:
        return True

    def result(self) -> Sequence[str]:
        return self.names


def consumer_whose_group_has(*members: str) -> KafkaConsumer:
    return KafkaConsumer(
        config={"bootstrap.servers": "127.0.0.1:1", "group.id": "g", "group.instance.id": "us"},
        topics=["topic"],
        rebalance=None,
        limits=Limits(messages=1, size=1, revoke_wait_s=0.0),
        membership=Membership(lambda: Members(*members), after_s=0.0, every_s=0.0),
    )


def test_a_consumer_that_its_group_has_lost_ends() -> None:
    consumer = consumer_whose_group_has("others")
    with pytest.raises(StreamError, match="the group has lost this member"):
        until(lambda: bool(consumer.poll(1, 0.05)), "the loss", timeout_s=10)
    consumer.close()


def test_a_consumer_that_waits_its_turn_in_the_group_goes_on() -> None:
    consumer = consumer_whose_group_has("others", "us")
    assert list(consumer.poll(1, 0.5)) == []
    consumer.close()


@pytest.mark.parametrize(
    ("code", "lost"),
    [
        (KafkaError._TRANSPORT, False),
        (KafkaError._ALL_BROKERS_DOWN, False),
        (KafkaError.REBALANCE_IN_PROGRESS, False),
        (KafkaError._MAX_POLL_EXCEEDED, True),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, True),
        (KafkaError._AUTHENTICATION, True),
    ],
)
def test_only_what_waiting_does_not_mend_ends_a_consumer(code: int, *, lost: bool) -> None:
    consumer = consumer_whose_group_has("us")
    consumer._on_error(KafkaError(code))

    if lost:
        with pytest.raises(StreamError, match="lost"):
            consumer.poll(1, 0.0)
    else:
        assert list(consumer.poll(1, 0.0)) == []
    consumer.close()


def test_fatal_error_of_any_code_is_a_loss() -> None:
    assert is_lost(KafkaError(KafkaError._TRANSPORT, fatal=True))


@pytest.mark.parametrize("milliseconds", [-(2**63), -1, 0, 2**63 - 1])
def test_whatever_time_a_message_states_it_can_be_read(milliseconds: int) -> None:
    raw = Mock(spec=RawMessage)
    raw.timestamp.return_value = (1, milliseconds)
    raw.headers.return_value = []
    assert message_from(raw).timestamp.year in (1970, 9999)
