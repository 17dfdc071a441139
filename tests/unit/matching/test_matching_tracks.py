"""Faces that are confirmed by others of their track, and what becomes of the keys meanwhile."""

from datetime import timedelta

from lookout.stream.ports import Partition
from lookout.stream.processor import Outcome
from support.matching_world import (
    PARTITION,
    World,
)
from unit.matching.outcomes import fates, key_of, matches


class TestTracks:
    def test_a_pending_shot_is_held_and_its_key_outlives_the_silence_limit(self) -> None:
        world = World(shots=2, of=3)
        seen = world.see(0.9)

        outcome = world.process(seen)

        assert outcome == Outcome(held=[seen.position])
        world.keyring.advance(timedelta(seconds=33))
        assert world.keyring.alive([key_of(seen)]) == [True]
        world.keyring.advance(timedelta(seconds=2))
        assert world.keyring.alive([key_of(seen)]) == [False]

    def test_a_confirmation_takes_the_best_shot_and_releases_the_others_as_duplicates(
        self,
    ) -> None:
        world = World(shots=3, of=3)
        first, second, third = world.see(0.7), world.see(0.9), world.see(0.8)
        world.process(first)
        world.process(second)

        outcome = world.process(third)

        (match,) = matches(outcome)
        assert match.face_id == second.event.face_id
        assert match.confirmed_by == 3
        assert outcome.released == [second.position, first.position]
        assert outcome.held == []
        assert fates(outcome) == [(key_of(first), "duplicate"), (key_of(third), "duplicate")]

    def test_shots_that_are_decided_within_their_batch_are_neither_held_nor_released(self) -> None:
        world = World(shots=2, of=2)

        outcome = world.process(world.see(0.7), world.see(0.9))

        assert len(matches(outcome)) == 1
        assert outcome.held == outcome.released == []

    def test_after_a_match_the_same_track_and_entry_is_a_duplicate(self) -> None:
        world = World()
        world.process(world.see(0.8))
        better = world.see(0.99)

        outcome = world.process(better)

        assert fates(outcome) == [(key_of(better), "duplicate")]
        assert outcome.produce == []

    def test_shots_beyond_those_that_the_threshold_holds_for_are_destroyed_without_a_comparison(
        self,
    ) -> None:
        world = World(shots=2, of=3)
        world.process(*[world.see(0.1) for _ in range(5)])
        beyond = [world.see(0.99), world.see(0.99)]

        outcome = world.process(*beyond)

        assert matches(outcome) == []
        assert fates(outcome) == [(key_of(shot), "stale") for shot in beyond]
        assert outcome.held == []
        assert world.count("skipped_total", reason="too_many_shots") == 2
        assert world.count("comparisons_total") == 5

    def test_a_confirmation_that_needs_more_shots_gets_them(self) -> None:
        world = World(shots=6, of=7)

        outcome = world.process(*[world.see(0.9) for _ in range(7)])

        assert [match.confirmed_by for match in matches(outcome)] == [6]

    def test_two_tracks_and_two_entries_each_have_their_match(self) -> None:
        world = World()

        outcome = world.process(
            world.see(0.9, track="t1"),
            world.see(0.9, track="t2"),
            world.see(0.9, track="t2", entry=1),
        )

        found = [(match.track_id, match.entry_id) for match in matches(outcome)]
        assert found == [("t1", "e0"), ("t2", "e0"), ("t2", "e1")]

    def test_a_track_that_falls_silent_leaves_its_pending_shots_unconfirmed(self) -> None:
        world = World(shots=2, of=3)
        seen = world.see(0.9)
        world.process(seen)

        world.advance(3.9)
        assert world.processor.tick(world.now) == Outcome()
        world.advance(0.1)
        outcome = world.processor.tick(world.now)

        assert fates(outcome) == [(key_of(seen), "unconfirmed")]
        assert outcome.released == [seen.position]
        assert world.count("unconfirmed_total") == 1
        assert world.count("pending_shots") == 0

    def test_a_shot_that_a_standstill_of_the_stream_held_up_still_confirms(self) -> None:
        world = World(shots=2, of=3)
        first, late = world.see(0.9), world.see(0.8)
        world.process(first)
        world.advance(6)
        silent = world.processor.tick(world.now)

        outcome = world.process(late)

        assert fates(silent) == [(key_of(first), "unconfirmed")]
        (match,) = matches(outcome)
        assert match.face_id == late.event.face_id
        assert match.confirmed_by == 2
        assert fates(outcome) == []
        assert outcome.held == outcome.released == []

    def test_a_track_keeps_its_pending_shots_while_it_goes_on(self) -> None:
        world = World(shots=2, of=3)
        seen = world.see(0.9)
        world.process(seen)
        world.advance(3)
        world.process(world.see(0.1))
        world.advance(3)

        assert world.processor.tick(world.now) == Outcome()
        assert len(matches(world.process(world.see(0.8)))) == 1

    def test_a_confirmed_track_is_remembered_through_a_silence(self) -> None:
        world = World()
        world.process(world.see(0.9))
        world.advance(30)
        world.processor.tick(world.now)
        seen = world.see(0.9)

        assert fates(world.process(seen)) == [(key_of(seen), "duplicate")]

    def test_an_embedding_delivered_twice_counts_once_and_keeps_its_key(self) -> None:
        world = World(shots=2, of=3)
        seen = world.see(0.9)
        world.process(seen)

        assert world.process(seen) == Outcome()
        assert world.process(seen, seen) == Outcome()
        assert world.count("skipped_total", reason="repeated") == 3
        assert world.keyring.alive([key_of(seen)]) == [True]

    def test_the_same_face_twice_in_a_batch_is_one_shot_and_one_destruction(self) -> None:
        world = World(shots=2, of=2)
        above, below = world.see(0.9), world.see(0.1, track="other")

        outcome = world.process(above, above, below, below)

        assert outcome.held == [above.position]
        assert fates(outcome) == [(key_of(below), "no_match")]

    def test_revoked_partitions_leave_their_pending_shots_to_the_successor(self) -> None:
        world = World(shots=2, of=2)
        seen = world.see(0.9)
        world.process(seen)

        world.processor.revoked([Partition(PARTITION.topic, 7)])
        world.processor.revoked([PARTITION])
        world.advance(5)

        assert world.processor.tick(world.now) == Outcome()
        successor = world.new_processor()
        assert successor.process([seen]).held == [seen.position]

    def test_a_drained_processor_leaves_what_is_pending_held(self) -> None:
        world = World(shots=2, of=2)
        seen = world.see(0.9)
        world.process(seen)

        assert world.processor.drain() == Outcome()
        assert world.keyring.alive([key_of(seen)]) == [True]
