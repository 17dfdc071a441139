"""Two keepers on a real broker: one writes, the other takes over, and the chain stays whole."""

import threading
import time
import uuid

import pytest
from lookout.events import ErasureReason, ServiceState
from lookout_keeper.adapters.lock import GroupLock
from lookout_keeper.service import KeeperService, Rhythm
from support.kafka_node import KafkaNode
from support.keeping import Bench
from support.polling import until

pytestmark = pytest.mark.kafka


class _Running:
    def __init__(self, bench: Bench, group: str) -> None:
        self.lock = GroupLock(broker=bench.broker, topic=bench.topic, group=group)
        self.service = KeeperService(
            keeper=bench.keeper(),
            lock=self.lock,
            metrics=bench.metrics,
            rhythm=Rhythm(turn_s=0.05, sweep_s=0.5),
            turned=lambda: None,
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.service.run, args=(self._stop,))
        self._thread.start()

    def live(self) -> bool:
        return self.service.state()[0] is ServiceState.LIVE

    def end(self) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


def test_the_standby_takes_over_within_seconds_and_the_chain_stays_whole(kafka: KafkaNode) -> None:
    prefix = f"test-{uuid.uuid4().hex[:8]}."
    bench = Bench(broker=kafka.broker(), prefix=prefix)
    keys = bench.issuer().make("d1", 3)
    running = [_Running(bench, f"{prefix}keeper") for _ in range(2)]
    try:
        until(lambda: sum(one.live() for one in running) == 1, "one keeper writes")
        (first,) = [one for one in running if one.live()]
        (second,) = [one for one in running if one is not first]
        bench.destroy(keys[:1])
        until(lambda: not bench.keyring.pending_receipts(1), "the first keeper drained the outbox")

        stopped = time.monotonic()
        first.end()
        bench.destroy(keys[1:])
        until(second.live, "the second keeper writes")
        until(lambda: not bench.keyring.pending_receipts(1), "the second keeper drained the outbox")

        assert time.monotonic() - stopped < 15
    finally:
        for one in running:
            one.end()

    report = bench.report()
    assert (report.unbroken, report.strays) == (True, 0)
    assert bench.reasons() == {ErasureReason.NO_MATCH: 3}
