"""The Faust adapter where only a real Kafka tells: crashes, takeovers, drains, and what Faust must not do."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lookout import ids
from lookout.events import Alert, ErasureReason, Match, ServiceState
from lookout.sealing.keyring import RedisKeyring
from lookout.sealing.ports import Destruction
from lookout.stream.dead_letters import PoisonedStreamError
from lookout.stream.kafka import KafkaSettings
from lookout.stream.ports import Outgoing, StreamError
from lookout_alerting.adapters.faust_app import FaustNames, build_app
from lookout_alerting.adapters.rows import encode_row
from lookout_alerting.domain import Rules, decide
from support import alerting_process
from support.alerting_rig import (
    AlertingTopics,
    Rig,
    alerting_topics,
    faust_worker,
    fresh_catalogue,
    kafka_rig,
    running,
)
from support.kafka_node import KafkaNode
from support.keyrings import MemoryKeyring
from support.matches import DEPLOYMENT, START, a_match
from support.polling import until
from support.redis_node import connected, running_keyring

pytestmark = pytest.mark.kafka

_HANDOVER_S = 30.0


@dataclass(slots=True)
class WorkerProcess:
    """A worker that can be killed. What it says is read in the background."""

    process: "subprocess.Popen[str]"
    said: set[str] = field(default_factory=set)

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.add(line.strip())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True, slots=True)
class Site:
    """Topics and a real keyring, which outlive the workers."""

    topics: AlertingTopics
    keyring: RedisKeyring
    start: Callable[[str], WorkerProcess]

    def fresh(self, *matches: Match) -> Sequence[Match]:
        """The matches as just seen, each with a living key."""
        keys = self.keyring.make("block", len(matches), timedelta(minutes=10))
        now = datetime.now(UTC)
        return [
            replace(
                match,
                captured_at=now + (match.captured_at - START),
                thumbnail=replace(match.thumbnail, key_id=key.key_id),
            )
            for match, key in zip(matches, keys, strict=True)
        ]


@pytest.fixture(name="site")
def site_fixture(kafka: KafkaNode, tmp_path: Path) -> Iterator[Site]:
    catalogue = fresh_catalogue()
    broker = kafka.broker("alerting-test")
    broker.create_topics(alerting_topics(catalogue))
    with ExitStack() as stack:
        topics = AlertingTopics(broker, catalogue)
        stack.callback(topics.close)
        node = stack.enter_context(running_keyring(tmp_path))
        keyring = stack.enter_context(connected(node))
        keyring.open_block(
            block_id="block", deployment_id=DEPLOYMENT, service="detection", count=1000
        )

        def start(hang_at: str) -> WorkerProcess:
            arguments = [kafka.bootstrap, catalogue.prefix, node.url, hang_at]
            return stack.enter_context(_worker_process(arguments))

        yield Site(topics, keyring, start)


@contextmanager
def _worker_process(arguments: Sequence[str]) -> Iterator[WorkerProcess]:
    script = Path(alerting_process.__file__)
    worker = WorkerProcess(
        subprocess.Popen(
            [sys.executable, str(script), *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": ":".join([str(script.parents[1]), *sys.path])},
        )
    )
    listener = threading.Thread(target=worker.listen)
    listener.start()
    try:
        yield worker
    finally:
        worker.kill()
        listener.join()
        assert worker.process.stdout is not None
        worker.process.stdout.close()


def _ids(alerts: Sequence[Alert]) -> set[str]:
    return {alert.alert_id for alert in alerts}


@pytest.mark.redis
@pytest.mark.parametrize("place", ["row", "commit"])
def test_worker_killed_between_alert_and_commit_leaves_no_lost_and_no_second_alert(
    site: Site, place: str
) -> None:
    entry = site.topics.entries[0]
    first, second = site.fresh(
        a_match(1, entry=entry), a_match(2, entry=entry, seen=START + timedelta(seconds=1))
    )
    doomed = site.start(place)
    site.topics.send(first)
    until(lambda: "hanging" in doomed.said, "the worker between two steps", _HANDOVER_S)
    assert _ids(site.topics.alerts()) == {ids.alert_id(entry, "match-1")}
    doomed.kill()
    site.start("nowhere")
    site.topics.send(second)
    alerts = site.topics.settled(datetime.now(UTC))
    assert _ids(alerts) == {ids.alert_id(entry, "match-1")}
    keys = [first.thumbnail.key_id, second.thumbnail.key_id]
    until(lambda: site.keyring.alive(keys) == [True, False], "only the evidence's key alive")


@pytest.mark.redis
def test_worker_killed_under_load_leaves_no_lost_and_no_second_alert(site: Site) -> None:
    entries = site.topics.entries
    matches = site.fresh(
        *(a_match(n, entry=entries[n % len(entries)], camera=f"camera-{n % 2}") for n in range(220))
    )
    doomed = site.start("nowhere")
    until(lambda: "live" in doomed.said, "a live worker", _HANDOVER_S)
    site.topics.send(*matches)
    until(lambda: len(site.topics.alerts()) > 0, "the first alert")
    doomed.kill()
    site.start("nowhere")
    alerts = site.topics.settled(datetime.now(UTC))
    expected = {ids.alert_id(entry, f"match-{n}") for n, entry in enumerate(entries)}
    assert _ids(alerts) == expected
    evidence = {match.thumbnail.key_id for match in matches[: len(entries)]}
    keys = [match.thumbnail.key_id for match in matches]
    wanted = [key in evidence for key in keys]
    until(lambda: site.keyring.alive(keys) == wanted, "every key ended but the evidence's")


@pytest.mark.redis
def test_second_worker_takes_over_the_rows_of_a_killed_one(site: Site) -> None:
    entry = site.topics.entries[0]
    first, second = site.fresh(a_match(1, entry=entry), a_match(2, entry=entry))
    doomed = site.start("nowhere")
    site.topics.send(first)
    assert len(site.topics.settled(datetime.now(UTC))) == 1
    standby = site.start("nowhere")
    until(lambda: "live" in standby.said, "a live second worker", _HANDOVER_S)
    doomed.kill()
    site.topics.send(second)
    alerts = site.topics.settled(datetime.now(UTC))
    assert _ids(alerts) == {ids.alert_id(entry, "match-1")}
    assert site.keyring.alive([second.thumbnail.key_id]) == [False]


def test_stopped_worker_hands_its_rows_to_the_next_without_repeating_a_match(
    kafka: KafkaNode,
) -> None:
    with kafka_rig(kafka) as rig:
        entry = rig.topics.entries[0]
        with running(faust_worker(rig, kafka.settings())):
            rig.topics.send(a_match(1, entry=entry))
            assert len(rig.settled()) == 1
        with running(faust_worker(rig, kafka.settings())):
            rig.topics.send(a_match(2, entry=entry, seen=START + timedelta(seconds=30)))
            alerts = rig.settled()
        assert [alert.revision for alert in alerts] == [1]
        repeated = rig.registry.get_sample_value(
            "lookout_alerting_matches_total", {"verdict": "repeated"}
        )
        assert repeated == 0


class BrokenKeyring(MemoryKeyring):
    """Fails in a way that nobody foresaw, while ``broken``."""

    broken = True

    def destroy(self, destructions: Sequence[Destruction], *, by: str, at: datetime) -> int:
        if self.broken:
            raise RuntimeError("nobody foresaw this")
        return MemoryKeyring.destroy(self, destructions, by=by, at=at)


def test_unforeseen_error_ends_the_worker_and_the_match_in_hand_is_not_committed(
    kafka: KafkaNode,
) -> None:
    with kafka_rig(kafka) as rig:
        keyring = BrokenKeyring()
        broken = replace_keyring(rig, keyring)
        entry = rig.topics.entries[0]
        first, second = broken.keyed(a_match(1, entry=entry), a_match(2, entry=entry))
        third = a_match(3, entry=rig.topics.entries[1])
        worker = faust_worker(broken, kafka.settings())
        broken.topics.send(first, second, third)
        with pytest.raises(RuntimeError, match="foresaw"):
            worker.run(threading.Event())
        assert worker.state()[0] is ServiceState.NOT_RUNNING
        assert broken.alive(first, second) == [True, True]
        keyring.broken = False
        with running(faust_worker(broken, kafka.settings())):
            alerts = broken.settled()
        assert _ids(alerts) == {
            ids.alert_id(entry, "match-1"),
            ids.alert_id(rig.topics.entries[1], "match-3"),
        }
        assert broken.alive(first, second) == [True, False]
        assert broken.reasons() == [ErasureReason.DUPLICATE]


def replace_keyring(rig: Rig, keyring: MemoryKeyring) -> Rig:
    """The same topics and a keyring of the test's own."""
    return Rig(rig.topics, keyring=keyring)


