"""The rule that turns matches into alerts."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookout import ids
from lookout.events import Alert, ErasureReason, Match
from lookout.sealing.ports import Destruction
from lookout_alerting.domain import Decision, EntryRow, Rules, Verdict, decide
from support.matches import START, a_match

RULES = Rules(gap=timedelta(seconds=60), discard_after=timedelta(minutes=10))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@dataclass(slots=True)
class Desk:
    """Decides about matches one after the other, keeping the rows, as a service does."""

    rows: dict[str, EntryRow] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    destroyed: list[Destruction] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    def take(self, match: Match, *, now: datetime | None = None, in_force: bool = True) -> Decision:
        decision = decide(
            match,
            self.rows.get(match.entry_id),
            now=now or match.captured_at + timedelta(milliseconds=300),
            rules=RULES,
            in_force=in_force,
        )
        if decision.row is None:
            self.rows.pop(match.entry_id, None)
        else:
            self.rows[match.entry_id] = decision.row
        if decision.alert is not None:
            self.alerts.append(decision.alert)
        if decision.destroy is not None:
            self.destroyed.append(decision.destroy)
        self.verdicts.append(decision.verdict)
        return decision

    def take_all(self, matches: Iterable[Match], *, now: datetime) -> "Desk":
        for match in matches:
            self.take(match, now=now)
        return self

    def alert_ids(self) -> set[str]:
        return {alert.alert_id for alert in self.alerts}


def test_first_match_of_an_entry_opens_an_alert_with_its_thumbnail_and_keeps_its_key() -> None:
    match = a_match(1)
    decision = Desk().take(match, now=at(0.4))
    assert decision.verdict is Verdict.OPENED
    assert decision.destroy is None
    alert = decision.alert
    assert alert is not None
    assert alert.alert_id == ids.alert_id(match.entry_id, match.match_id)
    assert (alert.revision, alert.thumbnail) == (1, match.thumbnail)
    assert (alert.captured_at, alert.alerted_at) == (match.captured_at, at(0.4))
    assert [sighting.match_id for sighting in alert.sightings] == [match.match_id]
    assert (alert.threshold, alert.margin) == (match.threshold, match.margin)
    assert (alert.category, alert.response) == (match.category, match.response)


def test_replayed_first_match_sends_the_very_same_alert_and_leaves_its_key_alone() -> None:
    desk = Desk()
    desk.take(a_match(1), now=at(0.4))
    desk.take(a_match(2, seen=at(5), camera="camera-2"))
    again = desk.take(a_match(1), now=at(30))
    assert again.verdict is Verdict.REPEATED
    assert again.alert == desk.alerts[0]
    assert again.destroy is None


def test_further_shot_of_the_same_camera_is_a_duplicate_and_only_its_key_ends() -> None:
    desk = Desk()
    desk.take(a_match(1))
    decision = desk.take(a_match(2, seen=at(3)))
    assert decision.verdict is Verdict.DUPLICATE
    assert decision.alert is None
    assert decision.destroy == Destruction(
        key_id="block:2",
        reason=ErasureReason.DUPLICATE,
        deployment_id="deployment-1",
        captured_at=at(3),
    )


def test_another_camera_revises_the_alert_without_a_thumbnail_and_its_key_ends() -> None:
    desk = Desk()
    first = desk.take(a_match(1)).alert
    decision = desk.take(a_match(2, seen=at(20), camera="camera-2"), now=at(20.5))
    assert decision.verdict is Verdict.REVISED
    alert = decision.alert
    assert alert is not None
    assert first is not None
    assert (alert.alert_id, alert.revision, alert.thumbnail) == (first.alert_id, 2, None)
    assert [s.camera_id for s in alert.sightings] == ["camera-1", "camera-2"]
    assert (alert.captured_at, alert.alerted_at) == (at(20), at(20.5))
    assert decision.destroy is not None
    assert decision.destroy.key_id == "block:2"


def test_revising_match_replayed_is_a_duplicate_and_not_another_revision() -> None:
    desk = Desk()
    desk.take(a_match(1))
    second = a_match(2, seen=at(20), camera="camera-2")
    desk.take(second)
    assert desk.take(second).verdict is Verdict.DUPLICATE
    assert [alert.revision for alert in desk.alerts] == [1, 2]


@pytest.mark.parametrize(
    ("seen", "alerts"),
    [
        ([], 0),
        ([0], 1),
        ([0, 60], 1),
        ([0, 60.001], 2),
        ([0, 59, 118, 177], 1),
        ([0, 59, 120, 300], 3),
    ],
)
def test_an_alert_lasts_until_a_gap_since_the_last_sighting(seen: list[float], alerts: int) -> None:
    desk = Desk()
    for number, second in enumerate(seen):
        desk.take(a_match(number, seen=at(second)))
    assert len(desk.alert_ids()) == alerts


def test_entries_do_not_share_alerts() -> None:
    desk = Desk()
    desk.take(a_match(1, entry="entry-1"))
    desk.take(a_match(2, entry="entry-2"))
    assert desk.verdicts == [Verdict.OPENED, Verdict.OPENED]
    assert len(desk.alert_ids()) == 2


def test_late_match_still_alerts_and_its_times_show_its_age() -> None:
    decision = Desk().take(a_match(1), now=at(599))
    assert decision.alert is not None
    assert decision.alert.alerted_at - decision.alert.captured_at == timedelta(seconds=599)


def test_match_past_the_life_of_its_evidence_is_stale_and_alerts_nobody() -> None:
    desk = Desk()
    decision = desk.take(a_match(1), now=at(600.001))
    assert (decision.verdict, decision.alert, decision.row) == (Verdict.STALE, None, None)
    assert decision.destroy is not None
    assert decision.destroy.reason is ErasureReason.STALE


def test_late_match_from_before_the_present_episode_gets_an_alert_of_its_own() -> None:
    desk = Desk()
    desk.take(a_match(1, seen=at(300)))
    desk.take(a_match(2, seen=at(100)), now=at(301))
    assert desk.verdicts == [Verdict.OPENED, Verdict.OPENED]


def test_camera_with_a_clock_in_the_future_does_not_silence_the_others() -> None:
    desk = Desk()
    desk.take(a_match(1, seen=at(3600)), now=at(0))
    desk.take(a_match(2, seen=at(1), camera="camera-2"), now=at(1))
    assert desk.verdicts == [Verdict.OPENED, Verdict.OPENED]


def test_match_of_a_closed_deployment_alerts_nobody_and_its_key_ends() -> None:
    decision = Desk().take(a_match(1), in_force=False)
    assert (decision.verdict, decision.alert) == (Verdict.CLOSED, None)
    assert decision.destroy is not None
    assert decision.destroy.reason is ErasureReason.DEPLOYMENT_CLOSED


def test_evidence_of_an_alert_survives_a_replay_after_its_deployment_closed() -> None:
    desk = Desk()
    desk.take(a_match(1))
    decision = desk.take(a_match(1), now=at(30), in_force=False)
    assert (decision.verdict, decision.alert, decision.destroy) == (Verdict.CLOSED, None, None)


def test_row_forgets_episodes_that_no_match_can_belong_to_any_more() -> None:
    desk = Desk()
    for number in range(50):
        desk.take(a_match(number, seen=at(number * 61)))
    episodes = desk.rows["entry-1"].episodes
    oldest_useful = at(49 * 61) - RULES.remember
    assert len(episodes) <= RULES.remember / RULES.gap + 1
    assert all(episode.last_seen >= oldest_useful for episode in episodes)


# What follows holds for any matches, in any order. Times lie within the life of the evidence; a few cameras and a time
# scale near the gap make episodes meet, split and repeat.
_SEEN = st.floats(min_value=0, max_value=500)
_SHOTS = st.lists(st.tuples(_SEEN, st.sampled_from(["a", "b", "c"])), max_size=12)
_NOW = at(501)


def _matches(shots: Sequence[tuple[float, str]]) -> list[Match]:
    return [a_match(n, seen=at(second), camera=camera) for n, (second, camera) in enumerate(shots)]


@given(shots=_SHOTS, jumps=st.lists(st.integers(min_value=0, max_value=11), max_size=6))
def test_redelivery_from_any_earlier_place_never_opens_another_alert_nor_changes_one(
    shots: list[tuple[float, str]], jumps: list[int]
) -> None:
    matches = _matches(shots)
    once = Desk().take_all(matches, now=_NOW)
    replayed = Desk()
    done = 0
    for jump in jumps:
        replayed.take_all(matches[min(jump, done) : jump], now=_NOW)
        done = max(done, min(jump, len(matches)))
    replayed.take_all(matches[done:], now=_NOW)
    assert replayed.alert_ids() == once.alert_ids()
    by_revision = {(alert.alert_id, alert.revision): alert for alert in replayed.alerts}
    assert by_revision == {(alert.alert_id, alert.revision): alert for alert in once.alerts}


@given(shots=_SHOTS, crash_at=st.integers(min_value=0, max_value=11))
def test_crash_between_sending_and_keeping_the_row_repeats_the_same_alert(
    shots: list[tuple[float, str]], crash_at: int
) -> None:
    matches = _matches(shots)
    once = Desk().take_all(matches, now=_NOW)
    crashed = Desk().take_all(matches[:crash_at], now=_NOW)
    sent = [*crashed.alerts]
    for match in matches[crash_at : crash_at + 1]:
        lost = decide(match, crashed.rows.get("entry-1"), now=_NOW, rules=RULES, in_force=True)
        sent += [] if lost.alert is None else [lost.alert]
    crashed.take_all(matches[crash_at:], now=_NOW)
    assert {alert.alert_id for alert in sent} <= once.alert_ids()
    assert crashed.alert_ids() == once.alert_ids()


@given(
    shots=st.lists(
        st.tuples(st.floats(min_value=0, max_value=60), st.sampled_from("abc")),
        min_size=1,
        max_size=10,
    ),
    repeats=st.lists(st.integers(min_value=0, max_value=9), max_size=5),
    order=st.randoms(use_true_random=False),
)
def test_matches_within_one_gap_are_one_alert_in_any_order_and_however_often(
    shots: list[tuple[float, str]], repeats: list[int], order: Random
) -> None:
    matches = _matches(shots)
    matches += [matches[place % len(matches)] for place in repeats]
    order.shuffle(matches)
    assert len(Desk().take_all(matches, now=_NOW).alert_ids()) == 1


@given(shots=_SHOTS)
def test_matches_in_order_are_one_alert_for_each_stretch_without_a_gap(
    shots: list[tuple[float, str]],
) -> None:
    matches = sorted(_matches(shots), key=lambda match: match.captured_at)
    times = [match.captured_at for match in matches]
    gaps = sum(later - earlier > RULES.gap for earlier, later in itertools.pairwise(times))
    expected = gaps + 1 if times else 0
    assert len(Desk().take_all(matches, now=_NOW).alert_ids()) == expected


@given(shots=_SHOTS, order=st.randoms(use_true_random=False))
def test_every_match_is_told_of_by_an_alert_near_it_whatever_the_order(
    shots: list[tuple[float, str]], order: Random
) -> None:
    matches = _matches(shots)
    order.shuffle(matches)
    desk = Desk().take_all(matches, now=_NOW)
    episodes = [episode for row in desk.rows.values() for episode in row.episodes]
    for match in matches:
        assert any(
            e.first_seen <= match.captured_at <= e.last_seen and e.knows_camera(match.camera_id)
            for e in episodes
        )


@given(shots=_SHOTS, repeats=st.lists(st.integers(min_value=0, max_value=11), max_size=6))
def test_every_key_ends_but_those_of_the_matches_that_opened_alerts(
    shots: list[tuple[float, str]], repeats: list[int]
) -> None:
    matches = _matches(shots)
    desk = Desk().take_all(matches, now=_NOW)
    desk.take_all([matches[place % len(matches)] for place in repeats if matches], now=_NOW)
    evidence = {alert.thumbnail.key_id for alert in desk.alerts if alert.thumbnail is not None}
    ended = {order.key_id for order in desk.destroyed}
    assert evidence.isdisjoint(ended)
    assert evidence | ended == {match.thumbnail.key_id for match in matches}


@pytest.mark.parametrize(
    "seen", [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)]
)
def test_matches_at_the_ends_of_time_are_decided(seen: datetime) -> None:
    desk = Desk()
    for number in (1, 2):
        desk.take(replace(a_match(number), captured_at=seen), now=seen)
    assert desk.verdicts == [Verdict.OPENED, Verdict.DUPLICATE]
