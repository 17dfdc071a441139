"""The stream on a Kafka cluster: connection settings, topics, and where consumers, producers and readers come from."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.cimpl import NewTopic

from lookout.stream.kafka_consumer import KafkaConsumer, Limits
from lookout.stream.kafka_group import GroupMembers
from lookout.stream.kafka_producer import KafkaProducer
from lookout.stream.kafka_reader import KafkaReader
from lookout.stream.membership import Membership
from lookout.stream.ports import (
    Consumer,
    Partition,
    Producer,
    Reader,
    Rebalance,
    StreamError,
    TopicSpec,
)

Config = dict[str, str | int | float | bool]

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_LEADER_RETRY_S = 0.02
_NO_LEADER_YET = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)

_REFUSED = {
    KafkaError._AUTHENTICATION: (  # noqa: SLF001 - the library spells its local error codes so
        "these credentials are refused: see LOOKOUT_KAFKA_USERNAME and the file that LOOKOUT_KAFKA_PASSWORD_FILE names"
    ),
    KafkaError._SSL: (  # noqa: SLF001 - same
        "the TLS handshake failed: see LOOKOUT_KAFKA_CA_FILE, LOOKOUT_KAFKA_CERTIFICATE_FILE and LOOKOUT_KAFKA_KEY_FILE"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """How to reach a cluster, and how patient to be. The password never shows in a repr.

    ``security_protocol`` is Kafka's: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL. Files are PEM. ``revoke_wait_s`` is
    how long a partition that moves to another member waits for the batch in work to be committed. With a
    ``group_instance_id``, which no other process may have, one that is started again goes on with its partitions at once;
    without, its predecessor, if killed, keeps them until ``session_timeout_s`` is over. ``reader_group`` names a group that
    readers ask about and nothing joins, so that a right can be granted on it.
    """

    bootstrap: str
    client_id: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "SCRAM-SHA-512"
    sasl_username: str = ""
    sasl_password: str = field(default="", repr=False)
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    reader_group: str = ""
    group_instance_id: str | None = None
    session_timeout_s: float = 6.0
    max_poll_interval_s: float = 300.0
    revoke_wait_s: float = 5.0
    request_timeout_s: float = 15.0
    delivery_timeout_s: float = 60.0
    linger_ms: float = (
        0.0  # measured: waiting costs its time on every flush, and gains nothing at our rates
    )
    compression: str = "none"  # what is sealed does not compress
    message_max_bytes: int = 4 * 1024 * 1024
    producer_queue_bytes: int = 64 * 1024 * 1024
    consumer_queue_messages: int = 500
    consumer_queue_bytes: int = 32 * 1024 * 1024
    replication_factor: int = -1  # the broker's default

    def client(self) -> Config:
        """Configuration that every kind of client has."""
        config: Config = {
            "bootstrap.servers": self.bootstrap,
            "client.id": self.client_id,
            "security.protocol": self.security_protocol,
            "log_level": 2,  # errors reach the error callbacks, which know when to be quiet
            "reconnect.backoff.ms": 250,
            "reconnect.backoff.max.ms": 2_000,
            "socket.timeout.ms": int(self.request_timeout_s * 1000),
            "socket.keepalive.enable": True,
            "socket.nagle.disable": True,
        }
        if self.security_protocol.startswith("SASL"):
            config["sasl.mechanism"] = self.sasl_mechanism
            config["sasl.username"] = self.sasl_username
            config["sasl.password"] = self.sasl_password
        files = {
            "ssl.ca.location": self.ca_file,
            "ssl.certificate.location": self.certificate_file,
            "ssl.key.location": self.key_file,
        }
        config.update({name: str(path) for name, path in files.items() if path is not None})
        return config


class KafkaBroker:
    """A Kafka cluster, 3.7 or newer; a `Broker`. Nothing is connected before the first use."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._admin_client: AdminClient | None = None
        self._refused = ""

    def consumer(
        self, *, group: str, topics: Sequence[str], rebalance: Rebalance | None = None
    ) -> Consumer:
        """See `Broker.consumer`. Raises `StreamError` if a topic is missing or the cluster does not answer."""
        self._indexes(topics)
        settings = self._settings
        config = self._fetching() | {
            "group.id": group,
            "auto.offset.reset": "earliest",
            **(
                {"group.instance.id": settings.group_instance_id}
                if settings.group_instance_id
                else {}
            ),
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": int(settings.session_timeout_s * 1000),
            "heartbeat.interval.ms": 500,  # a member learns of a rebalance by its heartbeat
            "max.poll.interval.ms": int(settings.max_poll_interval_s * 1000),
        }
        limits = Limits(
            messages=settings.consumer_queue_messages,
            size=settings.consumer_queue_bytes,
            revoke_wait_s=settings.revoke_wait_s,
        )
        return KafkaConsumer(
            config=config,
            topics=topics,
            rebalance=rebalance,
            limits=limits,
            membership=Membership(
                lambda: GroupMembers.asked_of(self._admin, group, settings.request_timeout_s)
            ),
        )

    def producer(self) -> Producer:
        """See `Broker.producer`."""
        settings = self._settings
        return KafkaProducer(
            settings.client()
            | {
                "acks": "all",
                "enable.idempotence": True,
                "partitioner": "murmur2",  # where Java clients and Faust put the same key
                "compression.type": settings.compression,
                "linger.ms": settings.linger_ms,
                "message.max.bytes": settings.message_max_bytes,
                "delivery.timeout.ms": int(settings.delivery_timeout_s * 1000),
                "request.timeout.ms": int(settings.request_timeout_s * 1000),
                "queue.buffering.max.kbytes": settings.producer_queue_bytes // 1024,
            }
        )

    def reader(self, topics: Sequence[str], *, from_end: bool = False) -> Reader:
        """See `Broker.reader`. Partitions added later are not read."""
        ranges: dict[Partition, tuple[int, int]] = {}
        for topic in topics:
            ranges.update(self.watermarks(topic))
        config = self._fetching() | {
            # librdkafka wants one; nothing joins it
            "group.id": self._settings.reader_group or f"{self._settings.client_id}-reader",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
        return KafkaReader(config=config, ranges=ranges, from_end=from_end)

    def create_topics(self, specs: Sequence[TopicSpec]) -> Sequence[str]:
        """See `Broker.create_topics`."""
        there = self._list_topics()
        missing = [spec for spec in specs if spec.name not in there]
        created = [spec.name for spec in missing if self._create(spec)]
        for name in created:
            self._await_listed(name)
            self.watermarks(
                name
            )  # answered once the partitions have leaders: it can be used from now on
        if missing:
            there = self._list_topics()
        for spec in specs:
            partitions = len(there.get(spec.name, ()))
            if partitions not in (0, spec.partitions):
                raise StreamError(
                    f"topic {spec.name} has {partitions} partitions, wanted {spec.partitions}: delete it,"
                    " or change its catalogue entry (keys would move to other partitions)"
                )
        return created

    def delete_records(self, before: Mapping[Partition, int]) -> None:
        """See `Broker.delete_records`."""
        wanted = [TopicPartition(p.topic, p.index, offset) for p, offset in before.items()]
        if wanted:
            for partition, done in self._admin.delete_records(wanted).items():
                self._result(done.result, f"deleting records of {partition.topic}")

    def watermarks(self, topic: str) -> Mapping[Partition, tuple[int, int]]:
        """See `Broker.watermarks`."""
        indexes = self._indexes([topic])[topic]
        lows = self._offsets(topic, indexes, OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # untyped in the library
        highs = self._offsets(topic, indexes, OffsetSpec.latest())  # type: ignore[no-untyped-call]  # same
        return {Partition(topic, index): (lows[index], highs[index]) for index in indexes}

    @property
    def _admin(self) -> AdminClient:
        if self._admin_client is None:
            # The stubs know no callbacks here; the library does.
            config = cast(Config, {**self._settings.client(), "error_cb": self._heard})
            self._admin_client = AdminClient(config, logger=_log)
        return self._admin_client

    def _heard(self, error: KafkaError) -> None:
        """Remember that credentials were refused: the call itself only tells that time was up."""
        if error.code() in _REFUSED:
            self._refused = _REFUSED[error.code()]

    def _fetching(self) -> Config:
        return (
            self._settings.client()
            | {
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "fetch.wait.max.ms": 250,
                "fetch.message.max.bytes": self._settings.message_max_bytes,
                "queued.min.messages": self._settings.consumer_queue_messages,
                "queued.max.messages.kbytes": self._settings.consumer_queue_bytes // 1024,
                "fetch.queue.backoff.ms": 20,  # the default of a second is a second's stall of a live stream
                "allow.auto.create.topics": False,
            }
        )

    def _create(self, spec: TopicSpec) -> bool:
        topic = NewTopic(
            spec.name,
            num_partitions=spec.partitions,
            replication_factor=self._settings.replication_factor,
            config=dict(spec.config),
        )
        done = self._admin.create_topics(
            [topic], operation_timeout=self._settings.request_timeout_s
        )
        try:
            done[spec.name].result(self._settings.request_timeout_s * 2)
        except KafkaException as error:
            if _code(error) == KafkaError.TOPIC_ALREADY_EXISTS:
                return False  # somebody else was faster
            raise StreamError(f"topic {spec.name} could not be created: {error.args[0]}") from error
        return True

    def _await_listed(self, name: str) -> None:
        """A broker under load lists a topic some time after it has said that it is made."""
        deadline = time.monotonic() + self._settings.request_timeout_s
        while not self._list_topics().get(name) and time.monotonic() < deadline:
            time.sleep(_LEADER_RETRY_S)

    def _list_topics(self) -> Mapping[str, Sequence[int]]:
        listed = self._result(
            lambda: self._admin.list_topics(timeout=self._settings.request_timeout_s),
            f"asking {self._settings.bootstrap} for its topics",
        )
        return {name: list(topic.partitions) for name, topic in listed.topics.items()}

    def _indexes(self, topics: Sequence[str]) -> Mapping[str, Sequence[int]]:
        there = self._list_topics()
        missing = [topic for topic in topics if not there.get(topic)]
        if missing:
            raise StreamError(
                f"no topic {', '.join(missing)}: create it first, or see that these credentials may use it"
            )
        return {topic: there[topic] for topic in topics}

    def _offsets(self, topic: str, indexes: Sequence[int], which: OffsetSpec) -> Mapping[int, int]:
        asked = {TopicPartition(topic, index): which for index in indexes}
        deadline = time.monotonic() + self._settings.request_timeout_s
        while True:
            answers = self._admin.list_offsets(
                asked, request_timeout=self._settings.request_timeout_s
            )
            try:
                return {p.partition: answer.result().offset for p, answer in answers.items()}
            except KafkaException as error:
                # A topic that has just been created, or is moving, has no leader for a moment.
                if _code(error) not in _NO_LEADER_YET or time.monotonic() > deadline:
                    raise StreamError(f"no offsets of {topic}: {error.args[0]}") from error
                time.sleep(_LEADER_RETRY_S)

    def _result(self, call: Callable[[], _T], doing: str) -> _T:
        try:
            return call()
        except KafkaException as error:
            self._admin.poll(0)  # hears what there is to hear
            why = self._refused or error.args[0]
            raise StreamError(f"{doing} failed: {why}") from error


def _code(error: KafkaException) -> int:
    cause: KafkaError = error.args[0]
    return cause.code()