def test_matches_sent_before_the_first_commit_are_not_lost_in_a_recovery(
    kafka: KafkaNode,
) -> None:
    # Faust forgets what it fetched during a recovery, and seeks back only to a commit above 0 (ADR 0007).
    with kafka_rig(kafka) as rig:
        first, *others = rig.topics.entries
        changelog = FaustNames(prefix=rig.topics.catalogue.prefix).changelog
        row = decide(a_match(1, entry=first), None, now=START, rules=Rules(), in_force=True).row
        assert row is not None
        producer = kafka.broker().producer()
        producer.produce(Outgoing(changelog, first.encode(), encode_row(row)))
        producer.close()
        rig.topics.send(*(a_match(n, entry=entry) for n, entry in enumerate(others, start=2)))
        with running(faust_worker(rig, kafka.settings())):
            assert {alert.entry_id for alert in rig.settled()} == set(others)


def test_faust_comes_back_to_what_was_fetched_and_never_committed(
    kafka: KafkaNode, tmp_path: Path
) -> None:
    # During a recovery it drops what it fetched, counts on its seek to bring that again, and passes over partitions
    # without a commit (ADR 0007).
    with kafka_rig(kafka) as rig:
        rig.topics.send(*(a_match(n, entry=entry) for n, entry in enumerate(rig.topics.entries)))
        asyncio.run(_fetch_seek_and_fetch(rig, kafka, tmp_path))


