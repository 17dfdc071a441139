"""What the keeper does besides its account is done by the one that writes, after each turn, and by no other."""

from lookout.stream.ports import RetryableError
from lookout_keeper.service import KeeperService, Rhythm
from support.keeping import Bench

NO_MATCH = 2


class Lock:
    """Held or not, as told."""

    def __init__(self, *, held: bool) -> None:
        self.held = held

    def renew(self, timeout_s: float) -> None:
        """See `lookout_keeper.ports.WriterLock`."""

    def release(self) -> None:
        """See `lookout_keeper.ports.WriterLock`."""


class Work:
    """Counts how often it was done, and what had its receipt by then; fails while it is told to."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.done, self.receipted, self.failing = bench, 0, 0, False

    def __call__(self) -> None:
        if self.failing:
            raise RetryableError("not now")
        self.done += 1
        self.receipted = sum(self.bench.reasons().values())


def serving(bench: Bench, work: Work, *, held: bool) -> KeeperService:
    return KeeperService(
        keeper=bench.keeper(),
        lock=Lock(held=held),
        metrics=bench.metrics,
        rhythm=Rhythm(turn_s=0.5, sweep_s=5.0),
        turned=lambda: None,
        after_turn=work,
        monotonic=lambda: bench.now().timestamp(),
    )


def test_one_that_waits_does_nothing_else() -> None:
    bench = Bench()
    work = Work(bench)

    serving(bench, work, held=False).step()

    assert work.done == 0


def test_the_one_that_writes_does_it_once_a_turn_after_its_receipts() -> None:
    bench = Bench()
    work = Work(bench)
    bench.destroy(bench.issuer().make("d1", NO_MATCH))
    service = serving(bench, work, held=True)

    service.step()
    service.step()

    assert (work.done, work.receipted) == (1, NO_MATCH)


def test_work_that_cannot_go_on_is_tried_again() -> None:
    bench = Bench()
    work = Work(bench)
    work.failing = True
    service = serving(bench, work, held=True)
    service.step()
    assert "not now" in service.state()[1]

    work.failing = False
    bench.keyring.now = bench.now().replace(hour=bench.now().hour + 1)
    service.step()

    assert work.done == 1
