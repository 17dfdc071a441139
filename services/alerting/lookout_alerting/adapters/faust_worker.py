"""Alerting on Kafka: the pure rule, run by Faust, its rows in a table with a changelog.

The order for each match answers a crash at any point of it: decide; send the alert and await its acknowledgement;
destroy the key, if one is to be; send the row to the changelog and await that; keep the row; acknowledge. A crash before
the row is acknowledged decides the match again, to the same alert id; after it, the row recognises the match.
"""

import asyncio
import contextlib
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import structlog
from aiokafka.errors import KafkaError
from faust.exceptions import ProducerSendError
from lookout.authority import Authority
from lookout.codec import Codec
from lookout.events import Event, Match, ServiceState
from lookout.sealing.ports import Keyring, KeyringUnavailableError
from lookout.stream.dead_letters import DeadLetters
from lookout.stream.kafka import KafkaSettings
from lookout.stream.ports import (
    Clock,
    DeliveryError,
    InvalidMessageError,
    Outgoing,
    Position,
    RetryableError,
    StreamError,
)
from lookout.stream.processor import Delivery
from lookout.stream.tracing import StageTracing, Untraced
from lookout.telemetry.metrics import StreamMetrics
from lookout.telemetry.status import State
from lookout.topics import Catalogue

from lookout_alerting.adapters.faust_app import FaustNames, FaustParts, build_app, require_topics
from lookout_alerting.adapters.faust_consumer import SeekingConsumer
from lookout_alerting.adapters.faust_messages import (
    Outbox,
    message_of,
    position_of,
    traceparent_of,
)
from lookout_alerting.adapters.progress import GroupOffsets, Progress
from lookout_alerting.adapters.rows import UnreadableRowError, decode_row, encode_row
from lookout_alerting.adapters.standstill import Standstill, lags_of
from lookout_alerting.domain import Decision, EntryRow, Rules, decide
from lookout_alerting.metrics import Metrics

