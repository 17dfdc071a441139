"""Following faces from frame to frame."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookout_detection.domain import CameraView, Followed, Look, TrackRules, follow
from unit.detection.scenes import NOW

Point = tuple[float, float]
RULES = TrackRules()
EMPTY = CameraView(deployment_id="market", camera_id="gate")


def look(
    number: int,
    centres: Sequence[Point],
    *,
    at: float | None = None,
    score: float = 0.9,
    side: float = 60,
    size: tuple[int, int] = (960, 540),
) -> Look:
    boxes = [[x - side / 2, y - side / 2, x + side / 2, y + side / 2] for x, y in centres]
    return Look(
        frame_id=f"frame-{number}",
        sequence=number,
        at=NOW + timedelta(seconds=number / 10 if at is None else at),
        size=size,
        boxes=np.array(boxes, dtype=np.float32).reshape(-1, 4),
        scores=np.full(len(boxes), score, dtype=np.float32),
    )


def follow_all(looks: Sequence[Look], view: CameraView = EMPTY) -> list[Followed]:
    steps = []
    for each in looks:
        step = follow(view, each, RULES)
        view = step.view
        steps.append(step)
    return steps


def people(steps: Sequence[Followed]) -> list[tuple[int | None, ...]]:
    """Tracks by the order in which they first appear, frame by frame."""
    order: dict[str, int] = {}
    return [
        tuple(None if name is None else order.setdefault(name, len(order)) for name in step.seen)
        for step in steps
    ]


@dataclass(frozen=True, slots=True)
class Walk:
    name: str
    frames: list[list[Point]]
    seen: list[tuple[int, ...]]


WALKS = [
    Walk("nobody", [[], [], []], [(), (), ()]),
    Walk("one who stands", [[(100, 100)]] * 4, [(0,)] * 4),
    Walk("one who walks", [[(100 + 20 * n, 100)] for n in range(6)], [(0,)] * 6),
    Walk("one who runs", [[(100 + 50 * n, 100)] for n in range(6)], [(0,)] * 6),
    Walk(
        "two side by side",
        [[(100 + 10 * n, 100), (300 + 10 * n, 100)] for n in range(4)],
        [(0, 1)] * 4,
    ),
    Walk(
        "two whom the detector lists the other way round",
        [[(100, 100), (300, 100)], [(300, 100), (100, 100)]],
        [(0, 1), (1, 0)],
    ),
    Walk(
        "two who cross, one hidden by the other for three frames",
        [
            [(100 + 20 * n, 100), (380 - 20 * n, 108)]
            if n not in {6, 7, 8}
            else [(100 + 20 * n, 100)]
            for n in range(14)
        ],
        [(0, 1) if n not in {6, 7, 8} else (0,) for n in range(14)],
    ),
    Walk(
        "one who is missed for half a second",
        [[(100 + 20 * n, 100)] if not 3 <= n <= 7 else [] for n in range(12)],
        [(0,) if not 3 <= n <= 7 else () for n in range(12)],
    ),
    Walk(
        "one who comes back after two seconds",
        [[(100, 100)], *[[]] * 20, [(100, 100)]],
        [(0,), *[()] * 20, (1,)],
    ),
    Walk("one who is elsewhere at once", [[(100, 100)], [(600, 400)]], [(0,), (1,)]),
]


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.name)
def test_a_face_keeps_its_track(walk: Walk) -> None:
    steps = follow_all([look(number, centres) for number, centres in enumerate(walk.frames)])
    assert people(steps) == walk.seen


def test_a_face_of_quite_another_size_is_another_track() -> None:
    steps = follow_all([look(0, [(100, 100)], side=40), look(1, [(100, 100)], side=120)])
    assert people(steps) == [(0,), (1,)]


def test_a_doubtful_detection_continues_a_track_but_begins_none() -> None:
    doubtful = RULES.begin_score - 0.1
    steps = follow_all(
        [
            look(0, [(100, 100)], score=doubtful),
            look(1, [(100, 100)]),
            look(2, [(104, 100)], score=doubtful),
        ]
    )
    assert people(steps) == [(None,), (0,), (0,)]


def test_a_doubtful_detection_takes_no_track_from_a_sure_one() -> None:
    view = follow_all([look(0, [(100, 100)])])[-1].view
    sure, doubtful = (110, 100), (101, 100)
    both = look(1, [doubtful, sure])
    scores = np.array([RULES.first_score - 0.1, 0.9], dtype=np.float32)
    step = follow(view, replace(both, scores=scores), RULES)
    assert step.seen == (None, view.tracks[0].track_id)
    on_a_par = follow(view, replace(both, scores=scores), replace(RULES, first_score=0.1))
    assert on_a_par.seen[0] == view.tracks[0].track_id


def test_a_doubtful_detection_beside_the_prediction_is_not_that_face() -> None:
    doubtful = RULES.first_score - 0.1
    steps = follow_all([look(0, [(100, 100)]), look(1, [(135, 100)], score=doubtful)])
    assert people(steps) == [(0,), (None,)]
    assert len(steps[-1].hidden) == 1


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_frame_of_the_same_shape_in_another_size_continues_the_tracks(factor: float) -> None:
    walking = [look(n, [(100 + 10 * n, 100), (400, 300)]) for n in range(5)]
    size = (int(960 * factor), int(540 * factor))
    then = look(
        5, [(150 * factor, 100 * factor), (400 * factor, 300 * factor)], side=60 * factor, size=size
    )
    steps = follow_all([*walking, then])
    assert people(steps)[-1] == (0, 1)
    after = follow(steps[-1].view, look(6, [], size=size), RULES).hidden
    middles = (after[:, :2] + after[:, 2:]) / 2
    np.testing.assert_allclose(middles[0], [160 * factor, 100 * factor], atol=6 * factor)


def test_a_frame_of_another_shape_ends_the_tracks() -> None:
    steps = follow_all([look(0, [(100, 100)]), look(1, [(100, 100)], size=(640, 480))])
    assert people(steps) == [(0,), (1,)]
    assert len(steps[1].ended) == 1


def test_a_track_ends_with_the_first_frame_after_the_gap_and_says_what_it_was() -> None:
    steps = follow_all(
        [look(0, [(100, 100)]), look(1, [(100, 100)]), look(2, [], at=1.05), look(3, [], at=1.2)]
    )
    assert [len(step.ended) for step in steps] == [0, 0, 0, 1]
    (track,) = steps[-1].ended
    assert (track.frames, track.first_seen, track.last_seen) == (
        2,
        NOW,
        NOW + timedelta(seconds=0.1),
    )
    assert steps[-1].view.tracks == ()


def test_a_face_not_detected_is_expected_where_it_was_going() -> None:
    walking = [look(number, [(100 + 20 * number, 100)]) for number in range(6)]
    step = follow_all([*walking, look(6, [])])[-1]
    centre = (step.hidden[0, :2] + step.hidden[0, 2:]) / 2
    assert step.hidden.shape == (1, 4)
    assert centre == pytest.approx([220, 100], abs=6)


def test_the_same_frame_and_earlier_ones_are_old() -> None:
    view = follow_all([look(5, [(100, 100)])])[-1].view
    at = NOW + timedelta(seconds=0.5)
    assert not EMPTY.is_old(5, at)
    assert view.is_old(5, at)
    assert view.is_old(4, at - timedelta(seconds=0.1))
    assert not view.is_old(6, at + timedelta(seconds=0.1))


def test_a_restarted_capture_counts_anew_and_its_frames_continue_the_tracks() -> None:
    steps = follow_all([look(500, [(100, 100)], at=0), look(0, [(103, 100)], at=0.4)])
    assert not steps[0].view.is_old(0, NOW + timedelta(seconds=0.4))
    assert people(steps) == [(0,), (0,)]


def test_a_clock_set_back_ends_all_tracks() -> None:
    steps = follow_all([look(1, [(100, 100)], at=10), look(2, [(100, 100)], at=3)])
    assert people(steps) == [(0,), (1,)]
    assert len(steps[1].ended) == 1


def test_the_same_frame_gives_the_same_track_ids_again_and_each_camera_its_own() -> None:
    other = CameraView(deployment_id="market", camera_id="door")
    first = follow(EMPTY, look(0, [(100, 100), (300, 100)]), RULES).seen
    again = follow(EMPTY, look(0, [(100, 100), (300, 100)]), RULES).seen
    elsewhere = follow(other, look(0, [(100, 100), (300, 100)]), RULES).seen
    assert first == again
    assert not set(first) & set(elsewhere)


def test_following_leaves_the_view_it_started_from_as_it_was() -> None:
    view = follow_all([look(0, [(100, 100)])])[-1].view
    mean = view.tracks[0].motion.mean.copy()
    once = follow(view, look(1, [(120, 100)]), RULES)
    twice = follow(view, look(1, [(120, 100)]), RULES)
    assert (view.tracks[0].motion.mean == mean).all()
    assert once.seen == twice.seen
    assert (once.view.tracks[0].motion.mean == twice.view.tracks[0].motion.mean).all()


centres = st.tuples(st.floats(-50, 700), st.floats(-50, 500))
frames = st.lists(
    st.tuples(
        st.lists(centres, max_size=5),
        st.sampled_from([0.02, 0.1, 0.6, 1.5]),
        st.sampled_from([0.5, 0.9]),
        st.floats(4, 200),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(frames)
def test_whatever_comes_no_two_faces_share_a_track_and_no_track_comes_back(
    scenario: list[tuple[list[Point], float, float, float]],
) -> None:
    at, view = 0.0, EMPTY
    begun: set[str] = set()
    over: set[str] = set()
    for number, (places, wait, score, side) in enumerate(scenario):
        at += wait
        step = follow(view, look(number, places, at=at, score=score, side=side), RULES)
        named = [name for name in step.seen if name is not None]
        live = {track.track_id for track in step.view.tracks}
        assert len(named) == len(set(named))
        assert set(named) <= live
        over |= {track.track_id for track in step.ended}
        begun |= live
        assert not over & live
        assert begun == over | live
        assert len(live) == len(step.view.tracks)
        assert len(named) + len(step.hidden) == len(live)
        assert np.isfinite(step.hidden).all()
        view = step.view
