"""Receipts that cannot be written: the keeper says so within a second, does not end, and goes on by itself."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from lookout.events import Erasure, ErasureReason, ServiceState
from lookout.stream.ports import DeliveryError
from lookout_keeper.adapters.erasures import TopicLog
from lookout_keeper.processor import Keeper, Patience
from lookout_keeper.service import KeeperService, Rhythm
from support.keeping import SIGNER, Bench
from support.polling import until


@dataclass
class Lock:
    """Always held."""

    held: bool = True

    def renew(self, timeout_s: float) -> None:
        pass

    def release(self) -> None:
        pass


class RefusingLog(TopicLog):
    """A topic that can refuse to be written, or take its time."""

    refuses = False

    def __init__(self, bench: Bench) -> None:
        super().__init__(broker=bench.broker, codec=bench.codec, topic=bench.topic)
        self.hangs = threading.Event()
        self.goes_on = threading.Event()

    def append(self, records: Sequence[Erasure]) -> None:
        if self.refuses:
            raise DeliveryError("not acknowledged: NOT_ENOUGH_REPLICAS")
        if self.hangs.is_set():
            self.goes_on.wait(20)
        super().append(records)


@dataclass
class Rig:
    bench: Bench = field(default_factory=Bench)
    now: float = 0.0
    ended: int = 0
    also: tuple[ServiceState, str] = (ServiceState.LIVE, "")

    def __post_init__(self) -> None:
        self.log = RefusingLog(self.bench)
        keeper = Keeper(
            keyring=self.bench.keyring,
            log=self.log,
            body_of=self.bench.codec.body,
            sign=SIGNER.sign,
            trusted=self.bench.trusted,
            name="keeper",
            clock=self.bench.now,
            metrics=self.bench.metrics,
            patience=Patience(),
        )
        self.service = KeeperService(
            keeper=keeper,
            lock=Lock(),
            metrics=self.bench.metrics,
            rhythm=Rhythm(),
            turned=lambda: None,
            at_end=self.end,
            also=lambda: self.also,
            monotonic=lambda: self.now,
        )
        self.issuer = self.bench.issuer()
        while self.service.state()[0] is not ServiceState.LIVE:
            self.service.step()

    def end(self) -> None:
        self.ended += 1

    def forget_one(self) -> None:
        self.bench.destroy(self.issuer.make("d1", 1))


def test_a_topic_that_refuses_receipts_is_told_and_recovered_from_without_losing_one() -> None:
    rig = Rig()
    rig.forget_one()
    rig.log.refuses, rig.now = True, 1.0

    rig.service.step()
    state, why = rig.service.state()
    assert state is ServiceState.NOT_RUNNING
    assert "NOT_ENOUGH_REPLICAS" in why

    rig.log.refuses, rig.now = False, 2.0
    rig.service.step()
    assert rig.service.state() == (ServiceState.LIVE, "")
    assert rig.bench.reasons() == {ErasureReason.NO_MATCH: 1}
    assert rig.bench.report().unbroken


def test_receipts_that_wait_for_the_broker_are_told_before_it_has_answered() -> None:
    rig = Rig()
    rig.forget_one()
    rig.log.hangs.set()
    rig.now = 1.0
    step = threading.Thread(target=rig.service.step)
    step.start()
    try:
        until(lambda: rig.service._busy_since is not None, "the write under way")
        assert rig.service.state() == (ServiceState.LIVE, "")
        rig.now = 1.95
        state, why = rig.service.state()
        assert state is ServiceState.NOT_RUNNING
        assert "receipts wait" in why
    finally:
        rig.log.goes_on.set()
        step.join(20)
    assert rig.service.state() == (ServiceState.LIVE, "")


def test_further_work_in_trouble_shows_in_the_keepers_state() -> None:
    rig = Rig()
    rig.also = (ServiceState.DEGRADED, "the folder of anchors cannot be written")
    assert rig.service.state() == rig.also


def test_the_end_comes_once_after_the_last_receipts() -> None:
    rig = Rig()
    rig.forget_one()
    stop = threading.Event()
    stop.set()

    rig.service.run(stop)

    assert rig.ended == 1
    assert rig.bench.reasons() == {ErasureReason.NO_MATCH: 1}
