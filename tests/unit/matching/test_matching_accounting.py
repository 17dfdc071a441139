"""Every key accounted for and one match per track and entry, whatever dies when."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookout.events import Embedding
from lookout.stream.processor import Delivery
from support.crashing_runner import CrashError, CrashingRunner
from support.matching_world import World


def key_of(delivery: Delivery[Embedding]) -> str:
    return delivery.event.template.key_id


steps = st.lists(
    st.tuples(
        st.sampled_from(["t1", "t2"]),
        st.integers(0, 1),
        st.sampled_from([0.1, 0.6, 0.8, 0.95]),
    ),
    max_size=14,
)
crashes = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(["", "", "process", "produce", "destroy"])),
    max_size=8,
)
rules = st.sampled_from([(1, 1), (2, 2), (2, 3), (3, 3)])


def play(
    world: World, seen: list[tuple[str, int, float]], plan: list[tuple[int, str]]
) -> CrashingRunner:
    """Run all shots through processes that die as planned, until the log is read and the tracks are silent."""
    runner = CrashingRunner(world, [world.see(s, entry=e, track=t) for t, e, s in seen])
    for batch, crash in plan:
        try:
            runner.step(batch, crash_after=crash)
        except CrashError:
            runner.restart()
    while runner.read < len(runner.log):
        runner.step(3)
    world.advance(5)
    runner.tick()
    return runner


class TestAccounting:
    @settings(max_examples=60, deadline=None)
    @given(steps, rules, crashes)
    def test_every_key_is_destroyed_once_or_is_the_evidence_of_a_match_whatever_crashes(
        self, seen: list[tuple[str, int, float]], rule: tuple[int, int], plan: list[tuple[int, str]]
    ) -> None:
        world = World(shots=rule[0], of=rule[1])
        runner = play(world, seen, plan)

        issued = {key_of(delivery) for delivery in runner.log}
        receipted = Counter(
            f"{entry.block_id}:{entry.receipt.first}"
            for entry in world.keyring.pending_receipts(1000)
        )
        evidence = {match.thumbnail.key_id for match in runner.produced}
        alive = {key for key in issued if world.keyring.alive([key])[0]}
        assert set(receipted.values()) <= {1}
        assert alive | set(receipted) == issued
        assert alive == evidence
        assert runner.committed == len(runner.log)

    @settings(max_examples=60, deadline=None)
    @given(steps, rules, crashes)
    def test_a_track_and_entry_has_one_match_id_whatever_crashes(
        self, seen: list[tuple[str, int, float]], rule: tuple[int, int], plan: list[tuple[int, str]]
    ) -> None:
        runner = play(World(shots=rule[0], of=rule[1]), seen, plan)

        found = {(match.track_id, match.entry_id, match.match_id) for match in runner.produced}
        assert len({(track, entry) for track, entry, _ in found}) == len(found)

    def test_evidence_stays_when_the_shots_that_confirmed_it_are_gone_and_the_process_dies(
        self,
    ) -> None:
        world = World(shots=2, of=2)
        lesser, best = world.see(0.7), world.see(0.9)
        runner = CrashingRunner(world, [lesser, best])
        with pytest.raises(CrashError):
            runner.step(2, crash_after="destroy")
        runner.restart()
        # As long as a restart takes: by now the evidence is older than the freshness limit.
        world.advance(20)

        runner.step(2)
        runner.tick()

        assert world.keyring.alive([key_of(lesser), key_of(best)]) == [False, True]
        assert len(runner.produced) == 1
        assert runner.committed == 2
        assert world.count("skipped_total", reason="decided_before") == 1
