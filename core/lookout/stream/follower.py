"""Control topics, followed by everyone: no group, all partitions, from the beginning, ready at the high watermark."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from lookout.events import Event
from lookout.stream.ports import Broker, InvalidMessageError, Message, RetryableError, StreamError
from lookout.telemetry.metrics import StreamMetrics

_MOST = 500
_WAIT_S = 0.25
_AGAIN_S = 1.0
_log = structlog.get_logger()

Verify = Callable[[Message, Event], bool]


class Decoder(Protocol):
    """The part of `lookout.codec.Codec` that reads."""

    def decode(self, topic_name: str, value: bytes | None) -> Event:
        """The event of a message."""


class Follower:
    """Hands every event of its topics to a handler, in order within a partition, on a thread of its own.

    What cannot be decoded, or is not signed by somebody who may (``verify``), is counted and ignored. A stream that is
    lost is read again from the beginning: handlers must not mind an event twice. An error of the handler itself ends the
    thread, and `healthy` says so for good: what is followed decides who may be looked at.
    """

    def __init__(
        self,
        *,
        broker: Broker,
        topics: Sequence[str],
        codec: Decoder,
        handler: Callable[[Event], None],
        verify: Verify | None,
        metrics: StreamMetrics,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._broker, self._topics, self._codec = broker, topics, codec
        self._handler, self._verify, self._metrics = handler, verify, metrics
        self._monotonic = monotonic
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._polled_at = monotonic()
        self._thread = threading.Thread(target=self._run, name=f"follow {topics[0]}", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait until everything that was there has been handled; whether it has."""
        return self._ready.wait(timeout_s)

    def healthy(self, max_age_s: float = 5.0) -> bool:
        """Whether all that was there has been handled, and the topic was read within the last ``max_age_s`` seconds."""
        fresh = self._monotonic() - self._polled_at <= max_age_s
        return self._ready.is_set() and fresh and self._thread.is_alive()

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except StreamError as error:
                # While it is read again the handler sees the past once more: until then nothing counts as known.
                self._ready.clear()
                _log.warning(
                    "following again from the beginning", topics=self._topics, why=str(error)
                )
                self._stop.wait(_AGAIN_S)

    def _follow(self) -> None:
        reader = self._broker.reader(self._topics)
        try:
            while not self._stop.is_set():
                for message in reader.poll(_MOST, _WAIT_S):
                    self._handle(message)
                self._polled_at = self._monotonic()
                if not self._ready.is_set() and reader.caught_up():
                    self._ready.set()
        finally:
            reader.close()

    def _handle(self, message: Message) -> None:
        if message.value is None:
            return
        event = self._decoded(message)
        if event is None:
            return
        if self._verify is not None and not self._verify(message, event):
            self._refuse(message, "not_signed")
            return
        self._handler(event)

    def _decoded(self, message: Message) -> Event | None:
        while not self._stop.is_set():
            try:
                return self._codec.decode(message.position.partition.topic, message.value)
            except InvalidMessageError as error:
                self._refuse(message, error.kind)
                return None
            except RetryableError as error:
                _log.warning("waiting for the schema registry", why=str(error))
                self._stop.wait(_AGAIN_S)
        return None

    def _refuse(self, message: Message, kind: str) -> None:
        topic = message.position.partition.topic
        self._metrics.control_refused.labels(topic, kind).inc()
        _log.warning(
            "control record ignored", topic=topic, offset=message.position.offset, kind=kind
        )
