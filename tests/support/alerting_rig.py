"""Alerting under test on a stream: what both of its adapters have in common, and the one on Kafka."""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lookout.codec import Codec
from lookout.events import Alert, DeadLetter, ErasureReason, Event, Match, ServiceState
from lookout.schema_ids import LockedSchemaIds
from lookout.stream.dead_letters import DeadLetters
from lookout.stream.kafka import KafkaSettings
from lookout.stream.memory import MemoryBroker, partition_of
from lookout.stream.ports import Broker, Outgoing, Producer, TopicSpec
from lookout.stream.runner import Runner
from lookout.telemetry.metrics import StreamMetrics
from lookout.topics import Catalogue, load_catalogue
from lookout_alerting.adapters.faust_app import FaustNames
from lookout_alerting.adapters.faust_worker import FaustWorker
from lookout_alerting.domain import Rules
from lookout_alerting.metrics import Metrics
from lookout_alerting.processor import AlertingProcessor
from prometheus_client import CollectorRegistry
from support.kafka_node import KafkaNode
from support.keyrings import MemoryKeyring
from support.matches import DEPLOYMENT, START, ListedAuthority, a_match
from support.polling import until

CHANGELOG_CONFIG = {"cleanup.policy": "compact,delete", "retention.ms": "10800000"}
_BLOCK = "block"
_SENTINEL = 1_000_000


def fresh_catalogue() -> Catalogue:
    """The released topics under names of their own."""
    return load_catalogue(prefix=f"test-{uuid.uuid4().hex[:8]}.")


def alerting_topics(catalogue: Catalogue) -> Sequence[TopicSpec]:
    """The topics that alerting uses, its changelog included."""
    topics = [catalogue.topic_of(kind) for kind in (Match, Alert, DeadLetter)]
    changelog = TopicSpec(
        name=FaustNames(prefix=catalogue.prefix).changelog,
        partitions=catalogue.topic_of(Match).entry.partitions,
        config=CHANGELOG_CONFIG,
    )
    return [*(topic.spec for topic in topics), changelog]


def entries_of_one_partition(count: int, partitions: int) -> Sequence[str]:
    """Entry ids whose matches lie in one partition, so that their order is the order of sending."""
    found: list[str] = []
    number = 0
    while len(found) < count:
        name = f"entry-{number}"
        if partition_of(name.encode(), partitions) == 0:
            found.append(name)
        number += 1
    return found


