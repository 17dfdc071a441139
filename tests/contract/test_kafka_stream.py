"""What only a real Kafka can show: membership, back-pressure, transaction markers, a broker that dies and comes back."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer as RawProducer
from confluent_kafka.admin import AdminClient
from lookout.stream.kafka import KafkaBroker
from lookout.stream.kafka_group import GroupMembers
from lookout.stream.ports import Consumer, Message, Outgoing, Partition, Reader, TopicSpec
from lookout_cli.local.kafka import LocalKafka, LocalKafkaError
from support.kafka_node import KafkaNode, why_no_kafka
from support.polling import until

pytestmark = pytest.mark.kafka


class RecordingRebalance:
    def __init__(self) -> None:
        self.lost: list[Partition] = []

    def assigned(self, partitions: Sequence[Partition]) -> None:
        pass

    def revoked(self, partitions: Sequence[Partition]) -> None:
        self.lost += partitions


def make_topic(broker: KafkaBroker, partitions: int = 1) -> str:
    name = f"kafka-{uuid4().hex[:12]}"
    broker.create_topics([TopicSpec(name, partitions, {})])
    return name


def send(broker: KafkaBroker, topic: str, *values: bytes) -> None:
    producer = broker.producer()
    for value in values:
        producer.produce(Outgoing(topic, b"key", value))
    producer.close()


def read(source: Consumer | Reader, count: int, at_once: int = 100) -> list[Message]:
    messages: list[Message] = []

    def enough() -> bool:
        messages.extend(source.poll(at_once, 0.1))
        return len(messages) >= count

    until(enough, f"{count} messages", timeout_s=60)
    return messages


def test_member_stays_in_the_group_however_long_its_caller_is_busy(kafka: KafkaNode) -> None:
    settings = replace(kafka.settings(), max_poll_interval_s=6.0, session_timeout_s=6.0)
    broker, told = KafkaBroker(settings), RecordingRebalance()
    topic = make_topic(broker)
    send(broker, topic, b"1")
    consumer = broker.consumer(group=topic, topics=[topic], rebalance=told)
    (message,) = read(consumer, 1)

    time.sleep(8)  # inference: longer than the session and than the poll interval

    consumer.stage([message.position])
    consumer.commit()
    send(broker, topic, b"2")
    assert [one.value for one in read(consumer, 1)] == [b"2"]
    assert told.lost == []
    consumer.close()
    successor = broker.consumer(group=topic, topics=[topic])
    assert [one.value for one in read(successor, 1)] == [b"2"]
    successor.close()


def test_a_group_names_its_members_those_without_partitions_too(kafka: KafkaNode) -> None:
    broker = KafkaBroker(kafka.settings())
    topic = make_topic(broker)
    fixed = KafkaBroker(replace(kafka.settings(), group_instance_id="first")).consumer(
        group=topic, topics=[topic]
    )
    other = broker.consumer(group=topic, topics=[topic])
    admin = AdminClient(kafka.settings().client())

    def members() -> Sequence[str]:
        asked = GroupMembers.asked_of(admin, topic, 10.0)
        until(asked.done, "an answer")
        return asked.result()

    # One partition: one of the two has none. A fixed member has two names.
    until(lambda: len(members()) == 3, "both have joined")
    assert "first" in members()
    fixed.close()
    other.close()


def test_a_group_that_nobody_knows_has_no_members(kafka: KafkaNode) -> None:
    # Held: a client that is gone answers nothing.
    admin = AdminClient(kafka.settings().client())
    asked = GroupMembers.asked_of(admin, f"no-{uuid4()}", 10.0)
    until(asked.done, "an answer")
    assert asked.result() == []


def test_busy_member_does_not_hold_up_the_group_for_long(kafka: KafkaNode) -> None:
    broker = KafkaBroker(replace(kafka.settings(), revoke_wait_s=0.2))
    topic = make_topic(broker, 2)
    busy = broker.consumer(group=topic, topics=[topic])
    until(lambda: not busy.poll(1, 0.1) and len(busy.lag()) == 2, "both partitions")
    newcomer = broker.consumer(group=topic, topics=[topic])

    until(lambda: not newcomer.poll(1, 0.1) and len(newcomer.lag()) == 1, "a partition, unasked")

    newcomer.close()
    busy.close()


def test_full_queue_pauses_and_loses_nothing(kafka: KafkaNode) -> None:
    broker = KafkaBroker(replace(kafka.settings(), consumer_queue_messages=6))
    topic = make_topic(broker)
    send(broker, topic, *(b"%d" % number for number in range(300)))
    consumer = broker.consumer(group=topic, topics=[topic])
    lags: list[int] = []

    def stalled() -> bool:
        lags.append(sum(consumer.lag().values()))
        return len(lags) > 20

    until(stalled, "a while without polling")
    messages = read(consumer, 300, at_once=4)

    assert [message.value for message in messages] == [b"%d" % n for n in range(300)]
    consumer.close()


def test_reader_is_caught_up_behind_transaction_markers(kafka: KafkaNode) -> None:
    broker = kafka.broker()
    topic = make_topic(broker)
    raw = RawProducer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topic})
    raw.init_transactions()
    for value, done in ((b"kept", raw.commit_transaction), (b"aborted", raw.abort_transaction)):
        raw.begin_transaction()
        raw.produce(topic, value, key=b"key")
        raw.flush()
        done()

    reader = broker.reader([topic])
    values: list[bytes | None] = []
    until(
        lambda: (
            bool(values.extend(m.value for m in reader.poll(10, 0.1)))  # type: ignore[func-returns-value]  # a lambda's and
            or reader.caught_up()
        ),
        "caught up",
    )
    reader.close()

    assert values == [b"kept"]
    assert broker.watermarks(topic) == {Partition(topic, 0): (0, 4)}  # two of them markers


def test_producer_blocks_while_its_queue_is_full_and_loses_nothing(kafka: KafkaNode) -> None:
    broker = KafkaBroker(replace(kafka.settings(), producer_queue_bytes=1024 * 1024))
    topic = make_topic(broker)
    send(broker, topic, *([bytes(300_000)] * 40))

    assert broker.watermarks(topic) == {Partition(topic, 0): (0, 40)}


@pytest.fixture(name="node")
def node_fixture(tmp_path: Path) -> Iterator[LocalKafka]:
    """A node of the test's own, to be killed."""
    reason = why_no_kafka()
    if reason is not None:
        pytest.skip(reason)
    node = LocalKafka(tmp_path / "node", heap_mb=256)
    node.start()
    yield node
    node.stop()


