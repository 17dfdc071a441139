"""What an operator is told of the share that is still worked on."""

from dataclasses import dataclass

import pytest
from lookout.telemetry.share import WorkedShare


@dataclass
class Clock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_share_is_told_in_steps_of_five_percent_of_the_last_seconds() -> None:
    clock = Clock()
    share = WorkedShare("frames", monotonic=clock)
    for second in range(10):
        clock.now_s = second
        share.count(worked=5, shed=3)
    assert share.why_degraded() == "running degraded: 60 % of frames"
    clock.now_s = 19.5
    share.count(worked=40)
    assert share.why_degraded() == ""


@pytest.mark.parametrize(("worked", "shed"), [(0, 19), (80, 20), (1000, 0), (0, 0)])
def test_few_or_next_to_none_shed_are_no_news(worked: int, shed: int) -> None:
    share = WorkedShare("frames", monotonic=Clock())
    share.count(worked=worked, shed=shed)
    assert share.why_degraded() == ""


def test_a_share_just_below_the_limit_is_not_rounded_up_to_it() -> None:
    share = WorkedShare("frames", monotonic=Clock())
    share.count(worked=799, shed=201)
    assert share.why_degraded() == "running degraded: 75 % of frames"


def test_what_is_remembered_is_bounded() -> None:
    clock = Clock()
    share = WorkedShare("frames", monotonic=clock)
    for second in range(1000):
        clock.now_s = second
        share.count(worked=1)
    assert len(share._buckets) <= 10
