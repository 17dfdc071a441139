"""Between librdkafka's types and ours, for consumers and readers alike."""

import logging
import time
from datetime import UTC, datetime, timedelta

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as RawMessage

from lookout.stream.ports import Message, Partition, Position

_QUIET_S = 30.0
_LATEST_MS = 253_402_300_799_999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_log = logging.getLogger(__name__)

# No waiting mends these: wrong credentials, missing rights, or a consumer that the group has given up on.
_LOST = frozenset(
    {
        KafkaError._FATAL,  # noqa: SLF001 - the library spells its local error codes so
        KafkaError._MAX_POLL_EXCEEDED,  # noqa: SLF001 - same
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - same
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.UNRELEASED_INSTANCE_ID,
        KafkaError.INCONSISTENT_GROUP_PROTOCOL,
    }
)


def is_lost(error: KafkaError) -> bool:
    """Whether the client has to be given up; else librdkafka mends it by itself."""
    return error.fatal() or error.code() in _LOST


class Complaints:
    """Logs what librdkafka mends by itself: one line a kind of error in half a minute, for it tells many times a second."""

    def __init__(self) -> None:
        self._quiet_until: dict[int, float] = {}

    def log(self, error: KafkaError) -> None:
        """Log an error, or not again."""
        now = time.monotonic()
        if now >= self._quiet_until.get(error.code(), 0.0):
            self._quiet_until[error.code()] = now + _QUIET_S
            _log.warning("kafka: %s", error)


def cause_of(error: KafkaException) -> KafkaError:
    """The error that an exception of the library carries."""
    cause: KafkaError = error.args[0]
    return cause


def message_from(raw: RawMessage) -> Message:
    """A message in our types."""
    headers = tuple(
        (name, value if isinstance(value, bytes) else (value or "").encode())
        for name, value in _header_items(raw)
    )
    _, milliseconds = raw.timestamp()
    return Message(
        position=Position(partition_of(raw), raw.offset() or 0),
        key=raw.key(),
        value=raw.value(),
        headers=headers,
        # A producer may state any 64 bits, and a broker older than 4.0 takes them: no time of ours lies behind the year 9999.
        timestamp=_EPOCH + timedelta(milliseconds=min(max(0, milliseconds), _LATEST_MS)),
    )


def partition_of(raw: RawMessage) -> Partition:
    """The partition that a message or an end-of-partition event belongs to."""
    return Partition(raw.topic() or "", raw.partition() or 0)


def to_partition(raw: TopicPartition) -> Partition:
    """A partition in our type."""
    return Partition(raw.topic, raw.partition)


def to_raw(partition: Partition, offset: int | None = None) -> TopicPartition:
    """A partition, with an offset where one matters, in the library's type."""
    if offset is None:
        return TopicPartition(partition.topic, partition.index)
    return TopicPartition(partition.topic, partition.index, offset)


def _header_items(raw: RawMessage) -> list[tuple[str, str | bytes | None]]:
    headers = raw.headers()
    if headers is None:
        return []
    return list(headers.items()) if isinstance(headers, dict) else list(headers)