async def _fetch_seek_and_fetch(rig: Rig, kafka: KafkaNode, folder: Path) -> None:
    came: asyncio.Queue[int] = asyncio.Queue()

    async def consume(stream: Any) -> None:
        async for event in stream.noack().events():
            await came.put(event.message.offset)

    async def on_error(_agent: object, error: BaseException) -> None:
        raise error

    app = build_app(
        kafka.settings(),
        names=FaustNames(prefix=rig.topics.catalogue.prefix),
        folder=folder,
        topic=rig.topics.matches,
        partitions=rig.topics.catalogue.topic_of(Match).entry.partitions,
        consume=consume,
        on_error=on_error,
    ).app
    app.finalize()
    await app.start()
    try:
        async with asyncio.timeout(60):
            for _ in range(2):
                assert [await came.get() for _ in rig.topics.entries] == [
                    offset for offset, _ in enumerate(rig.topics.entries)
                ]
                await app.consumer.perform_seek()
    finally:
        await app.stop()


def test_poisoned_stream_ends_the_worker_instead_of_draining_away(kafka: KafkaNode) -> None:
    with kafka_rig(kafka) as rig:
        for _ in range(60):
            rig.topics.send_raw(b"nothing", entry=rig.topics.entries[0])
        with pytest.raises(PoisonedStreamError):
            faust_worker(rig, kafka.settings()).run(threading.Event())
        assert 0 < len(rig.topics.dead_letters()) < 60


def test_unreadable_row_costs_a_second_alert_and_not_the_service(kafka: KafkaNode) -> None:
    with kafka_rig(kafka) as rig:
        entry = rig.topics.entries[0]
        changelog = FaustNames(prefix=rig.topics.catalogue.prefix).changelog
        producer = kafka.broker().producer()
        producer.produce(Outgoing(changelog, entry.encode(), b"a row of the future"))
        producer.close()
        with running(faust_worker(rig, kafka.settings())):
            rig.topics.send(a_match(1, entry=entry))
            assert _ids(rig.settled()) == {ids.alert_id(entry, "match-1")}
        assert rig.registry.get_sample_value("lookout_alerting_rows_unreadable_total") == 1


