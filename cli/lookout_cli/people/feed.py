"""Alerts as they come, for a person at a terminal; with a group, each is handled once and then committed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from lookout.events import Alert
from lookout.hosting.platform import Platform
from lookout.stream.ports import InvalidMessageError, Message

_MOST = 50
_WAIT_S = 0.2
EVIDENCE_GROUP = "evidence"


@dataclass(frozen=True, slots=True)
class Received:
    """An alert, and how to say that it is dealt with."""

    alert: Alert
    done: Callable[[], None]


class _Source(Protocol):
    def poll(self, max_messages: int, timeout_s: float) -> Sequence[Message]: ...


class AlertFeed:
    """Alerts from now on (`watching`), or every alert not dealt with yet (`taking`)."""

    def __init__(
        self,
        platform: Platform,
        source: _Source,
        *,
        close: Callable[[], None],
        done: Callable[[Message], None],
    ) -> None:
        self._platform, self._source = platform, source
        self._close, self._done = close, done
        self._topic = platform.topic(Alert)

    @classmethod
    def watching(cls, platform: Platform) -> "AlertFeed":
        """Alerts from now on; nothing is committed."""
        reader = platform.broker.reader([platform.topic(Alert)], from_end=True)
        return cls(platform, reader, close=reader.close, done=lambda _message: None)

    @classmethod
    def taking(cls, platform: Platform) -> "AlertFeed":
        """Every alert that the evidence group has not dealt with; `Received.done` commits it."""
        consumer = platform.broker.consumer(
            group=f"{platform.catalogue.prefix}{EVIDENCE_GROUP}", topics=[platform.topic(Alert)]
        )

        def done(message: Message) -> None:
            consumer.stage([message.position])
            consumer.commit()

        return cls(platform, consumer, close=consumer.close, done=done)

    def poll(self) -> Iterator[Received]:
        """What has come, after a moment's wait at most. A message that nobody can read is passed over."""
        for message in self._source.poll(_MOST, _WAIT_S):
            try:
                alert = self._platform.codec.decode(self._topic, message.value)
            except InvalidMessageError:
                self._done(message)
                continue
            if isinstance(alert, Alert):
                yield Received(alert, partial(self._done, message))

    def close(self) -> None:
        """Let go."""
        self._close()
