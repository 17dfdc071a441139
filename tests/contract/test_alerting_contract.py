"""What alerting does, whichever adapter carries it: Faust on Kafka, or the runner on the in-memory broker."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from lookout import ids
from lookout.events import ErasureReason
from support.alerting_rig import Rig, faust_worker, kafka_rig, memory_rig, running
from support.matches import START, a_match
from support.polling import until


@pytest.fixture(name="rig", params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def rig_fixture(request: pytest.FixtureRequest) -> Iterator[Rig]:
    if request.param == "memory":
        with memory_rig() as rig:
            yield rig
    else:
        node = request.getfixturevalue("kafka")
        with kafka_rig(node) as rig, running(faust_worker(rig, node.settings())):
            yield rig


def test_one_alert_for_an_entry_however_many_shots(rig: Rig) -> None:
    entry = rig.topics.entries[0]
    shots = rig.keyed(
        *(a_match(n, entry=entry, seen=START + timedelta(seconds=n)) for n in range(8))
    )
    rig.topics.send(*shots)
    alerts = rig.settled()
    assert [alert.alert_id for alert in alerts] == [ids.alert_id(entry, "match-0")]
    assert alerts[0].thumbnail == shots[0].thumbnail
    until(lambda: rig.alive(*shots) == [True] + 7 * [False], "only the alert's key alive")
    assert set(rig.reasons()) == {ErasureReason.DUPLICATE}


def test_one_alert_for_an_entry_however_many_cameras_revised_by_each(rig: Rig) -> None:
    entry = rig.topics.entries[0]
    rig.topics.send(
        *rig.keyed(*(a_match(n, entry=entry, camera=f"camera-{n % 3}") for n in range(9)))
    )
    alerts = rig.settled()
    assert {alert.alert_id for alert in alerts} == {ids.alert_id(entry, "match-0")}
    assert sorted(alert.revision for alert in alerts) == [1, 2, 3]
    assert {alert.revision: len(alert.sightings) for alert in alerts} == {1: 1, 2: 2, 3: 3}
    assert {alert.revision: alert.thumbnail is None for alert in alerts} == {
        1: False,
        2: True,
        3: True,
    }


def test_entries_are_alerted_each_for_itself(rig: Rig) -> None:
    rig.topics.send(*(a_match(n, entry=entry) for n, entry in enumerate(rig.topics.entries)))
    assert {alert.entry_id for alert in rig.settled()} == set(rig.topics.entries)


def test_replayed_match_is_the_same_alert_again_and_its_evidence_stays(rig: Rig) -> None:
    entry = rig.topics.entries[0]
    (match,) = rig.keyed(a_match(1, entry=entry))
    rig.topics.send(match)
    first = rig.settled()
    rig.topics.send(match)
    again = rig.settled()
    assert len(first) == 1
    assert again == [first[0], first[0]]
    assert rig.alive(match) == [True]


def test_person_seen_again_after_the_gap_is_a_second_alert(rig: Rig) -> None:
    entry = rig.topics.entries[0]
    rig.topics.send(a_match(1, entry=entry))
    rig.topics.send(a_match(2, entry=entry, seen=START + timedelta(seconds=61)))
    assert {alert.alert_id for alert in rig.settled()} == {
        ids.alert_id(entry, "match-1"),
        ids.alert_id(entry, "match-2"),
    }


def test_unreadable_message_goes_to_the_dead_letters_and_the_next_is_alerted(rig: Rig) -> None:
    entry = rig.topics.entries[0]
    rig.topics.send_raw(b"\x00not avro at all", entry=entry)
    rig.topics.send_raw(None, entry=entry)
    rig.topics.send(a_match(1, entry=entry))
    assert [alert.entry_id for alert in rig.settled()] == [entry]
    until(lambda: len(rig.topics.dead_letters()) == 2, "two dead letters")
    letters = rig.topics.dead_letters()
    assert {letter.error for letter in letters} == {"unknown_schema", "empty"}
    assert {letter.source_topic for letter in letters} == {rig.topics.matches}
    assert {letter.service for letter in letters} == {"alerting"}


def test_match_of_a_deployment_not_in_force_alerts_nobody_and_its_key_ends(rig: Rig) -> None:
    closed = a_match(1, entry=rig.topics.entries[0], deployment="deployment-ended")
    (closed,) = rig.keyed(closed)
    rig.topics.send(closed)
    assert rig.settled() == []
    until(lambda: rig.alive(closed) == [False], "the key's end")
    assert rig.reasons() == [ErasureReason.DEPLOYMENT_CLOSED]


def test_match_past_the_life_of_its_evidence_alerts_nobody_and_its_key_ends(rig: Rig) -> None:
    rig.now = START + timedelta(minutes=11)
    (old,) = rig.keyed(a_match(1, entry=rig.topics.entries[0]))
    rig.topics.send(old)
    assert rig.settled() == []
    until(lambda: rig.alive(old) == [False], "the key's end")
    assert rig.reasons() == [ErasureReason.STALE]


def test_keyring_out_of_reach_delays_the_destruction_and_loses_neither_alert_nor_receipt(
    rig: Rig,
) -> None:
    entry = rig.topics.entries[0]
    first, second = rig.keyed(a_match(1, entry=entry), a_match(2, entry=entry, camera="camera-2"))
    rig.keyring.available = False
    before = rig.keyring.calls
    rig.topics.send(first, second)
    until(lambda: rig.keyring.calls > before, "an attempt to destroy")
    rig.keyring.available = True
    assert {alert.alert_id for alert in rig.settled()} == {ids.alert_id(entry, "match-1")}
    until(lambda: rig.alive(first, second) == [True, False], "the duplicate's key's end")
    assert rig.reasons() == [ErasureReason.DUPLICATE]


def test_loop_turns_while_there_is_nothing_to_do(rig: Rig) -> None:
    turned = rig.turns
    until(lambda: rig.turns > turned + 2, "turns of the idle loop")
