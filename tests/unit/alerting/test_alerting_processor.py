"""Alerting as the in-memory broker runs it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lookout.events import Alert, Match
from lookout.stream.ports import Partition, Position
from lookout.stream.processor import Delivery
from lookout_alerting.domain import Rules
from lookout_alerting.metrics import Metrics
from lookout_alerting.processor import AlertingProcessor
from lookout_alerting.settings import Settings
from prometheus_client import CollectorRegistry
from support.matches import START, ListedAuthority, a_match

FIRST, SECOND = Partition("matches", 0), Partition("matches", 1)


@dataclass(slots=True)
class Bench:
    processor: AlertingProcessor
    authority: ListedAuthority
    registry: CollectorRegistry
    now: datetime = START

    def deliveries(self, *matches: Match, partition: Partition = FIRST) -> list[Delivery[Match]]:
        return [
            Delivery(match, Position(partition, offset)) for offset, match in enumerate(matches)
        ]

    def sample(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


def _bench() -> Bench:
    authority = ListedAuthority()
    registry = CollectorRegistry()
    clocks: list[Bench] = []
    bench = Bench(
        AlertingProcessor(
            authority=authority,
            clock=lambda: clocks[0].now,
            rules=Rules(),
            metrics=Metrics(registry),
        ),
        authority,
        registry,
    )
    clocks.append(bench)
    return bench


def test_empty_batch_does_nothing() -> None:
    outcome = _bench().processor.process([])
    assert (outcome.produce, outcome.destroy, outcome.reject, outcome.held) == ([], [], [], [])


def test_batch_with_many_shots_of_one_person_is_one_alert_and_one_kept_key() -> None:
    bench = _bench()
    outcome = bench.processor.process(bench.deliveries(*(a_match(n) for n in range(5))))
    assert len(outcome.produce) == 1
    assert [order.key_id for order in outcome.destroy] == [f"block:{n}" for n in range(1, 5)]


def test_rows_live_from_one_batch_to_the_next() -> None:
    bench = _bench()
    bench.processor.process(bench.deliveries(a_match(1)))
    outcome = bench.processor.process(bench.deliveries(a_match(2)))
    assert outcome.produce == []


def test_revoked_partition_forgets_its_rows_and_keeps_those_of_others() -> None:
    bench = _bench()
    bench.processor.process(bench.deliveries(a_match(1, entry="e1")))
    bench.processor.process(bench.deliveries(a_match(2, entry="e2"), partition=SECOND))
    bench.processor.revoked([FIRST])
    opened = bench.processor.process(bench.deliveries(a_match(3, entry="e1"))).produce
    kept = bench.processor.process(
        bench.deliveries(a_match(4, entry="e2"), partition=SECOND)
    ).produce
    assert (len(opened), kept) == (1, [])


def test_tick_forgets_entries_whose_evidence_is_past_and_only_those() -> None:
    bench = _bench()
    bench.processor.process(bench.deliveries(a_match(1)))
    remember = Rules().remember
    bench.processor.tick(START + remember)
    assert bench.processor.known_entries() == 1
    bench.processor.tick(START + remember + timedelta(seconds=1))
    assert bench.processor.known_entries() == 0


def test_deployment_not_in_force_gives_no_alert() -> None:
    bench = _bench()
    bench.authority.ids.clear()
    outcome = bench.processor.process(bench.deliveries(a_match(1)))
    assert outcome.produce == []
    assert len(outcome.destroy) == 1


def test_drain_holds_nothing_back() -> None:
    bench = _bench()
    bench.processor.process(bench.deliveries(a_match(1)))
    assert bench.processor.drain().released == []


def test_metrics_tell_alerts_by_category_and_how_old_the_image_was() -> None:
    bench = _bench()
    bench.now = START + timedelta(seconds=0.4)
    outcome = bench.processor.process(bench.deliveries(a_match(1), a_match(2), a_match(1)))
    assert [isinstance(event, Alert) for event in outcome.produce] == [True, True]
    verdicts = "lookout_alerting_matches_total"
    assert bench.sample(verdicts, verdict="opened") == 1
    assert bench.sample(verdicts, verdict="duplicate") == 1
    assert bench.sample(verdicts, verdict="repeated") == 1
    labels = {"category": "wanted_by_courts", "response": "amber"}
    assert bench.sample("lookout_alerting_alerts_total", **labels) == 1
    age = "lookout_alerting_capture_to_alert_seconds"
    assert bench.sample(f"{age}_bucket", le="0.5") == 1
    assert bench.sample(f"{age}_bucket", le="0.25") == 0
    assert bench.sample("lookout_alerting_last_match_timestamp_seconds") == bench.now.timestamp()


def test_settings_make_the_rules_of_the_design_by_default() -> None:
    assert Settings().rules() == Rules(
        gap=timedelta(seconds=60), discard_after=timedelta(minutes=10)
    )
