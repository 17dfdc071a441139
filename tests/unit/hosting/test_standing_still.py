"""A service that runs says NOT RUNNING, and takes in nothing, while what it stands on is in doubt; then it goes on."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from lookout.events import Event, Frame, ServiceState, ServiceStatus
from lookout.hosting.footing import KeyringWatch
from lookout.hosting.platform import Platform
from lookout.hosting.service import RunnerService, Service, serve
from lookout.stream.ports import DeliveryError, StreamError
from lookout.stream.processor import Delivery, Outcome
from lookout_cli.control import read_all
from support.keyrings import MemoryKeyring
from support.polling import until
from support.streaming import a_frame

_PROMISED_S = 1.0


class Counting:
    """A processor that counts what it is given."""

    def __init__(self) -> None:
        self.seen = 0

    def process(self, batch: Sequence[Delivery[Frame]]) -> Outcome:
        self.seen += len(batch)
        return Outcome()

    def tick(self, now: object) -> Outcome:
        return Outcome()

    def revoked(self, partitions: object) -> None:
        pass

    def drain(self) -> Outcome:
        return Outcome()


@pytest.fixture(name="processor")
def processor_fixture() -> Counting:
    return Counting()


@contextmanager
def _serving(platform: Platform, processor: Counting) -> Iterator[None]:
    def build(ground: Platform) -> Service:
        return RunnerService(
            runner=ground.runner(Frame, processor, batch_max=8),
            state=lambda: (ServiceState.LIVE, ""),
        )

    stop = threading.Event()
    thread = threading.Thread(target=serve, args=(platform, build, stop))
    thread.start()
    try:
        until(lambda: _why_not(platform) == "", "ready")
        yield
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def _why_not(platform: Platform) -> str:
    return platform.health.why_not_ready()


def _running(platform: Platform) -> float | None:
    return platform.registry.get_sample_value("lookout_service_running")


def _seconds_until_not_running(platform: Platform, reason: str) -> float:
    began = time.monotonic()
    until(lambda: reason in _why_not(platform), reason)
    return time.monotonic() - began


def test_a_service_without_work_knows_of_its_keyring_within_a_second_and_takes_in_nothing(
    platform: Platform, keyring: MemoryKeyring, processor: Counting
) -> None:
    def ask() -> datetime:
        keyring.check()
        return platform.clock()

    platform.keyring_watch = KeyringWatch(ask_time=ask, check=keyring.check, clock=platform.clock)
    with _serving(platform, processor):
        assert _running(platform) == 1
        keyring.available = False
        assert _seconds_until_not_running(platform, "does not answer") < _PROMISED_S
        assert _running(platform) == 0

        platform.emit(a_frame(0, "block-1:0"))
        begun = time.monotonic()
        until(lambda: time.monotonic() - begun > 0.5, "half a second without work")
        assert processor.seen == 0

        keyring.available = True
        until(lambda: _why_not(platform) == "", "ready again")
        until(lambda: processor.seen == 1, "the frame that waited")

    words = [status.state for status in read_all(platform, ServiceStatus)]
    assert ServiceState.LIVE in words


def test_a_clock_that_is_set_wrong_stops_a_service_until_it_is_set_right(
    platform: Platform, keyring: MemoryKeyring, processor: Counting
) -> None:
    wrong = [timedelta(0)]
    platform.keyring_watch = KeyringWatch(
        ask_time=platform.clock, check=keyring.check, clock=lambda: platform.clock() + wrong[0]
    )
    with _serving(platform, processor):
        wrong[0] = timedelta(seconds=-3)
        assert _seconds_until_not_running(platform, "clock differs") < _PROMISED_S
        wrong[0] = timedelta(seconds=1)
        until(lambda: _why_not(platform) == "", "ready again")


class Deaf:
    """A broker's acknowledgement of status, which fails or hangs when told to."""

    def __init__(self, platform: Platform) -> None:
        self._emit = platform.emit
        self.error: StreamError | None = None
        self.hangs = False
        self.goes_on = threading.Event()

    def __call__(self, event: Event) -> None:
        if self.error is not None:
            raise self.error
        if self.hangs:
            self.goes_on.wait(20)
        self._emit(event)


@pytest.mark.parametrize("how", ["hangs", "refuses"])
def test_a_service_that_the_broker_does_not_hear_knows_within_a_second(
    platform: Platform, processor: Counting, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = Deaf(platform)
    monkeypatch.setattr(platform, "emit", deaf)
    with _serving(platform, processor):
        if how == "hangs":
            deaf.hangs = True
        else:
            deaf.error = DeliveryError("no broker")
        assert _seconds_until_not_running(platform, "the broker has acknowledged nothing") < 1.3
        assert _running(platform) == 0
        deaf.hangs, deaf.error = False, None
        deaf.goes_on.set()
        until(lambda: _why_not(platform) == "", "ready again")
