"""Counting how well faces are followed, and the crowd they are followed in."""

from collections.abc import Sequence

import numpy as np
import pytest
from lookout_cli.demo.footage import Sight
from lookout_cli.evaluate.crowd import Truth, crowd, truth_of
from lookout_cli.evaluate.following import FollowingCount

Frame = dict[str, tuple[int, str | None]]
"""By person, where they are and the track under which they are followed."""


def box(x: float) -> tuple[float, float, float, float]:
    return (x, 100, x + 50, 160)


def counted(frames: Sequence[Frame]) -> FollowingCount:
    count = FollowingCount()
    for frame in frames:
        truth = Truth(
            walks=tuple(ord(name) for name in frame),
            boxes=np.array([box(x) for x, _ in frame.values()], np.float32).reshape(-1, 4),
        )
        followed = [(box(x + 3), track) for x, track in frame.values() if track]
        boxes = np.array([place for place, _ in followed], np.float32).reshape(-1, 4)
        count.frame(truth, boxes, [track for _, track in followed])
    return count


def test_two_who_keep_their_tracks_switch_nothing() -> None:
    count = counted([{"a": (100 + 9 * n, "t1"), "b": (400, "t2")} for n in range(5)])
    assert (count.switches, count.fragmentations, count.tracks, count.passes) == (0, 0, 2, 2)
    assert (count.coverage, count.missed) == (1.0, 0)


def test_two_who_exchange_their_tracks_switch_twice() -> None:
    before: Frame = {"a": (100, "t1"), "b": (400, "t2")}
    after: Frame = {"a": (100, "t2"), "b": (400, "t1")}
    assert counted([before, after, after]).switches == 2


def test_who_is_lost_and_found_on_the_same_track_is_a_fragmentation() -> None:
    count = counted(
        [{"a": (100, "t1")}, {"a": (100, None)}, {"a": (100, None)}, {"a": (100, "t1")}]
    )
    assert (count.switches, count.fragmentations, count.tracks) == (0, 1, 1)
    assert count.coverage == 0.5


def test_who_is_found_again_on_another_track_is_both() -> None:
    count = counted([{"a": (100, "t1")}, {"a": (100, None)}, {"a": (100, "t2")}])
    assert (count.switches, count.fragmentations, count.tracks) == (1, 1, 2)


def test_who_is_never_followed_is_missed_and_no_fragmentation() -> None:
    count = counted([{"a": (100, None)}, {"a": (100, None)}])
    assert (count.missed, count.fragmentations, count.coverage) == (1, 0, 0.0)


def test_a_face_where_two_overlap_stays_with_the_person_it_belonged_to() -> None:
    apart: Frame = {"a": (100, "t1"), "b": (300, "t2")}
    near: Frame = {"a": (120, "t1"), "b": (126, "t2")}
    assert counted([apart, near, near, apart]).switches == 0


def test_nobody_and_nothing_is_no_error() -> None:
    count = counted([{}, {}])
    assert (count.passes, count.tracks, count.coverage) == (0, 0, 0.0)


def sight(walk: int, lane: int, x: float, size: float = 50) -> Sight:
    return Sight(person="x", walk=walk, lane=lane, box=(x, 100, x + size, 100 + 1.2 * size))


@pytest.mark.parametrize(
    ("sights", "seen"),
    [
        ((), ()),
        ((sight(0, 0, 100), sight(1, 0, 300)), (0, 1)),
        ((sight(0, 0, 100), sight(1, 1, 105)), (1,)),
        ((sight(0, 1, 100), sight(1, 0, 105)), (0,)),
        ((sight(0, 1, 100), sight(1, 1, 105)), (1,)),
        ((sight(0, 0, 100), sight(1, 2, 140)), (0, 1)),
    ],
)
def test_a_face_behind_a_nearer_head_is_not_in_plain_view(
    sights: tuple[Sight, ...], seen: tuple[int, ...]
) -> None:
    assert truth_of(sights).walks == seen


def test_a_crowd_is_the_same_for_the_same_seed_and_everyone_crosses_the_whole_picture() -> None:
    people = crowd(20, seconds=24, seed=5)
    assert people == crowd(20, seconds=24, seed=5)
    assert people != crowd(20, seconds=24, seed=6)
    assert len(people) == 20
    for walk in people:
        times = [step.at for step in walk.steps]
        assert times == sorted(times)
        assert times[0] >= 0
        assert times[-1] <= 24
        ends = sorted((walk.steps[0].x, walk.steps[-1].x))
        assert ends[0] < 0
        assert ends[1] > 1280


def test_a_crowd_walks_in_every_lane() -> None:
    assert {walk.lane for walk in crowd(60, seconds=60, seed=1)} == {0, 1, 2}
