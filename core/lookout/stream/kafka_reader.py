"""Reads all partitions of Kafka topics without a group."""

import logging
import time
from collections.abc import Mapping, Sequence

from confluent_kafka import Consumer as RawConsumer
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Message as RawMessage

from lookout.stream.kafka_messages import (
    Complaints,
    cause_of,
    is_lost,
    message_from,
    partition_of,
    to_raw,
)
from lookout.stream.ports import Message, Partition, StreamError

_log = logging.getLogger(__name__)


class KafkaReader:
    """A `Reader`, for one thread. ``ranges`` are the low and high watermarks at its making.

    It starts at explicit offsets: one that starts "at the latest" would begin wherever the log ends when the first fetch
    is answered, and miss what came before. A partition is caught up once the end it had is behind, or once librdkafka
    reports its end: deleted records, compaction and transaction markers leave offsets that no message ever has.
    """

    def __init__(
        self,
        *,
        config: Mapping[str, str | int | float | bool],
        ranges: Mapping[Partition, tuple[int, int]],
        from_end: bool,
    ) -> None:
        self._behind = (
            {} if from_end else {p: high for p, (low, high) in ranges.items() if low < high}
        )
        self._failure: str | None = None
        self._complaints = Complaints()
        self._raw = RawConsumer({**config, "error_cb": self._on_error}, logger=_log)
        self._raw.assign(
            [to_raw(p, high if from_end else low) for p, (low, high) in ranges.items()]
        )

    def poll(self, max_messages: int, timeout_s: float) -> Sequence[Message]:
        """See `Reader.poll`."""
        deadline = time.monotonic() + timeout_s
        messages: list[Message] = []
        while len(messages) < max_messages:
            left = 0.0 if messages else max(0.0, deadline - time.monotonic())
            try:
                raw = self._raw.poll(left)
            except KafkaException as error:
                raise StreamError(f"the reader failed: {cause_of(error)}") from error
            if self._failure is not None:
                raise StreamError(self._failure)
            if raw is None:
                break
            error_of = raw.error()
            if error_of is None:
                messages.append(message_from(raw))
                self._pass(raw)
            elif error_of.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's own spelling
                self._behind.pop(partition_of(raw), None)
            else:
                self._on_error(error_of)
        return messages

    def caught_up(self) -> bool:
        """See `Reader.caught_up`."""
        return not self._behind

    def close(self) -> None:
        """See `Reader.close`."""
        self._raw.close()

    def _pass(self, raw: RawMessage) -> None:
        partition = partition_of(raw)
        end = self._behind.get(partition)
        if end is not None and (raw.offset() or 0) + 1 >= end:
            del self._behind[partition]

    def _on_error(self, error: KafkaError) -> None:
        if is_lost(error):
            self._failure = f"the reader is lost: {error}"
        else:
            self._complaints.log(error)
