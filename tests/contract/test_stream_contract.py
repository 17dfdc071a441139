"""What every broker promises (`lookout.stream.ports`): the same tests on the one in memory and on Kafka."""

import time
from collections.abc import Callable, Sequence

import pytest
from lookout.stream.ports import (
    Broker,
    Consumer,
    DeliveryError,
    InvalidMessageError,
    Message,
    Outgoing,
    Partition,
    Position,
    Reader,
    StreamError,
    TopicSpec,
)
from support.polling import until

Send = Callable[..., None]
MakeTopic = Callable[..., str]
Join = Callable[..., Consumer]


class RecordingRebalance:
    """Keeps what it is told: the partitions held now, and every one ever lost."""

    def __init__(self) -> None:
        self.held: set[Partition] = set()
        self.lost: list[Partition] = []

    def assigned(self, partitions: Sequence[Partition]) -> None:
        self.held.update(partitions)

    def revoked(self, partitions: Sequence[Partition]) -> None:
        self.held.difference_update(partitions)
        self.lost += partitions


def read(source: Consumer | Reader, count: int, timeout_s: float = 20.0) -> list[Message]:
    """Poll until ``count`` messages came; fails if they do not."""
    messages: list[Message] = []

    def enough() -> bool:
        messages.extend(source.poll(count - len(messages), 0.1))
        return len(messages) >= count

    if count:
        until(enough, f"{count} messages, have {len(messages)}", timeout_s)
    return messages


def values(messages: Sequence[Message]) -> list[str]:
    return [(message.value or b"").decode() for message in messages]


def finish(consumer: Consumer, messages: Sequence[Message]) -> None:
    consumer.stage([message.position for message in messages])
    consumer.commit()


def test_poll_without_messages_returns_nothing_after_the_timeout(
    join: Join, group: str, topic: str
) -> None:
    consumer = join(group, topic)

    assert list(consumer.poll(10, 0.05)) == []


def test_message_arrives_as_it_was_sent(broker: Broker, join: Join, group: str, topic: str) -> None:
    producer = broker.producer()
    headers = (("ce_id", b"1"), ("ce_id", b"2"), ("empty", b""))
    producer.produce(Outgoing(topic, b"camera-1", b"\x00\xffvalue", headers))
    producer.close()

    (message,) = read(join(group, topic), 1)

    assert message.key == b"camera-1"
    assert message.value == b"\x00\xffvalue"
    assert message.headers == headers
    assert message.position == Position(Partition(topic, 0), 0)
    assert message.timestamp.utcoffset() is not None
    assert abs(message.timestamp.timestamp() - time.time()) < 60


def test_tombstone_has_no_value(broker: Broker, join: Join, group: str, topic: str) -> None:
    producer = broker.producer()
    producer.produce(Outgoing(topic, b"gone", None))
    producer.close()

    (message,) = read(join(group, topic), 1)

    assert (message.key, message.value) == (b"gone", None)


def test_poll_returns_no_more_than_it_is_asked_for(
    join: Join, send: Send, group: str, topic: str
) -> None:
    send(topic, "1", "2", "3")
    consumer = join(group, topic)
    until(lambda: sum(consumer.lag().values()) == 3, "lag of 3")

    first = read(consumer, 1)
    rest = read(consumer, 2)

    assert values(first) == ["1"]
    assert values(rest) == ["2", "3"]


@pytest.mark.parametrize("keys", [[], ["a"], ["a", "b", "c", "d", "e"]])
def test_messages_of_one_key_stay_in_order(
    broker: Broker, make_topic: MakeTopic, join: Join, group: str, keys: list[str]
) -> None:
    topic = make_topic(3)
    producer = broker.producer()
    for number in range(50):
        for key in keys:
            producer.produce(Outgoing(topic, key.encode(), str(number).encode()))
    producer.flush()

    messages = read(join(group, topic), 50 * len(keys))

    for key in keys:
        of_key = [message for message in messages if message.key == key.encode()]
        assert values(of_key) == [str(number) for number in range(50)]
        assert len({message.position.partition for message in of_key}) == 1
    producer.close()


