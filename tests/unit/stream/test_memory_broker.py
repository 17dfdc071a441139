"""What the broker in memory does beyond the contract: it stays small, and lets tests crash a member."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import murmur2
from hypothesis import given
from hypothesis import strategies as st
from lookout.stream.memory import MemoryBroker, partition_of
from lookout.stream.ports import Outgoing, Partition, TopicSpec
from support.polling import until

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


class Time:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def make(clock: Time | None = None, partitions: int = 1, **config: str) -> MemoryBroker:
    broker = MemoryBroker(clock=clock or Time(), handover_s=0.2)
    settings = {name.replace("_", "."): value for name, value in config.items()}
    broker.create_topics([TopicSpec("t", partitions, settings)])
    return broker


def send(broker: MemoryBroker, *values: bytes, key: bytes = b"key") -> None:
    for value in values:
        broker.append(Outgoing("t", key, value))


def read(broker: MemoryBroker) -> list[bytes | None]:
    return [message.value for message in broker.reader(["t"]).poll(100_000, 0.0)]


@given(st.binary(max_size=70), st.integers(1, 64))
def test_key_goes_where_the_kafka_client_puts_it(key: bytes, partitions: int) -> None:
    assert partition_of(key, partitions) == murmur2(key, partitions)


def test_records_older_than_the_topic_keeps_them_are_dropped() -> None:
    clock = Time()
    broker = make(clock, retention_ms="1000")
    send(broker, b"old")
    clock.now += timedelta(seconds=2)
    send(broker, b"new")

    assert read(broker) == [b"new"]
    assert broker.watermarks("t") == {Partition("t", 0): (1, 2)}


def test_no_more_bytes_are_kept_than_the_topic_allows() -> None:
    broker = make(retention_bytes="30")
    for number in range(100):
        send(broker, b"0123456%03d" % number)  # 10 bytes, and 3 of the key

    assert read(broker) == [b"0123456098", b"0123456099"]


def test_compacted_topic_stays_small_and_keeps_the_latest_of_each_key() -> None:
    broker = make(cleanup_policy="compact", retention_ms="1")
    for number in range(5_000):
        send(broker, b"%d" % number, key=b"key-%d" % (number % 7))
    reader = broker.reader(["t"])
    messages = list(reader.poll(10_000, 0.0))

    assert len(messages) <= 1_000
    latest = {message.key: message.value for message in messages}
    assert set(latest.values()) == {b"%d" % number for number in range(4_993, 5_000)}
    assert reader.caught_up()


def test_group_reads_on_over_the_gaps_of_compaction() -> None:
    broker = make(cleanup_policy="compact")
    send(broker, b"first")
    consumer = broker.consumer(group="g", topics=["t"])
    (first,) = consumer.poll(1, 0.0)
    for number in range(1_500):
        send(broker, b"%d" % number, key=b"other")
    consumer.stage([first.position])
    rest = list(consumer.poll(10_000, 0.0))
    consumer.stage([message.position for message in rest])
    consumer.commit()

    assert 0 < len(rest) < 1_500
    assert rest[-1].value == b"1499"
    consumer.close()
    assert list(broker.consumer(group="g", topics=["t"]).poll(10, 0.0)) == []


def test_records_deleted_before_they_are_read_are_skipped() -> None:
    broker = make()
    consumer = broker.consumer(group="g", topics=["t"])
    send(broker, b"1", b"2", b"3")
    broker.delete_records({Partition("t", 0): 2})

    assert [message.value for message in consumer.poll(10, 0.0)] == [b"3"]


def test_partition_of_a_busy_member_is_taken_after_the_handover_time() -> None:
    broker = make(partitions=2)
    for number in range(20):
        send(broker, b"x", key=b"%d" % number)
    busy = broker.consumer(group="g", topics=["t"])
    taken = list(busy.poll(20, 0.0))
    started = time.monotonic()
    newcomer = broker.consumer(group="g", topics=["t"])

    again = list(newcomer.poll(20, 5.0))  # while the other never polls

    assert 0.15 < time.monotonic() - started < 2.0
    assert {one.position for one in again} < {one.position for one in taken}
    busy.stage([one.position for one in taken])
    busy.commit()  # of what it has no more, in vain
    newcomer.close()
    left = list(broker.consumer(group="g", topics=["t"]).poll(20, 1.0))
    assert {one.position for one in left} <= {one.position for one in again}


def test_abandoned_member_commits_nothing() -> None:
    broker = make()
    send(broker, b"1")
    member = broker.member(group="g", topics=["t"])
    member.stage([message.position for message in member.poll(1, 0.0)])
    member.abandon()

    assert len(broker.consumer(group="g", topics=["t"]).poll(1, 0.0)) == 1


@pytest.mark.parametrize("kind", ["consumer", "reader"])
def test_waiting_poll_wakes_up_when_a_message_comes(kind: str) -> None:
    broker = make()
    source = broker.reader(["t"]) if kind == "reader" else broker.consumer(group="g", topics=["t"])
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.extend(source.poll(1, 30.0)))
    thread.start()
    send(broker, b"1")

    until(lambda: bool(got), "the message", timeout_s=5)
    thread.join()