def test_match_waits_while_it_is_not_known_what_is_in_force_and_is_alerted_then(
    kafka: KafkaNode,
) -> None:
    with kafka_rig(kafka) as rig:
        worker = faust_worker(rig, kafka.settings())
        with running(worker):
            rig.unknown, rig.authority.ids = "the deployments are not known", set()
            (match,) = rig.keyed(a_match(1, entry=rig.topics.entries[0]))
            rig.topics.send(match)
            until(lambda: worker.state() == (ServiceState.DEGRADED, rig.unknown), "a wait")
            assert rig.alive(match) == [True]
            rig.authority.ids.add(DEPLOYMENT)
            rig.unknown = ""
            assert _ids(rig.settled()) == {ids.alert_id(match.entry_id, match.match_id)}
        assert rig.alive(match) == [True]


def test_traceparent_of_the_match_is_the_alerts(kafka: KafkaNode) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with kafka_rig(kafka) as rig, running(faust_worker(rig, kafka.settings())):
        match = a_match(1, entry=rig.topics.entries[0])
        producer = kafka.broker().producer()
        producer.produce(rig.topics.codec.outgoing(match, traceparent=parent))
        producer.close()
        rig.settled()
        reader = kafka.broker().reader([rig.topics.catalogue.topic_of(Alert).name])
        parents = set()
        while not reader.caught_up():
            parents |= {dict(m.headers).get("traceparent") for m in reader.poll(100, 0.2)}
        reader.close()
    assert parents == {parent.encode(), None}


def test_faust_creates_no_topic_of_its_own(kafka: KafkaNode) -> None:
    with kafka_rig(kafka) as rig, running(faust_worker(rig, kafka.settings())):
        prefix = rig.topics.catalogue.prefix
        rig.topics.send(a_match(1, entry=rig.topics.entries[0]))
        rig.settled()
        there = {
            name for name in _topic_names(kafka) if name.startswith((prefix, "f-", "alerting"))
        }
    assert there == {spec.name for spec in alerting_topics(rig.topics.catalogue)}


def _topic_names(node: KafkaNode) -> set[str]:
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415 - only here is a raw client needed

    return set(AdminClient({"bootstrap.servers": node.bootstrap}).list_topics(timeout=10).topics)


def test_cluster_out_of_reach_ends_the_start_with_a_stream_error(kafka: KafkaNode) -> None:
    with kafka_rig(kafka) as rig:
        nowhere = KafkaSettings(bootstrap="127.0.0.1:1", client_id="alerting", request_timeout_s=1)
        with pytest.raises(StreamError, match=r"127\.0\.0\.1:1"):
            faust_worker(rig, nowhere).run(threading.Event())


def test_missing_changelog_ends_the_start_and_is_named(kafka: KafkaNode) -> None:
    catalogue = fresh_catalogue()
    broker = kafka.broker("alerting-test")
    *others, changelog = alerting_topics(catalogue)
    broker.create_topics(others)
    topics = AlertingTopics(broker, catalogue)
    with pytest.raises(StreamError, match=f"no topic {changelog.name}"):
        faust_worker(Rig(topics), kafka.settings()).run(threading.Event())
    topics.close()


def test_changelog_of_another_partition_count_is_refused(kafka: KafkaNode) -> None:
    catalogue = fresh_catalogue()
    broker = kafka.broker("alerting-test")
    *others, changelog = alerting_topics(catalogue)
    broker.create_topics([*others, replace(changelog, partitions=changelog.partitions + 1)])
    topics = AlertingTopics(broker, catalogue)
    with pytest.raises(StreamError, match="same number of partitions"):
        faust_worker(Rig(topics), kafka.settings()).run(threading.Event())
    topics.close()


def test_stop_during_the_start_is_obeyed(kafka: KafkaNode) -> None:
    with kafka_rig(kafka) as rig:
        stop = threading.Event()
        stop.set()
        worker = faust_worker(rig, kafka.settings())
        worker.run(stop)
        assert worker.state()[0] is ServiceState.NOT_RUNNING