@pytest.mark.parametrize(
    ("key", "partition"),
    [(b"", 3), (b"a", 4), (b"camera-1", 2), (b"camera-2", 5), (b"0f6d3ad2-3a5f", 3)],
)
def test_key_decides_the_partition_as_in_java_clients(
    broker: Broker, make_topic: MakeTopic, join: Join, group: str, key: bytes, partition: int
) -> None:
    topic = make_topic(6)
    producer = broker.producer()
    producer.produce(Outgoing(topic, key, b"x"))
    producer.close()

    (message,) = read(join(group, topic), 1)

    assert message.position.partition.index == partition


def test_new_group_reads_from_the_beginning(join: Join, send: Send, group: str, topic: str) -> None:
    send(topic, "1", "2")

    assert values(read(join(group, topic), 2)) == ["1", "2"]


def test_successor_continues_after_the_commit(
    join: Join, send: Send, group: str, topic: str
) -> None:
    send(topic, "1", "2", "3")
    consumer = join(group, topic)
    finish(consumer, read(consumer, 2))
    consumer.close()

    assert values(read(join(group, topic), 1)) == ["3"]


def test_what_was_not_staged_comes_again(join: Join, send: Send, group: str, topic: str) -> None:
    send(topic, "1", "2")
    consumer = join(group, topic)
    read(consumer, 2)
    consumer.commit()
    consumer.close()

    assert values(read(join(group, topic), 2)) == ["1", "2"]


def test_message_that_is_not_staged_keeps_the_commit_below_it(
    join: Join, send: Send, group: str, topic: str
) -> None:
    send(topic, "1", "2", "3")
    consumer = join(group, topic)
    first, _, third = read(consumer, 3)
    finish(consumer, [third, first])
    consumer.close()

    assert values(read(join(group, topic), 2)) == ["2", "3"]


def test_close_commits_what_is_staged(join: Join, send: Send, group: str, topic: str) -> None:
    send(topic, "1", "2")
    consumer = join(group, topic)
    consumer.stage([message.position for message in read(consumer, 1)])
    consumer.close()

    assert values(read(join(group, topic), 1)) == ["2"]


def test_closed_consumer_refuses_to_poll(join: Join, group: str, topic: str) -> None:
    consumer = join(group, topic)
    consumer.close()
    consumer.close()

    with pytest.raises(StreamError, match="closed"):
        consumer.poll(1, 0.0)


def test_groups_do_not_share_messages(join: Join, send: Send, group: str, topic: str) -> None:
    send(topic, "1")

    assert values(read(join(group, topic), 1)) == ["1"]
    assert values(read(join(f"{group}-other", topic), 1)) == ["1"]


def test_members_of_a_group_share_the_partitions(
    make_topic: MakeTopic, join: Join, send: Send, group: str
) -> None:
    topic = make_topic(4)
    first, second = RecordingRebalance(), RecordingRebalance()
    one = join(group, topic, first)
    until(lambda: not one.poll(1, 0.05) and len(first.held) == 4, "all partitions")
    two = join(group, topic, second)

    def shared() -> bool:
        one.poll(1, 0.01)
        two.poll(1, 0.01)
        return len(first.held) == len(second.held) == 2

    until(shared, "two partitions each")
    assert first.held.isdisjoint(second.held)
    assert len(first.lost) == 2  # only what moved was revoked


def test_revoked_partition_is_committed_before_the_other_member_reads_it(
    make_topic: MakeTopic, join: Join, send: Send, group: str
) -> None:
    topic = make_topic(2)
    for number in range(20):
        send(topic, str(number), key=str(number))
    one, told = join(group, topic), RecordingRebalance()
    messages = read(one, 20)
    one.stage([message.position for message in messages])  # staged, not committed
    two = join(group, topic, told)

    def moved() -> bool:
        assert not one.poll(1, 0.01)
        assert not two.poll(1, 0.01)  # would be what the first had finished with
        return bool(told.held)

    until(moved, "a partition for the second member")
    assert list(two.poll(1, 0.5)) == []


