"""What real control groups hold processes to."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lookout_cli.local.control_groups import Limit, NoLimitError, limited

_TAKE = """
import sys
sys.stdin.readline()
taken = bytearray(int(sys.argv[1]) * 2**20)
for at in range(0, len(taken), 4096):
    taken[at] = 1
"""


@contextmanager
def waiting_to_take(mib: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", _TAKE, str(mib)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def held_to(pid: int, mib: int) -> Iterator[None]:
    try:
        with limited("taker", pid, Limit.of_memory(mib)):
            yield
    except NoLimitError as error:
        pytest.skip(str(error))


def test_who_takes_more_than_its_limit_is_ended() -> None:
    with waiting_to_take(200) as process, held_to(process.pid, 64):
        assert process.communicate(b"\n", timeout=30)
        assert process.returncode == -9


def test_who_takes_less_goes_on() -> None:
    with waiting_to_take(20) as process, held_to(process.pid, 64):
        assert process.communicate(b"\n", timeout=30)
        assert process.returncode == 0


def test_nothing_is_left_behind_and_the_process_goes_on_without_a_limit() -> None:
    with waiting_to_take(200) as process:
        with held_to(process.pid, 64):
            pass
        left = list(Path("/sys/fs/cgroup").rglob(f"lookout-{os.getpid()}-*"))
        assert left == []
        assert process.communicate(b"\n", timeout=30)
        assert process.returncode == 0


def test_a_process_that_is_gone_is_told_and_leaves_nothing() -> None:
    with waiting_to_take(1) as process:
        pass
    with pytest.raises(NoLimitError), limited("taker", process.pid, Limit.of_memory(64)):
        pass
    assert list(Path("/sys/fs/cgroup").rglob(f"lookout-{os.getpid()}-*")) == []
