"""Which shots of a track are sent."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookout_detection.domain import ShotRules, Shots, may_send, worth_sending
from unit.detection.scenes import NOW

RULES = ShotRules(most=5, min_interval=timedelta(milliseconds=250), margin=0.1)


def sent(looks: list[tuple[float, float]], *, needed: int = 2) -> list[int]:
    """Which of the looks (seconds, quality) are sent."""
    shots, chosen = Shots(), []
    for number, (seconds, quality) in enumerate(looks):
        at = NOW + timedelta(seconds=seconds)
        if worth_sending(shots, quality, at, RULES, needed=needed):
            shots = shots.sent(quality, at)
            chosen.append(number)
    return chosen


@pytest.mark.parametrize(
    ("looks", "needed", "expected"),
    [
        pytest.param([], 2, [], id="no look"),
        pytest.param([(0, 0.1)], 2, [0], id="the first usable one at once, however poor"),
        pytest.param([(0, 0.5), (0.1, 0.9)], 2, [0], id="none too soon after another"),
        pytest.param([(0, 0.5), (0.3, 0.4)], 2, [0, 1], id="a second to confirm, though no better"),
        pytest.param(
            [(0, 0.5), (0.3, 0.4), (0.6, 0.49)], 2, [0, 1], id="a third only if clearly better"
        ),
        pytest.param(
            [(0, 0.5), (0.3, 0.4), (0.6, 0.5)],
            2,
            [0, 1, 2],
            id="better than the poorer of the two that must agree",
        ),
        pytest.param(
            [(0, 0.3), (0.3, 0.3), (0.6, 0.8), (0.9, 0.8), (1.2, 0.85)],
            2,
            [0, 1, 2, 3],
            id="two good ones can agree after two poor ones",
        ),
        pytest.param([(0, 0.5), (0.3, 0.5)], 1, [0], id="no second where one is enough"),
        pytest.param([(0, 0.5), (0.3, 0.61)], 1, [0, 1], id="where one is enough, a better one"),
        pytest.param(
            [(n * 0.3, 0.1 * (n + 1)) for n in range(9)],
            1,
            [0, 1, 2, 3, 4],
            id="no more than the most, however much better",
        ),
        pytest.param(
            [(n * 0.3, 0.5) for n in range(9)],
            7,
            [0, 1, 2, 3, 4, 5, 6],
            id="as many as confirmation needs, though that is more than the most",
        ),
    ],
)
def test_a_shot_is_sent_when_it_adds_something(
    looks: list[tuple[float, float]], needed: int, expected: list[int]
) -> None:
    assert sent(looks, needed=needed) == expected


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.01, 1), st.floats(0, 1)), max_size=40),
    st.integers(min_value=1, max_value=6),
)
def test_shots_are_few_apart_and_each_improves_what_must_agree(
    steps: list[tuple[float, float]], needed: int
) -> None:
    shots, at = Shots(), NOW
    for wait, quality in steps:
        at += timedelta(seconds=wait)
        if not worth_sending(shots, quality, at, RULES, needed=needed):
            continue
        assert may_send(shots, at, RULES, needed=needed)
        if shots.last_at is not None:
            assert at - shots.last_at >= RULES.min_interval
        if len(shots.qualities) >= needed:
            better = [each for each in shots.qualities if each > quality - RULES.margin + 1e-9]
            assert len(better) < needed
        shots = shots.sent(quality, at)
    assert len(shots.qualities) <= max(RULES.most, needed)
    assert bool(shots.qualities) == bool(steps)