def test_messages_of_revoked_partitions_cannot_be_staged(
    make_topic: MakeTopic, join: Join, send: Send, group: str
) -> None:
    topic = make_topic(2)
    for number in range(20):
        send(topic, str(number), key=str(number))
    told = RecordingRebalance()
    one = join(group, topic, told)
    messages = read(one, 20)
    two = join(group, topic)
    again: list[Message] = []

    def read_again() -> bool:
        one.poll(1, 0.01)
        again.extend(two.poll(20, 0.01))
        return bool(told.lost) and bool(again)

    until(read_again, "the partition's messages, by the second member")
    finish(one, messages)  # all of them, as if it had not noticed
    two.close()

    of_lost = [message for message in messages if message.position.partition in told.lost]
    assert values(read(one, len(of_lost))) == values(of_lost)


def test_close_hands_partitions_over_at_once(
    make_topic: MakeTopic, join: Join, send: Send, group: str
) -> None:
    topic = make_topic(2)
    one, two = join(group, topic), join(group, topic)
    told = RecordingRebalance()
    one.poll(1, 0.05)
    two.poll(1, 0.05)
    one.close()
    two.close()
    three = join(group, topic, told)
    started = time.monotonic()

    until(lambda: not three.poll(1, 0.01) and len(told.held) == 2, "both partitions")

    assert time.monotonic() - started < 5  # a session would take twice as long to time out


def test_lag_counts_what_was_not_delivered(join: Join, send: Send, group: str, topic: str) -> None:
    send(topic, "1", "2", "3")
    consumer = join(group, topic)
    partition = Partition(topic, 0)

    until(lambda: not consumer.poll(0, 0.01) and consumer.lag() == {partition: 3}, "lag of 3")
    finish(consumer, read(consumer, 2))
    until(lambda: consumer.lag() == {partition: 1}, "lag of 1")
    consumer.close()
    successor = join(group, topic)
    until(lambda: not successor.poll(0, 0.01) and successor.lag() == {partition: 1}, "lag of 1")


def test_consumer_of_a_missing_topic_says_so(broker: Broker, group: str) -> None:
    with pytest.raises(StreamError, match="no topic missing-topic"):
        broker.consumer(group=group, topics=["missing-topic"])


def test_flush_without_messages_returns(broker: Broker) -> None:
    producer = broker.producer()
    producer.flush()
    producer.close()


def test_message_that_is_too_large_is_refused_and_the_producer_goes_on(
    broker: Broker, join: Join, group: str, topic: str
) -> None:
    producer = broker.producer()

    with pytest.raises(InvalidMessageError) as refused:
        producer.produce(Outgoing(topic, b"key", bytes(5 * 1024 * 1024)))
    producer.produce(Outgoing(topic, b"key", b"small"))
    producer.flush()
    producer.close()

    assert refused.value.kind == "too_large"
    assert values(read(join(group, topic), 1)) == ["small"]


def test_large_messages_arrive(broker: Broker, join: Join, group: str, topic: str) -> None:
    producer = broker.producer()
    for number in range(20):
        producer.produce(Outgoing(topic, b"key", bytes([number]) * 3_000_000))
    producer.close()

    messages = read(join(group, topic), 20)

    assert [(message.value or b"")[0] for message in messages] == list(range(20))


def test_created_topics_are_named_once(broker: Broker, topic: str) -> None:
    spec = TopicSpec(f"{topic}-more", 2, {"retention.ms": "60000"})

    assert list(broker.create_topics([])) == []
    assert list(broker.create_topics([spec])) == [spec.name]
    assert list(broker.create_topics([spec])) == []
    assert sorted(broker.watermarks(spec.name)) == [
        Partition(spec.name, 0),
        Partition(spec.name, 1),
    ]


