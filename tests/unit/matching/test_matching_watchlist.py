"""The watchlist's way into the gallery."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from lookout.events import (
    Category,
    DeploymentState,
    WatchlistAction,
    WatchlistEntry,
    WatchlistState,
)
from lookout.stream.ports import DeliveryError
from lookout.watchlist import content_hash
from lookout_matching.ports import Roll
from support.matching_world import DEPLOYMENT, DIM, World, axis

WITHDRAW, PURGE = WatchlistAction.WITHDRAW, WatchlistAction.PURGE


def roll(world: World) -> Roll:
    found = world.writer.roll(DEPLOYMENT)
    assert found is not None
    return found


def found_on_axis(world: World, index: int) -> list[str]:
    (answer,) = world.gallery.search(DEPLOYMENT, axis(index)[None])
    return [candidate.entry_id for candidate in answer if candidate.score > 0.99]


def late(world: World, record: WatchlistEntry) -> None:
    """Publish and settle, a second later."""
    world.publish(record)
    world.advance(1)
    world.writer.settle(world.now)


class TestEnrolment:
    def test_before_any_record_nothing_is_known_and_nothing_said(self) -> None:
        world = World()
        said: list[WatchlistState] = []
        writer = world.new_writer(said.append)

        writer.settle(world.now)

        assert writer.roll(DEPLOYMENT) is None
        assert said == []

    def test_what_is_enrolled_is_found_listed_and_told(self) -> None:
        world = World()

        assert found_on_axis(world, 0) == ["e0"]
        assert set(roll(world).listed) == {"e0", "e1"}
        assert world.states == [
            WatchlistState(
                deployment_id=DEPLOYMENT,
                content_hash=content_hash(world.records),
                entries=2,
                withdrawn=0,
                pack_sha256=world.new_deployment(1, 1).pack_sha256,
                since=world.now,
            )
        ]
        assert world.count("gallery_templates") == 2

    def test_an_entry_may_have_several_templates_and_the_gallery_counts_them(self) -> None:
        world = World()

        late(world, world.enrolment("e2", [axis(2), axis(3)]))

        assert roll(world).templates == 4
        assert len(roll(world).listed) == 3
        assert found_on_axis(world, 3) == ["e2"]

    def test_replayed_records_change_nothing(self) -> None:
        world = World()
        late(world, world.order("e0", WITHDRAW))
        before, said = roll(world), list(world.states)

        for record in world.records:
            world.writer.apply(record)
        world.advance(1)
        world.writer.settle(world.now)

        assert roll(world) == before
        assert world.states == said
        assert found_on_axis(world, 0) == []

    def test_an_older_record_than_the_one_in_force_is_ignored(self) -> None:
        world = World()
        record = world.enrolment("e0", [axis(2)])

        late(world, replace(record, issued_at=world.records[0].issued_at.replace(year=2025)))

        assert found_on_axis(world, 0) == ["e0"]

    def test_an_entry_enrolled_anew_has_its_new_templates_and_the_list_another_hash(self) -> None:
        world = World()
        before = roll(world).content_hash

        late(world, world.enrolment("e0", [axis(2)]))

        assert found_on_axis(world, 0) == []
        assert found_on_axis(world, 2) == ["e0"]
        assert roll(world).content_hash == content_hash(world.records) != before

    def test_many_records_are_enrolled_as_they_come_and_in_force_once_all_are(self) -> None:
        world = World()
        for index in range(70):
            world.publish(world.enrolment(f"more-{index}", [axis(2)]))
            assert roll(world).content_hash is None

        world.advance(1)
        world.writer.settle(world.now)

        assert roll(world).templates == 72
        assert roll(world).content_hash == content_hash(world.records)

    def test_two_entries_that_look_the_same_are_both_enrolled_and_counted(self) -> None:
        world = World()

        late(world, world.enrolment("twin", [axis(0)]))

        assert set(found_on_axis(world, 0)) == {"e0", "twin"}
        assert world.count("lookalikes_total") == 1
        assert roll(world).left_out == 0


class TestWithdrawal:
    def test_a_withdrawal_is_in_force_at_once_and_leaves_the_authority_whole(self) -> None:
        world = World()
        world.publish(world.order("e0", WITHDRAW))

        assert found_on_axis(world, 0) == []
        assert set(roll(world).listed) == {"e1"}
        assert roll(world).content_hash == world.new_deployment(1, 1).watchlist_hash
        assert roll(world).templates == 1
        world.advance(1)
        world.writer.settle(world.now)
        assert (world.states[-1].entries, world.states[-1].withdrawn) == (1, 1)

    def test_a_purge_is_in_force_at_once_and_asks_for_another_authority(self) -> None:
        world = World()
        late(world, world.order("e0", PURGE))

        assert found_on_axis(world, 0) == []
        assert roll(world).content_hash == content_hash(world.records)
        assert roll(world).content_hash != content_hash(world.records[:2])

    def test_withdrawing_or_purging_a_stranger_changes_nothing(self) -> None:
        world = World()

        late(world, world.order("nobody", WITHDRAW))
        late(world, world.order("nobody-either", PURGE))

        assert roll(world).content_hash == content_hash(world.records[:2])
        assert roll(world).withdrawn == 0
        assert roll(world).templates == 2

    def test_a_withdrawal_does_not_wait_for_a_broker_that_is_slow_to_take_the_state(self) -> None:
        world = World()
        emitting, let_go = threading.Event(), threading.Event()

        def slow(_: WatchlistState) -> None:
            emitting.set()
            let_go.wait(10)

        world.writer = world.new_writer(slow)
        for record in world.records[:]:
            world.writer.apply(record)
        settler = threading.Thread(target=world.writer.settle, args=(world.now,))
        settler.start()
        assert emitting.wait(10)

        world.publish(world.order("e0", WITHDRAW))

        assert found_on_axis(world, 0) == []
        let_go.set()
        settler.join()


class TestLeftOut:
    @pytest.mark.parametrize(
        ("spoil", "reason"),
        [
            ({"templates": ()}, "incomplete"),
            ({"category": None}, "incomplete"),
            ({"response": None}, "incomplete"),
            ({"pack_sha256": "b" * 64}, "wrong_pack"),
            ({"entry_id": "renamed"}, "cannot_open"),
        ],
    )
    def test_an_entry_that_cannot_be_used_is_left_out_and_counted_but_stays_in_the_hash(
        self, spoil: dict[str, object], reason: str
    ) -> None:
        world = World()
        record = world.enrolment("e2", [axis(2)])

        late(world, replace(record, **spoil))  # type: ignore[arg-type] # fields named by the table

        assert found_on_axis(world, 2) == []
        assert roll(world).left_out == 1
        assert set(roll(world).listed) == {"e0", "e1"}
        assert roll(world).content_hash == content_hash(world.records)
        assert world.count("entries_left_out_total", reason=reason) == 1

    @pytest.mark.parametrize("vector", [np.zeros(DIM), np.full(DIM, np.nan), np.eye(DIM + 1)[0]])
    def test_a_template_that_is_none_is_left_out(self, vector: np.ndarray) -> None:
        world = World()

        late(world, world.enrolment("e2", [vector.astype(np.float32)]))

        assert world.count("entries_left_out_total", reason="bad_template") == 1

    def test_without_the_watchlist_key_nothing_new_is_enrolled(self) -> None:
        world = World()
        record = world.enrolment("e2", [axis(2)])
        world.vault.destroy(f"watchlist/{DEPLOYMENT}")

        late(world, record)

        assert world.count("entries_left_out_total", reason="no_key") == 1
        assert roll(world).left_out == 1

    def test_an_entry_that_the_gallery_does_not_give_back_is_left_out(self) -> None:
        world = World()
        world.gallery.loses.add("e2")

        late(world, world.enrolment("e2", [axis(2)]))

        assert world.count("entries_left_out_total", reason="not_found_again") == 1
        assert "e2" not in roll(world).listed

    def test_an_entry_whose_new_enrolment_is_unusable_does_not_keep_its_old_templates(self) -> None:
        world = World()

        late(world, replace(world.enrolment("e0", [axis(2)]), pack_sha256="b" * 64))

        assert found_on_axis(world, 0) == found_on_axis(world, 2) == []
        assert set(roll(world).listed) == {"e1"}

    def test_a_usable_enrolment_mends_an_entry_that_was_left_out(self) -> None:
        world = World()
        late(world, replace(world.enrolment("e2", [axis(2)]), category=None))

        late(world, world.enrolment("e2", [axis(2)]))

        assert roll(world).left_out == 0
        assert found_on_axis(world, 2) == ["e2"]


class TestLifeOfACollection:
    def test_nothing_is_opened_for_a_deployment_that_nobody_has_named(self) -> None:
        world = World()
        world.deployments.records.clear()
        world.gallery.drop(DEPLOYMENT)
        world.writer = world.new_writer()
        for record in world.records:
            world.writer.apply(record)

        world.writer.settle(world.now)

        assert list(world.gallery.deployments()) == []
        assert roll(world).content_hash is None

    def test_a_stopped_deployment_keeps_its_gallery_and_one_that_ended_loses_it(self) -> None:
        world = World()
        world.change(state=DeploymentState.STOPPED)
        world.advance(1)
        world.writer.settle(world.now)
        assert found_on_axis(world, 0) == ["e0"]

        world.change(state=DeploymentState.ENDED)
        world.advance(1)
        world.writer.settle(world.now)

        assert list(world.gallery.deployments()) == []
        assert roll(world).content_hash is None
        assert not roll(world).listed
        assert world.retracted == world.states[-1:]
        assert world.count("gallery_templates") == 0

    def test_the_state_of_a_deployment_that_is_over_is_taken_off_once_its_gallery_is_dropped(
        self,
    ) -> None:
        world = World()
        world.gallery.available = False
        world.change(state=DeploymentState.ENDED)
        world.writer.settle(world.now)
        assert world.retracted == []

        world.gallery.available = True
        world.writer.settle(world.now)
        world.writer.settle(world.now)

        assert list(world.gallery.deployments()) == []
        assert [state.deployment_id for state in world.retracted] == [DEPLOYMENT]

    def test_the_state_that_an_earlier_process_left_is_taken_off_once_its_deployment_is_over(
        self,
    ) -> None:
        world = World()
        writer = world.new_writer()
        writer.heard(world.states[-1])
        writer.settle(world.now)
        assert world.retracted == []

        world.change(state=DeploymentState.ENDED)
        writer.settle(world.now)

        assert world.retracted == world.states[-1:]

    def test_a_gallery_is_dropped_when_the_window_closes_and_rebuilt_when_it_is_extended(
        self,
    ) -> None:
        world = World()
        closes = world.deployments.records[DEPLOYMENT].closes_at
        world.advance((closes - world.now).total_seconds())
        world.writer.settle(world.now)
        assert list(world.gallery.deployments()) == []

        world.change(closes_at=closes.replace(hour=23))
        world.writer.settle(world.now)

        assert found_on_axis(world, 0) == ["e0"]
        assert roll(world).content_hash == content_hash(world.records)

    def test_a_collection_left_by_an_earlier_process_is_dropped_once_its_deployment_is_over(
        self,
    ) -> None:
        world = World()
        writer = world.new_writer()
        writer.settle(world.now)
        assert list(world.gallery.deployments()) == [DEPLOYMENT]

        world.change(state=DeploymentState.ENDED)
        writer.settle(world.now)

        assert list(world.gallery.deployments()) == []

    def test_a_gallery_that_does_not_answer_gets_everything_once_it_does(self) -> None:
        world = World()
        world.gallery.available = False
        late(world, world.enrolment("e2", [axis(2)]))
        late(world, world.order("e0", WITHDRAW))
        assert roll(world).content_hash is None
        assert "e0" not in roll(world).listed

        world.gallery.available = True
        world.writer.settle(world.now)

        assert found_on_axis(world, 0) == []
        assert found_on_axis(world, 2) == ["e2"]
        assert roll(world).content_hash == content_hash(world.records)

    def test_a_state_that_cannot_be_sent_is_sent_later(self) -> None:
        world = World()
        sent: list[WatchlistState] = []
        failures = [DeliveryError("not acknowledged")]

        def emit(state: WatchlistState) -> None:
            if failures:
                raise failures.pop()
            sent.append(state)

        world.writer = world.new_writer(emit)
        for record in world.records:
            world.writer.apply(record)
        world.writer.settle(world.now)
        assert sent == []

        world.writer.settle(world.now)

        assert [state.entries for state in sent] == [2]

    def test_states_are_told_at_most_once_a_second(self) -> None:
        world = World()
        for index in range(20):
            world.publish(world.enrolment(f"x{index}", [axis(2)]))
            world.advance(0.1)
            world.writer.settle(world.now)

        world.advance(1)
        world.writer.settle(world.now)

        assert len(world.states) <= 4
        assert world.states[-1].entries == 22


def test_a_category_is_told_as_it_was_enrolled() -> None:
    world = World()
    record = replace(world.enrolment("e2", [axis(2)]), category=Category.MISSING_AT_RISK)
    world.publish(record)
    world.authorise()

    assert roll(world).listed["e2"].category is Category.MISSING_AT_RISK
