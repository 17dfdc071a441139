"""The erasures topic on any broker."""

from collections import deque
from collections.abc import Sequence

import structlog
from lookout.codec import Codec
from lookout.events import Erasure
from lookout.stream.ports import Broker, InvalidMessageError, Message, Partition, RetryableError

_MOST_MESSAGES = 1000

_log = structlog.get_logger()


class TopicLog:
    """`lookout_keeper.ports.ErasureLog`. Messages that nobody can read are passed over: the chain tells if one counted."""

    def __init__(self, *, broker: Broker, codec: Codec, topic: str) -> None:
        self._broker = broker
        self._codec = codec
        self._topic = topic
        self._reader = broker.reader([topic])
        self._producer = broker.producer()
        self._undecoded: deque[Message] = deque()
        self._next: dict[Partition, int] = {}

    def read(self, timeout_s: float) -> Sequence[Erasure]:
        """Records not read yet, in order. `RetryableError` from the codec loses nothing."""
        if not self._undecoded:
            self._undecoded.extend(self._reader.poll(_MOST_MESSAGES, timeout_s))
        records: list[Erasure] = []
        while self._undecoded:
            message = self._undecoded[0]
            try:
                records += self._decoded(message)
            except RetryableError:
                if records:
                    break
                raise
            self._undecoded.popleft()
            self._next[message.position.partition] = message.position.offset + 1
        return records

    def at_end(self) -> bool:
        """Whether everything that is on the topic at this moment was read."""
        return all(
            low == high or self._next.get(partition, low) >= high
            for partition, (low, high) in self._broker.watermarks(self._topic).items()
        )

    def append(self, records: Sequence[Erasure]) -> None:
        """Produce in order, and wait for the acknowledgement of all."""
        for record in records:
            self._producer.produce(self._codec.outgoing(record))
        self._producer.flush()

    def close(self) -> None:
        """Let the connections go."""
        self._reader.close()
        self._producer.close()

    def _decoded(self, message: Message) -> list[Erasure]:
        try:
            event = self._codec.decode(self._topic, message.value)
        except InvalidMessageError as error:
            _log.warning(
                "unreadable record passed over", kind=error.kind, position=str(message.position)
            )
            return []
        return [event] if isinstance(event, Erasure) else []