class AlertingTopics:
    """Sends matches and reads what alerting made of them."""

    def __init__(self, broker: Broker, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.codec = Codec(catalogue=catalogue, ids=LockedSchemaIds())
        self.matches = catalogue.topic_of(Match).name
        self._broker = broker
        self._producer: Producer = broker.producer()
        partitions = catalogue.topic_of(Match).entry.partitions
        *self.entries, self._last = entries_of_one_partition(12, partitions)
        self._sentinels = 0

    def close(self) -> None:
        self._producer.close()

    def send(self, *matches: Match) -> None:
        for match in matches:
            self._producer.produce(self.codec.outgoing(match))
        self._producer.flush()

    def send_raw(self, value: bytes | None, *, entry: str) -> None:
        self._producer.produce(Outgoing(self.matches, entry.encode(), value))
        self._producer.flush()

    def settled(self, now: datetime) -> Sequence[Alert]:
        """Every alert for the matches sent so far, once a match sent after them has been alerted."""
        self._sentinels += 1
        far = now + timedelta(seconds=120 * self._sentinels)
        last = a_match(_SENTINEL + self._sentinels, entry=self._last, seen=far)
        self.send(last)
        until(
            lambda: any(_is_of(alert, last) for alert in self.alerts()),
            "the last match's alert",
            timeout_s=60,
        )
        return [alert for alert in self.alerts() if alert.entry_id != self._last]

    def alerts(self) -> Sequence[Alert]:
        return [event for event in self._read(Alert) if isinstance(event, Alert)]

    def dead_letters(self) -> Sequence[DeadLetter]:
        return [event for event in self._read(DeadLetter) if isinstance(event, DeadLetter)]

    def _read(self, kind: type[Event]) -> Sequence[Event]:
        topic = self.catalogue.topic_of(kind).name
        reader = self._broker.reader([topic])
        events: list[Event] = []
        try:
            while not reader.caught_up():
                messages = reader.poll(500, 0.2)
                events += [self.codec.decode(topic, message.value) for message in messages]
        finally:
            reader.close()
        return events


def _is_of(alert: Alert, match: Match) -> bool:
    return any(sighting.match_id == match.match_id for sighting in alert.sightings)


@dataclass(slots=True)
class Rig:
    """An adapter at work, and everything round it. Time stands still but for what a test does."""

    topics: AlertingTopics
    keyring: MemoryKeyring = field(default_factory=MemoryKeyring)
    authority: ListedAuthority = field(default_factory=ListedAuthority)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    now: datetime = START
    turns: int = 0
    unknown: str = ""
    metrics: Metrics = field(init=False)
    stream_metrics: StreamMetrics = field(init=False)

    def __post_init__(self) -> None:
        self.metrics = Metrics(self.registry)
        self.stream_metrics = StreamMetrics(self.registry)
        self.keyring.open_block(
            block_id=_BLOCK, deployment_id=DEPLOYMENT, service="detection", count=1000
        )

    def settled(self) -> Sequence[Alert]:
        """See `AlertingTopics.settled`."""
        return self.topics.settled(self.now)

    def turn(self) -> None:
        self.turns += 1

    def keyed(self, *matches: Match) -> Sequence[Match]:
        """The matches, each with a living key of its own under its thumbnail."""
        keys = self.keyring.make(_BLOCK, len(matches), timedelta(minutes=10))
        made = zip(matches, keys, strict=True)
        return [
            replace(match, thumbnail=replace(match.thumbnail, key_id=key.key_id))
            for match, key in made
        ]

    def alive(self, *matches: Match) -> Sequence[bool]:
        return self.keyring.alive([match.thumbnail.key_id for match in matches])

    def reasons(self) -> Sequence[ErasureReason]:
        return [pending.receipt.reason for pending in self.keyring.pending_receipts(1000)]


def faust_worker(rig: Rig, kafka: KafkaSettings) -> FaustWorker:
    """The adapter on Kafka, not yet running."""
    return FaustWorker(
        kafka=kafka,
        catalogue=rig.topics.catalogue,
        codec=rig.topics.codec,
        keyring=rig.keyring,
        authority=rig.authority,
        clock=lambda: rig.now,
        rules=Rules(),
        metrics=rig.metrics,
        stream_metrics=rig.stream_metrics,
        instance="alerting-1",
        on_turn=rig.turn,
        why_unknown=lambda: rig.unknown,
    )


@contextmanager
def running(worker: FaustWorker) -> Iterator[None]:
    """The worker at work in a thread of its own; what it raised is raised at the end."""
    with in_thread(worker.run) as raised:
        until(lambda: raised() or worker.state()[0] is ServiceState.LIVE, "a live worker", 40)
        yield


@contextmanager
def kafka_rig(node: KafkaNode) -> Iterator[Rig]:
    """Topics and fakes on a real Kafka; the worker is the caller's to start."""
    catalogue = fresh_catalogue()
    broker = node.broker("alerting-test")
    broker.create_topics(alerting_topics(catalogue))
    topics = AlertingTopics(broker, catalogue)
    try:
        yield Rig(topics)
    finally:
        topics.close()


@contextmanager
def memory_rig() -> Iterator[Rig]:
    """The adapter on the in-memory broker: the runner, in a thread of its own."""
    catalogue = fresh_catalogue()
    broker = MemoryBroker()
    broker.create_topics(alerting_topics(catalogue))
    rig = Rig(AlertingTopics(broker, catalogue))
    producer = broker.producer()
    runner = Runner(
        name="alerting",
        broker=broker,
        group="alerting",
        topics=[rig.topics.matches],
        producer=producer,
        codec=rig.topics.codec,
        processor=AlertingProcessor(
            authority=rig.authority, clock=lambda: rig.now, rules=Rules(), metrics=rig.metrics
        ),
        keyring=rig.keyring,
        instance="alerting-1",
        metrics=rig.stream_metrics,
        clock=lambda: rig.now,
        dead_letters=DeadLetters(
            producer=producer,
            codec=rig.topics.codec,
            service="alerting",
            clock=lambda: rig.now,
            metrics=rig.stream_metrics,
        ),
        on_turn=rig.turn,
        on_trouble=lambda _: None,
    )
    with in_thread(runner.run):
        yield rig
    rig.topics.close()


@contextmanager
def in_thread(run: Callable[[threading.Event], None]) -> Iterator[Callable[[], bool]]:
    """Something at work until the context ends; what it raised is raised then. Yields whether it has raised."""
    stop = threading.Event()
    raised: list[BaseException] = []

    def work() -> None:
        try:
            run(stop)
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread, whatever it is
            raised.append(error)

    thread = threading.Thread(target=work, name="alerting")
    thread.start()
    try:
        yield lambda: bool(raised)
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive(), "it did not stop"
    if raised:
        raise raised[0]
