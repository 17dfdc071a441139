"""A clock that is set back is noticed; one that only runs is not."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lookout.hosting.clock import ClockWatch
from support.polling import until

START = datetime(2026, 11, 28, tzinfo=UTC)
_LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
_PROCESS = """
import threading
from datetime import timedelta
from lookout.hosting.clock import ClockWatch
from lookout.hosting.platform import utc_now
from lookout.hosting.service import _end_for_clock
watch = ClockWatch(clock=utc_now, limit=timedelta(seconds=2), on_set_back=_end_for_clock, every_s=0.05)
watch.start()
print("watching", flush=True)
threading.Event().wait(60)
"""


@dataclass
class Times:
    """A wall clock and a clock that nobody sets."""

    wall: datetime = START
    gone_s: float = 0.0
    told: list[timedelta] = field(default_factory=list)

    def watch(self) -> ClockWatch:
        return ClockWatch(
            clock=lambda: self.wall,
            monotonic=lambda: self.gone_s,
            limit=timedelta(seconds=2),
            on_set_back=self.told.append,
        )

    def pass_by(self, seconds: float, *, wall: float | None = None) -> None:
        self.gone_s += seconds
        self.wall += timedelta(seconds=seconds if wall is None else wall)


def test_a_clock_set_back_is_told_once_and_by_how_much() -> None:
    times = Times()
    watch = times.watch()
    times.pass_by(0.5)
    watch.look()
    times.pass_by(0.5, wall=-3600)
    watch.look()
    times.pass_by(0.5)
    watch.look()
    assert times.told == [timedelta(seconds=3600.5)]


def test_a_clock_set_forward_and_then_back_is_told_when_it_is_back() -> None:
    times = Times()
    watch = times.watch()
    times.pass_by(0.5, wall=3600)
    watch.look()
    assert times.told == []
    times.pass_by(0.5, wall=-3599)
    watch.look()
    assert len(times.told) == 1


@pytest.mark.parametrize("wall", [0.5, 0.499, 0.6, 400.0, -1.0])
def test_slewing_small_steps_and_a_machine_that_slept_are_nothing(wall: float) -> None:
    times = Times()
    watch = times.watch()
    for _ in range(10):
        times.pass_by(0.5)
        watch.look()
    times.pass_by(0.5, wall=wall)
    watch.look()
    assert times.told == []


@pytest.mark.skipif(not _LIBRARIES, reason="libfaketime is not installed (Debian's faketime)")
def test_a_process_whose_clock_is_set_back_ends_to_be_started_again(tmp_path: Path) -> None:
    offset = tmp_path / "offset"
    offset.write_text("+0\n")
    environment = {
        **os.environ,
        "LD_PRELOAD": str(_LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    with subprocess.Popen(
        [sys.executable, "-c", _PROCESS],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "watching\n"
            offset.write_text("-3600\n")
            until(lambda: process.poll() is not None, "the end of the process", 30)
        finally:
            process.kill()
    assert process.returncode == 1
