"""A Kafka producer that acknowledges for real: idempotent, all in-sync replicas, and every failure comes to light."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Message as RawMessage
from confluent_kafka import Producer as RawProducer

from lookout.stream.kafka_messages import Complaints, cause_of, is_lost
from lookout.stream.ports import DeliveryError, InvalidMessageError, Outgoing, StreamError
from lookout.stream.watermark import LowWatermark

_SERVE_S = 0.1
_RETRY_S = 0.05
_CLOSE_S = 10.0
_ASK_S = 1.0

_log = logging.getLogger(__name__)


class KafkaProducer:
    """A `Producer`. ``config`` is librdkafka's, without callbacks.

    A thread of its own serves delivery reports, so that they come in whether or not anybody produces. A flush waits for
    what was queued before it, not for what other threads queue meanwhile. A failure is reported once to each thread that
    flushes after it.

    A client of librdkafka that reaches the broker and yet has had nothing acknowledged for ``renew_after_s``, with messages
    waiting, is given up for another, which is handed what waited (ADR 26). A message may then be there twice, as after a crash.
    """

    def __init__(
        self,
        config: Mapping[str, str | int | float | bool],
        *,
        renew_after_s: float = 10.0,
        client: Callable[..., RawProducer] = RawProducer,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._complaints = Complaints()
        self._renew_after_s, self._monotonic = renew_after_s, monotonic
        self._client = partial(client, {**config, "error_cb": self._on_error}, logger=_log)
        self._raw = self._client()
        # Nothing may be handed to a client that is being given up: nobody would hear what became of it.
        self._using = threading.Lock()
        self._generation = 0
        self._waiting: dict[int, Outgoing] = {}
        self._well_at = monotonic()
        self._changed = threading.Condition()
        self._queued = 0
        self._settled = LowWatermark()
        self._failures = 0
        self._reason = ""
        self._lost: str | None = None
        self._closed = False
        self._reported = threading.local()
        self._thread = threading.Thread(target=self._serve, name="kafka-produce", daemon=True)
        self._thread.start()

    def produce(self, message: Outgoing) -> None:
        """See `Producer.produce`. Raises `InvalidMessageError` ("too_large") for what no broker would take."""
        with self._changed:
            if self._closed or self._lost is not None:
                raise StreamError(self._lost or "the producer is closed")
            number = self._queued
            self._queued += 1
            self._settled.deliver(number)
            if not self._waiting:
                self._well_at = (
                    self._monotonic()
                )  # nothing waited, so nothing says that it was not well
            self._waiting[number] = message
        try:
            while not self._enqueue(message, number):
                with self._changed:
                    self._changed.wait(
                        _RETRY_S
                    )  # until a delivery makes room; time-outs make some in the end
        except KafkaException as error:
            cause = cause_of(error)
            if cause.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                self._settle(number, None)
                size = len(message.value or b"")
                raise InvalidMessageError(
                    "too_large", f"{size} bytes for topic {message.topic}"
                ) from error
            self._settle(number, cause)

    def flush(self, timeout_s: float = 30.0) -> None:
        """See `Producer.flush`."""
        with self._changed:
            until = self._queued
            in_time = self._changed.wait_for(lambda: self._lost or self._done(until), timeout_s)
            failures: int = getattr(self._reported, "failures", 0)
            self._reported.failures = self._failures
            if self._lost is not None:
                raise DeliveryError(self._lost)
            if self._failures > failures:
                raise DeliveryError(
                    f"{self._failures - failures} messages were not acknowledged: {self._reason}"
                )
            if not in_time:
                raise DeliveryError(
                    f"not acknowledged within {timeout_s:g} s: is the broker in reach?"
                )

    def close(self) -> None:
        """See `Producer.close`."""
        if self._closed:
            return
        try:
            self.flush(_CLOSE_S)
        finally:
            with self._changed:
                self._closed = True
            self._thread.join()
            self._raw.purge()  # after a failed flush: nothing is to arrive behind our back
            self._raw.flush(1.0)

    def _enqueue(self, message: Outgoing, number: int) -> bool:
        try:
            with self._using:
                if not self._waiting:
                    self._well_at = self._monotonic()  # nothing waited, so nothing says otherwise
                # Before it is handed over: its report may be there at once.
                self._waiting[number] = message
                try:
                    self._hand_over(message, number)
                except (BufferError, KafkaException):
                    del self._waiting[number]
                    raise
        except BufferError:
            return False
        return True

    def _done(self, until: int) -> bool:
        settled = self._settled.committable
        return settled is None or settled >= until

    def _serve(self) -> None:
        while not self._closed:
            self._raw.poll(_SERVE_S)
            if self._monotonic() - self._well_at > self._renew_after_s and self._waiting:
                self._well_at = self._monotonic()  # and not again at once, whatever comes of it
                if self._in_reach():
                    self._renew()

    def _in_reach(self) -> bool:
        try:
            self._raw.list_topics(timeout=_ASK_S)
        except KafkaException:
            return False
        return True

    def _renew(self) -> None:
        with self._using:
            old, self._raw = self._raw, self._client()
            self._generation += 1
            with self._changed:
                waiting = list(self._waiting.items())
            for number, message in waiting:
                self._hand_over(message, number)
        _log.warning(
            "nothing acknowledged for %.0f s by a broker in reach: another client takes over %d messages",
            self._renew_after_s,
            len(waiting),
        )
        old.purge()
        while len(old):
            old.poll(_SERVE_S)

    def _hand_over(self, message: Outgoing, number: int) -> None:
        self._raw.produce(
            message.topic,
            value=message.value,
            key=message.key,
            headers=list(message.headers),
            on_delivery=partial(self._on_delivery, self._generation, number),
        )

    def _on_delivery(
        self, generation: int, number: int, error: KafkaError | None, _message: RawMessage
    ) -> None:
        # What a client that was given up says of a message is not its end: another has it.
        if generation == self._generation:
            self._settle(number, error)

    def _settle(self, number: int, error: KafkaError | None) -> None:
        with self._changed:
            self._settled.stage(number)
            self._waiting.pop(number, None)
            if error is None:
                self._well_at = self._monotonic()
            else:
                self._failures += 1
                self._reason = str(error)
            self._changed.notify_all()

    def _on_error(self, error: KafkaError) -> None:
        if is_lost(error):
            with self._changed:
                self._lost = f"the producer is lost: {error}"
                self._changed.notify_all()
        else:
            self._complaints.log(error)
