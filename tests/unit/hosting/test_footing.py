"""What a service stands on is known at every moment: whether the keyring answers, promptly, and what time it is there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from lookout.events import ServiceState
from lookout.hosting.footing import Footing, KeyringWatch
from lookout.hosting.metrics import KeyringWatchMetrics, ServiceMetrics
from lookout.sealing.ports import KeyringUnavailableError
from prometheus_client import CollectorRegistry

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@dataclass
class Rig:
    """A keyring that takes ``takes_s`` to answer and whose clock is ``ahead_s`` of ours; time is the rig's own."""

    takes_s: float = 0.001
    ahead_s: float = 0.0
    available: bool = True
    sound: bool = True
    elapsed: float = 0.0
    checks: int = field(default=0)

    def __post_init__(self) -> None:
        self.registry = CollectorRegistry()
        self.watch = KeyringWatch(
            ask_time=self._ask,
            check=self._check,
            clock=self._now,
            monotonic=lambda: self.elapsed,
            metrics=KeyringWatchMetrics(self.registry),
        )

    def told(self, series: str) -> float:
        return self.registry.get_sample_value(series) or 0.0

    def look(self, times: int = 1) -> str:
        for _ in range(times):
            self.elapsed += 0.25
            self.watch.look()
        return self.watch.why_not()

    def _now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed)

    def _ask(self) -> datetime:
        self.elapsed += self.takes_s / 2
        if not self.available:
            raise KeyringUnavailableError("the keyring does not answer (TimeoutError)")
        answer = self._now() + timedelta(seconds=self.ahead_s)
        self.elapsed += self.takes_s / 2
        return answer

    def _check(self) -> None:
        self.checks += 1
        if not self.sound:
            raise KeyringUnavailableError('the keyring\'s setting save must be ""')


def test_nothing_is_known_before_the_first_answer_and_all_is_well_after_it() -> None:
    rig = Rig()
    assert rig.watch.why_not() == "the keyring has not answered yet"
    assert rig.look() == ""
    assert rig.checks == 1


def test_a_keyring_that_does_not_answer_is_told_at_once_and_trusted_after_two_answers() -> None:
    rig = Rig()
    rig.look()
    rig.available = False

    assert "does not answer" in rig.look()
    rig.available = True
    assert "does not answer" in rig.look()
    assert rig.look() == ""


def test_a_keyring_that_was_away_is_checked_anew_before_it_is_trusted() -> None:
    rig = Rig()
    rig.look(3)
    assert rig.checks == 1
    rig.available, rig.sound = False, False
    rig.look()
    rig.available = True

    assert "setting save" in rig.look(5)
    rig.sound = True
    assert rig.look(2) == ""


def test_two_slow_answers_in_a_row_are_trouble_and_one_is_not() -> None:
    rig = Rig()
    rig.look()
    rig.takes_s = 0.3
    assert rig.look() == ""
    assert "slow: 2 answers in a row took more than 250 ms" in rig.look()

    rig.takes_s = 0.001
    assert "slow" in rig.look()
    assert rig.look() == ""


@pytest.mark.parametrize("ahead_s", [-60.0, -2.1, 2.1, 60.0])
def test_clocks_that_differ_by_more_than_the_limit_are_trouble_until_they_are_set(
    ahead_s: float,
) -> None:
    rig = Rig(ahead_s=ahead_s)
    assert "clock differs from the keyring's by more than 2 s" in rig.look(3)

    rig.ahead_s = 0.0
    assert rig.look(2) == ""


@pytest.mark.parametrize("ahead_s", [-1.9, 0.0, 1.9])
@pytest.mark.parametrize("takes_s", [0.0, 0.2])
def test_clocks_that_differ_a_little_are_none(ahead_s: float, takes_s: float) -> None:
    assert Rig(ahead_s=ahead_s, takes_s=takes_s).look(5) == ""


def test_a_watch_that_is_itself_held_up_vouches_for_nothing() -> None:
    rig = Rig()
    rig.look()
    rig.elapsed += 0.7
    assert rig.watch.why_not() == ""
    rig.elapsed += 0.2
    assert "not been heard of for more than 0.8 s" in rig.watch.why_not()
    assert rig.look() == ""


def test_a_watch_that_was_stopped_vouches_for_nothing() -> None:
    rig = Rig()
    rig.look()
    rig.watch.stop()
    assert "not watched" in rig.watch.why_not()


@pytest.mark.parametrize(
    ("said", "why"),
    [([], ""), (["", ""], ""), (["", "second"], "second"), (["first", "second"], "first")],
)
def test_a_footing_holds_while_all_of_it_does(said: list[str], why: str) -> None:
    footing = Footing()
    for words in said:
        footing.rely_on(_saying(words))
    assert footing.why_not() == why


def _saying(words: str) -> Callable[[], str]:
    return lambda: words


def test_answers_of_the_keyring_and_those_that_did_not_come_are_measured() -> None:
    rig = Rig(takes_s=0.1, ahead_s=0.5)
    rig.look(3)
    rig.available = False
    rig.look(2)
    assert rig.told("lookout_keyring_answer_seconds_count") == 3
    assert rig.told("lookout_keyring_answer_seconds_sum") == pytest.approx(0.3)
    assert rig.told("lookout_keyring_clock_ahead_seconds") == pytest.approx(0.5)
    assert rig.told("lookout_keyring_unanswered_total") == 2


@pytest.mark.parametrize(
    ("state", "running", "degraded"),
    [
        (ServiceState.LIVE, 1, 0),
        (ServiceState.DEGRADED, 1, 1),
        (ServiceState.NOT_RUNNING, 0, 0),
    ],
)
def test_how_a_service_is_shows_in_its_metrics(
    state: ServiceState, running: int, degraded: int
) -> None:
    registry = CollectorRegistry()
    ServiceMetrics(registry, service="matching").show(state)
    assert registry.get_sample_value("lookout_service_running") == running
    assert registry.get_sample_value("lookout_service_degraded") == degraded