def test_everybody_goes_on_after_the_broker_was_killed(node: LocalKafka) -> None:
    broker = KafkaNode(node.bootstrap, node).broker()
    topic = make_topic(broker)
    producer = broker.producer()
    consumer = broker.consumer(group="g", topics=[topic])
    reader = broker.reader([topic])
    producer.produce(Outgoing(topic, b"key", b"before"))
    producer.flush()
    first = read(consumer, 1)
    read(reader, 1)
    consumer.stage([message.position for message in first])
    consumer.commit()

    node.kill()
    assert node.pid is None
    producer.produce(Outgoing(topic, b"key", b"meanwhile"))
    waiting = threading.Thread(target=producer.flush)
    waiting.start()
    node.start()
    waiting.join(60)

    assert not waiting.is_alive()
    assert [message.value for message in read(consumer, 1)] == [b"meanwhile"]
    assert [message.value for message in read(reader, 1)] == [b"meanwhile"]
    reader.close()
    consumer.close()
    producer.close()


def test_node_says_which_port_is_in_use_and_leaves_no_process(tmp_path: Path) -> None:
    reason = why_no_kafka()
    if reason is not None:
        pytest.skip(reason)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        node = LocalKafka(tmp_path, port=port)

        with pytest.raises(LocalKafkaError, match=f"port {port} .* in use"):
            node.start()
    assert node.pid is None


def test_prepared_node_needs_no_maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setenv("PATH", "")
    (tmp_path / "jars").mkdir()

    LocalKafka(tmp_path, cache=tmp_path / "jars").prepare(said.append)

    assert said == []


def test_node_without_java_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    node = LocalKafka(tmp_path)

    assert "install Java 17" in (node.available() or "")
    with pytest.raises(LocalKafkaError, match="install Java 17"):
        node.start()
    assert not list(tmp_path.iterdir())