def test_existing_topic_with_another_partition_count_is_refused(broker: Broker, topic: str) -> None:
    with pytest.raises(StreamError, match="1 partitions, wanted 3"):
        broker.create_topics([TopicSpec(topic, 3, {})])


def test_deleted_records_are_gone_at_once(
    broker: Broker, join: Join, send: Send, group: str, topic: str
) -> None:
    send(topic, "1", "2", "3")
    partition = Partition(topic, 0)

    broker.delete_records({partition: 2})

    assert broker.watermarks(topic) == {partition: (2, 3)}
    assert values(read(join(group, topic), 1)) == ["3"]
    with pytest.raises(StreamError):
        broker.delete_records({partition: 99})


def test_watermarks_of_a_missing_topic_say_so(broker: Broker) -> None:
    with pytest.raises(StreamError, match="no topic missing-topic"):
        broker.watermarks("missing-topic")


def test_reader_of_an_empty_topic_is_caught_up(broker: Broker, make_topic: MakeTopic) -> None:
    reader = broker.reader([make_topic(3)])

    assert reader.caught_up()
    assert list(reader.poll(10, 0.05)) == []
    reader.close()


def test_reader_reads_all_partitions_and_then_is_caught_up(
    broker: Broker, make_topic: MakeTopic, send: Send
) -> None:
    topic = make_topic(3)
    for number in range(10):
        send(topic, str(number), key=str(number))
    reader = broker.reader([topic])

    assert not reader.caught_up()
    messages = read(reader, 10)
    assert sorted(values(messages), key=int) == [str(number) for number in range(10)]
    until(lambda: not reader.poll(1, 0.05) and reader.caught_up(), "caught up")
    send(topic, "later")
    assert values(read(reader, 1)) == ["later"]
    assert reader.caught_up()  # with what was there when it was made, for good
    reader.close()


def test_readers_share_nothing(broker: Broker, send: Send, topic: str) -> None:
    send(topic, "1")
    readers = [broker.reader([topic]) for _ in range(2)]

    assert [values(read(reader, 1)) for reader in readers] == [["1"], ["1"]]
    for reader in readers:
        reader.close()


def test_reader_is_caught_up_where_all_records_were_deleted(
    broker: Broker, send: Send, topic: str
) -> None:
    send(topic, "1", "2")
    broker.delete_records({Partition(topic, 0): 2})
    reader = broker.reader([topic])

    until(lambda: not reader.poll(1, 0.05) and reader.caught_up(), "caught up")
    send(topic, "3")
    assert values(read(reader, 1)) == ["3"]
    reader.close()


def test_reader_catches_up_when_records_vanish_before_it_reads_them(
    broker: Broker, send: Send, topic: str
) -> None:
    send(topic, "1", "2", "3")
    reader = broker.reader([topic])
    broker.delete_records({Partition(topic, 0): 3})

    until(lambda: bool(reader.poll(1, 0.05)) or reader.caught_up(), "caught up")
    until(lambda: not reader.poll(1, 0.05) and reader.caught_up(), "caught up")
    reader.close()


def test_reader_from_the_end_misses_nothing_sent_after_it_was_made(
    broker: Broker, make_topic: MakeTopic, send: Send
) -> None:
    topic = make_topic(2)
    send(topic, "before", key="a")
    reader = broker.reader([topic], from_end=True)
    assert reader.caught_up()

    send(topic, "after", key="a")
    send(topic, "after too", key="b")

    assert sorted(values(read(reader, 2))) == ["after", "after too"]
    reader.close()


@pytest.mark.timeout(120)
def test_unknown_topic_fails_the_flush(broker: Broker) -> None:
    producer = broker.producer()
    producer.produce(Outgoing("missing-topic", b"key", b"value"))

    with pytest.raises(DeliveryError):
        producer.flush(timeout_s=2.0)
    del producer
