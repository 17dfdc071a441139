"""Disks that fill up and disks that are slow, as the kernel makes them."""

import errno
import fcntl
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from lookout_cli.chaos.disks import Disk, NoDiskError, small_disk
from lookout_cli.local.control_groups import NoLimitError

_SIZE_MB = 16
_WRITES = 20
# FS_IOC_GETFLAGS and FS_SYNC_FL of linux/fs.h, on 64 bits.
_GET_FLAGS, _SYNCHRONOUS = 0x80086601, 0x8
_WRITER = """
import sys, time
with open(sys.argv[1], "ab", buffering=0) as log:
    for _ in sys.stdin:
        began = time.monotonic()
        log.write(bytes(20_000))
        print(time.monotonic() - began, flush=True)
"""


@pytest.fixture(name="disk")
def disk_fixture(tmp_path: Path) -> Iterator[Disk]:
    try:
        with small_disk(tmp_path / "disk", _SIZE_MB) as disk:
            yield disk
    except NoDiskError as error:
        pytest.skip(str(error))


@pytest.fixture(name="slowable")
def slowable_fixture(disk: Disk) -> Disk:
    if disk.why_never_slow:
        pytest.skip(disk.why_never_slow)
    return disk


@pytest.fixture(name="writer")
def writer_fixture(slowable: Disk) -> Iterator[subprocess.Popen[str]]:
    """A process that opened its file before the disk is slow, as a broker has."""
    command = [sys.executable, "-c", _WRITER, str(slowable.path / "log")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def seconds_of(writer: subprocess.Popen[str], writes: int) -> float:
    assert writer.stdin is not None
    assert writer.stdout is not None
    total = 0.0
    for _ in range(writes):
        writer.stdin.write("\n")
        writer.stdin.flush()
        total += float(writer.stdout.readline())
    return total


def is_synchronous(path: Path) -> bool:
    told = bytearray(struct.calcsize("l"))
    opened = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(opened, _GET_FLAGS, told)
    finally:
        os.close(opened)
    return bool(struct.unpack("l", told)[0] & _SYNCHRONOUS)


def test_a_full_disk_takes_nothing_more_until_it_is_emptied(disk: Disk) -> None:
    disk.fill()
    with pytest.raises(OSError, match="space") as raised:
        (disk.path / "more").write_bytes(bytes(2**20))
    assert raised.value.errno == errno.ENOSPC

    disk.empty()

    assert (disk.path / "more").write_bytes(bytes(2**20)) == 2**20


def test_nothing_lies_on_a_new_disk(disk: Disk) -> None:
    assert not list(disk.path.iterdir())


def test_writes_of_a_process_wait_for_a_slow_disk_and_no_longer_than_it_is_slow(
    disk: Disk, writer: subprocess.Popen[str]
) -> None:
    seconds_of(writer, 5)

    disk.slow(writer.pid, _WRITES)
    assert is_synchronous(disk.path / "log")
    slow = seconds_of(writer, 10)
    disk.quicken()

    # Each write is at least one of the disk's; the first ones of a second may pass at once.
    assert slow > 5 / _WRITES
    assert seconds_of(writer, 10) < slow


def test_a_disk_is_slowed_and_quickened_while_files_come_and_go(
    disk: Disk, writer: subprocess.Popen[str]
) -> None:
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            for number in range(50):
                (disk.path / f"{number}.snapshot").touch()
            for number in range(50):
                (disk.path / f"{number}.snapshot").unlink()

    others = threading.Thread(target=come_and_go)
    others.start()
    try:
        for _ in range(20):
            disk.slow(writer.pid, _WRITES)
            disk.quicken()
    finally:
        over.set()
        others.join()
    assert not is_synchronous(disk.path)
    assert not is_synchronous(disk.path / "log")


def test_a_process_that_is_gone_leaves_the_disk_as_it_was(
    disk: Disk, writer: subprocess.Popen[str]
) -> None:
    seconds_of(writer, 1)
    writer.kill()
    writer.wait()
    with pytest.raises(NoLimitError):
        disk.slow(writer.pid, _WRITES)
    assert not is_synchronous(disk.path)
    assert not is_synchronous(disk.path / "log")


def test_a_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    try:
        with small_disk(tmp_path / "disk", _SIZE_MB) as disk:
            (disk.path / "log").write_bytes(b"x")
    except NoDiskError as error:
        pytest.skip(str(error))
    assert not os.path.ismount(tmp_path / "disk")
    assert list((tmp_path / "disk").iterdir()) == []
    assert not (tmp_path / "disk.disk").exists()
