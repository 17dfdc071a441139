import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from lookout.events import ErasureReason, ServiceState
from lookout.stream.memory import MemoryBroker
from lookout_keeper.adapters.lock import GroupLock
from lookout_keeper.service import KeeperService, Rhythm
from support.keeping import Bench
from support.polling import until

NO_MATCH = {ErasureReason.NO_MATCH: 2}


@dataclass
class FakeLock:
    held: bool = True
    released: bool = False

    def renew(self, timeout_s: float) -> None:
        pass

    def release(self) -> None:
        self.released = True
        self.held = False


@dataclass
class Seconds:
    now: float = 0.0
    turned: int = 0

    def __call__(self) -> float:
        return self.now

    def turn(self) -> None:
        self.turned += 1


@dataclass
class Running:
    services: list[tuple[KeeperService, threading.Event, threading.Thread]] = field(
        default_factory=list
    )

    def start(self, service: KeeperService) -> Callable[[], None]:
        stop = threading.Event()
        thread = threading.Thread(target=service.run, args=(stop,))
        thread.start()
        self.services.append((service, stop, thread))

        def end() -> None:
            stop.set()
            thread.join(10)

        return end


@pytest.fixture
def running() -> Iterator[Running]:
    started = Running()
    yield started
    for _, stop, thread in started.services:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def _service(bench: Bench, lock: FakeLock | GroupLock, seconds: Seconds) -> KeeperService:
    return KeeperService(
        keeper=bench.keeper(),
        lock=lock,
        metrics=bench.metrics,
        rhythm=Rhythm(turn_s=0.5, sweep_s=5.0),
        turned=seconds.turn,
        monotonic=seconds,
    )


def test_a_keeper_without_the_lock_only_reads_and_says_so(bench: Bench) -> None:
    bench.destroy(bench.issuer().make("d1", 2))
    service = _service(bench, FakeLock(held=False), Seconds())
    assert service.state() == (ServiceState.NOT_RUNNING, "starting")

    service.step()

    assert service.state() == (
        ServiceState.NOT_RUNNING,
        "standing by: another keeper writes",
    )
    assert bench.reasons() == {}
    assert bench.sample("active") == 0


def test_a_keeper_with_the_lock_writes_and_is_live(bench: Bench) -> None:
    bench.destroy(bench.issuer().make("d1", 2))
    service = _service(bench, FakeLock(), Seconds())

    service.step()

    assert service.state() == (ServiceState.LIVE, "")
    assert bench.reasons() == NO_MATCH
    assert bench.sample("active") == 1


def test_a_keeper_that_loses_the_lock_stops_at_once(bench: Bench) -> None:
    lock, seconds = FakeLock(), Seconds()
    service = _service(bench, lock, seconds)
    service.step()
    bench.destroy(bench.issuer().make("d1", 2))
    lock.held, seconds.now = False, 60.0

    service.step()

    assert service.state()[0] is ServiceState.NOT_RUNNING
    assert bench.reasons() == {}


def test_turns_and_sweeps_come_in_their_rhythm(bench: Bench) -> None:
    seconds, issuer = Seconds(), bench.issuer()
    service = _service(bench, FakeLock(), seconds)
    service.step()
    (key, _) = issuer.make("d1", 2)
    bench.destroy([key])

    seconds.now = 0.4
    service.step()
    assert bench.reasons() == {}
    seconds.now = 0.5
    service.step()
    assert bench.reasons() == {ErasureReason.NO_MATCH: 1}
    bench.keyring.advance(bench.keyring.now.resolution * 10**9)
    seconds.now = 4.9
    service.step()
    assert ErasureReason.EXPIRED not in bench.reasons()
    seconds.now = 5.0
    service.step()
    assert bench.reasons()[ErasureReason.EXPIRED] == 1


def test_a_keyring_that_does_not_answer_is_told_and_recovered_from(bench: Bench) -> None:
    seconds = Seconds()
    service = _service(bench, FakeLock(), seconds)
    service.step()
    bench.destroy(bench.issuer().make("d1", 2))
    bench.keyring.available, seconds.now = False, 1.0

    service.step()

    state, reason = service.state()
    assert state is ServiceState.NOT_RUNNING
    assert "keyring" in reason

    bench.keyring.available, seconds.now = True, 2.0
    service.step()
    assert service.state() == (ServiceState.LIVE, "")
    assert bench.reasons() == NO_MATCH


def test_stopping_writes_what_is_left_and_lets_go(bench: Bench, running: Running) -> None:
    lock, seconds = FakeLock(), Seconds()
    service = _service(bench, lock, seconds)
    end = running.start(service)
    until(lambda: service.state()[0] is ServiceState.LIVE, "the keeper is live")
    bench.destroy(bench.issuer().make("d1", 2))

    end()

    assert lock.released
    assert seconds.turned > 0
    assert bench.reasons() == NO_MATCH
    assert service.state() == (ServiceState.NOT_RUNNING, "stopped")


def test_of_two_keepers_one_writes_and_the_other_takes_over_when_it_stops(
    running: Running,
) -> None:
    bench = Bench(broker=MemoryBroker(handover_s=0.2))
    locks = [
        GroupLock(broker=bench.broker, topic=bench.topic, group="lookout.keeper") for _ in range(2)
    ]
    ends = {}
    services = [_service(bench, lock, Seconds()) for lock in locks]
    for service in services:
        ends[service] = running.start(service)

    def live() -> list[KeeperService]:
        return [service for service in services if service.state()[0] is ServiceState.LIVE]

    until(lambda: len(live()) == 1, "one keeper writes")
    (first,) = live()
    (second,) = [service for service in services if service is not first]
    until(lambda: "standing by" in second.state()[1], "the other stands by")
    bench.destroy(bench.issuer().make("d1", 1))

    ends[first]()
    until(lambda: live() == [second], "the other took over")
    bench.destroy(bench.issuer().make("d1", 1))
    ends[second]()

    report = bench.report()
    assert (report.unbroken, report.strays) == (True, 0)
    assert bench.reasons() == NO_MATCH