_SERVICE: Final = "alerting"
_TURN_S: Final = 0.1
_START_S: Final = 5.0
_DRAIN_S: Final = 5.0
_STOP_S: Final = 15.0
_STUCK_S: Final = 60.0
_STANDSTILL_S: Final = 30.0
_SWEEP_S: Final = 30.0
_LAG_S: Final = 1.0
_RETRY_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class FaustWorker:
    """Runs the application in the calling thread until told to stop.

    ``on_turn`` is called several times a second while the worker makes progress, idle or not, and no more when a match
    has been in hand for a minute without it: liveness is progress, not being there.
    """

    def __init__(
        self,
        *,
        kafka: KafkaSettings,
        catalogue: Catalogue,
        codec: Codec,
        keyring: Keyring,
        authority: Authority,
        clock: Clock,
        rules: Rules,
        metrics: Metrics,
        stream_metrics: StreamMetrics,
        instance: str,
        on_turn: Callable[[], None],
        tracing: StageTracing | None = None,
        why_unknown: Callable[[], str] = lambda: "",
    ) -> None:
        """While ``why_unknown`` says why it is not known what is in force, no match is decided: it waits."""
        self._why_unknown = why_unknown
        self._kafka = kafka
        self._matches = catalogue.topic_of(Match)
        self._names = FaustNames(prefix=catalogue.prefix)
        self._codec = codec
        self._keyring = keyring
        self._authority = authority
        self._clock = clock
        self._rules = rules
        self._metrics = metrics
        self._stream = stream_metrics
        self._outbox = Outbox()
        self._dead_letters = DeadLetters(
            producer=self._outbox,
            codec=codec,
            service=_SERVICE,
            clock=clock,
            metrics=stream_metrics,
        )
        self._instance = instance
        self._on_turn = on_turn
        self._tracing = tracing or Untraced()
        self._state: State = (ServiceState.NOT_RUNNING, "starting")
        self._failure: BaseException | None = None
        self._draining = False
        self._progress = Progress(GroupOffsets(kafka=kafka, group=self._names.group))
        self._standstill = Standstill(_STANDSTILL_S)
        self._in_hand_since: float | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._parts: FaustParts
        self._blocking: ThreadPoolExecutor

    def state(self) -> State:
        """How the worker is, with a reason for people. May be called from any thread."""
        return self._state

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set, then finish the match in hand, commit and leave the group.

        Raises:
            StreamError: Kafka refuses or is lost, or Faust gave up.
            Exception: whatever else broke; nothing of the match that broke it is committed.
        """
        asyncio.run(self._run(stop))

    async def _run(self, stop: threading.Event) -> None:
        with (
            tempfile.TemporaryDirectory(prefix="lookout-alerting-") as folder,
            # One thread: clients of the keyring and of the registry are not asked to be safe for several.
            ThreadPoolExecutor(1, thread_name_prefix="alerting-blocking") as self._blocking,
        ):
            self._parts = build_app(
                self._kafka,
                names=self._names,
                folder=Path(folder),
                topic=self._matches.name,
                partitions=self._matches.entry.partitions,
                consume=self._consume,
                on_error=self._failed,
            )
            try:
                await self._serve(stop)
            finally:
                self._state = (ServiceState.NOT_RUNNING, "stopped")
        if self._failure is not None:
            raise self._failure

    async def _serve(self, stop: threading.Event) -> None:
        app = self._parts.app
        app.finalize()
        starting = asyncio.create_task(self._start())
        swept = measured = time.monotonic()
        while not stop.is_set() and self._healthy(starting):
            self._turn()
            now = time.monotonic()
            if now - swept > _SWEEP_S:
                swept = now
                self._sweep()
            if now - measured > _LAG_S:
                measured = now
                self._watch_for_standstill(self._measure_lag(), now)
            await asyncio.sleep(_TURN_S)
        await self._stop(starting)

    async def _start(self) -> None:
        # Asked before Faust is: what it says of a missing topic or cluster helps nobody.
        await asyncio.get_running_loop().run_in_executor(
            self._blocking, require_topics, self._kafka, self._names, self._matches.name
        )
        await self._parts.app.start()

    def _healthy(self, starting: "asyncio.Task[None]") -> bool:
        app = self._parts.app
        refused = starting.exception() if starting.done() else None
        if refused is not None:
            self._failure = self._failure or (
                refused
                if isinstance(refused, StreamError)
                else StreamError(f"Faust could not start: {refused!r}")
            )
        elif app.crashed:
            self._failure = self._failure or StreamError(f"Faust gave up: {app.crash_reason!r}")
        elif starting.done() and self._state[1] == "starting":
            self._state = (ServiceState.LIVE, "")
            _log.info("ready", group=self._names.group)
        return self._failure is None

    async def _stop(self, starting: "asyncio.Task[None]") -> None:
        self._draining = True
        if self._failure is None:
            with contextlib.suppress(TimeoutError):  # what is not finished is delivered again
                await asyncio.wait_for(self._idle.wait(), _DRAIN_S)
        # Half a start leaves Faust's threads behind: let it come to an end first, if it does soon.
        await asyncio.wait({starting}, timeout=_START_S)
        starting.cancel()
        if not self._parts.app.started:
            return
        try:
            await asyncio.wait_for(self._parts.app.stop(), _STOP_S)
        except TimeoutError:
            self._failure = self._failure or StreamError(
                f"Faust did not stop within {_STOP_S:.0f} s; what was not committed is delivered again"
            )

    def _turn(self) -> None:
        since = self._in_hand_since
        if since is None or time.monotonic() - since < _STUCK_S:
            self._on_turn()

    async def _failed(self, _agent: object, error: BaseException) -> None:
        self._failure = self._failure or error
        # Faust would start the agent again, behind the match that broke it, and commit past that match. Hold it here
        # until the application is stopped.
        await asyncio.Event().wait()

    async def _consume(self, stream: Any) -> None:
        async for event in stream.noack().events():
            if self._draining:
                await asyncio.Event().wait()
            self._idle.clear()
            self._in_hand_since = time.monotonic()
            started = time.monotonic()
            await self._in_order(event.message)
            self._stream.received.labels(self._matches.name).inc()
            await self._handle(event.message)
            event.ack()
            self._stream.batch_seconds.observe(time.monotonic() - started)
            self._progress.took(position_of(event.message), event.message.generation_id)
            self._in_hand_since = None
            self._idle.set()

    async def _in_order(self, message: Any) -> None:
        position, generation = position_of(message), message.generation_id
        if not self._progress.expects(position, generation):
            await self._insist(lambda: self._progress.begin(position, generation))

    async def _handle(self, message: Any) -> None:
        try:
            match = await self._insist(lambda: self._decode(message.value))
        except InvalidMessageError as error:
            await self._reject(message, error)
            return
        self._tracing.begin([Delivery(match, position_of(message), traceparent_of(message))])
        try:
            await self._decide(match, message)
        finally:
            self._tracing.end()

    async def _decide(self, match: Match, message: Any) -> None:
        rows = self._parts.table
        now = self._clock()
        decision = decide(
            match,
            self._row(rows.data.get(message.key)),
            now=now,
            rules=self._rules,
            in_force=self._authority.deployment(match.deployment_id, now) is not None,
        )
        if decision.alert is not None:
            await self._send(decision.alert, message)
        await self._settle(match, decision)
        if decision.row is not None:
            await self._keep(message.key, encode_row(decision.row))
        self._dead_letters.passed(1)
        done = self._clock()
        self._metrics.decided(match, decision, done)
        age = (done - match.captured_at).total_seconds()
        self._stream.age_seconds.labels(self._matches.name).observe(max(0.0, age))

    def _decode(self, value: bytes | None) -> Match:
        if why := self._why_unknown():
            raise RetryableError(why)
        event = self._codec.decode(self._matches.name, value)
        if not isinstance(event, Match):
            raise InvalidMessageError("foreign_schema", f"wanted a Match, got {type(event)}")
        return event

    def _row(self, value: bytes | None) -> EntryRow | None:
        if value is None:
            return None
        try:
            return decode_row(value)
        except UnreadableRowError as error:
            # An alert too many is better than none.
            _log.error("row unreadable", error=str(error))
            self._metrics.row_unreadable()
            return None

    async def _settle(self, match: Match, decision: Decision) -> None:
        order = decision.destroy
        if order is None:
            return
        await self._insist(
            lambda: self._keyring.destroy([order], by=self._instance, at=self._clock())
        )
        self._stream.destroyed_after(order.reason, self._clock() - match.captured_at)

    async def _keep(self, key: bytes, value: bytes) -> None:
        table = self._parts.table
        # Faust's own table write sends the row and does not wait: a commit could overtake it, and the next match of the
        # person would then be another alert.
        await self._produce(
            Outgoing(table.changelog_topic_name, key, value),
            partition=table.partition_for_key(key),
        )
        table.data[key] = value

    async def _reject(self, message: Any, error: InvalidMessageError) -> None:
        _log.warning("message not usable", position=str(position_of(message)), kind=error.kind)
        self._dead_letters.set_aside(message_of(message), kind=error.kind, detail=error.detail)
        for letter in self._outbox.taken():
            await self._produce(letter)

    async def _send(self, event: Event, cause: Any) -> None:
        # Without traces of its own it hands on what it was given.
        traceparent = self._tracing.traceparent_of(event) or traceparent_of(cause)
        await self._produce(self._codec.outgoing(event, traceparent=traceparent))

    async def _produce(self, message: Outgoing, *, partition: int | None = None) -> None:
        """Send, and return when every in-sync replica has it. `DeliveryError` if that cannot be had."""
        try:
            await self._parts.app.producer.send_and_wait(
                message.topic,
                message.key,
                message.value,
                partition=partition,
                timestamp=None,
                headers=list(message.headers),
            )
        except (KafkaError, ProducerSendError) as error:
            raise DeliveryError(f"{message.topic} did not take a message: {error!r}") from error
        self._stream.produced.labels(message.topic).inc()

    async def _insist(self, work: Callable[[], T]) -> T:
        """Do blocking work beside the loop; again, and again, while what it needs does not answer."""
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            try:
                done = await loop.run_in_executor(self._blocking, work)
            except (RetryableError, KeyringUnavailableError) as error:
                self._state = (ServiceState.DEGRADED, str(error))
                self._stream.retries.inc()
                self._in_hand_since = time.monotonic()  # waiting is not being stuck
                await asyncio.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
                attempt += 1
            else:
                if attempt:
                    self._state = (ServiceState.LIVE, "")
                return done

    def _measure_lag(self) -> set[Position]:
        """Tell the lag of each partition that is ours; returns what is next in those that have one."""
        if self._state[1] == "starting":
            return set()
        consumer = cast(SeekingConsumer, self._parts.app.consumer)
        lags = dict(lags_of(consumer, self._progress, topic=self._matches.name))
        for position, lag in lags.items():
            self._stream.lag.labels(self._matches.name, str(position.partition.index)).set(lag)
        return {position for position, lag in lags.items() if lag}

    def _watch_for_standstill(self, waiting: set[Position], now: float) -> None:
        app = self._parts.app
        # While one match is in hand, the others have to wait.
        reasons: set[str] = set()
        if app.rebalancing:
            reasons = {f"the group has been rebalancing (for the {app.rebalancing_count}. time)"}
        elif self._in_hand_since is None:
            reasons = {f"{position} is there and has not come" for position in waiting}
        reason = self._standstill.of(reasons, now)
        if reason is not None:
            self._failure = self._failure or StreamError(
                f"nothing moved for {_STANDSTILL_S:.0f} s: {reason}; starting again from the commit"
            )

    def _sweep(self) -> None:
        """Forget rows that no match can still belong to; the changelog forgets them by its own retention."""
        now = self._clock()
        data = self._parts.table.data
        for key, value in list(data.items()):
            row = self._row(value)
            if row is None or now - row.last_seen() > self._rules.remember + timedelta(seconds=1):
                data.pop(key, None)
