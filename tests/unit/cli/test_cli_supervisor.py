"""The supervisor starts what dies again, leaves ended what had done its work, and outlasts whoever does not end."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from lookout_cli.stack import supervisor as supervision
from lookout_cli.stack.services import instances
from lookout_cli.stack.supervisor import Supervisor
from support.polling import until

_UNTIL_TOLD = """
import signal, threading
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
print("up", flush=True)
stop.wait()
"""
_STUBBORN = """
import signal, threading
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
threading.Event().wait()
"""
_TELLS = """
import os, sys
print("told", os.environ.get("LOOKOUT_TEST_WORD"), "from", os.environ.get("LOOKOUT_TEST_OUTER"), flush=True)
print("sigint reaches", os.getpgrp() == os.getpid(), file=sys.stderr, flush=True)
"""
_FAILS = "raise SystemExit(3)"
_SUCCEEDS = "pass"

Make = Callable[..., Supervisor]


@pytest.fixture(name="make")
def make_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes supervisors of services that are a few lines of Python each, by name; nothing is left running."""
    monkeypatch.setattr(supervision, "_LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(supervision, "_BACK_OFF_S", (0.01, 0.02, 0.03))
    with ExitStack() as ends:

        def make(*, restart: bool = True, word: str = "", **scripts: str) -> Supervisor:
            for name, script in scripts.items():
                package = tmp_path / f"lookout_{name.partition('-')[0]}"
                package.mkdir(exist_ok=True)
                (package / "__main__.py").write_text(script)
            environment = {"PYTHONPATH": str(tmp_path), "LOOKOUT_TEST_WORD": word}
            made = Supervisor(
                environments=dict.fromkeys(scripts, environment), logs=tmp_path, restart=restart
            )
            ends.callback(made.stop)
            return made

        yield make


def _up(supervisor: Supervisor, service: str, times: int = 1) -> bool:
    log = supervisor.children[service].log
    return log.exists() and log.read_text().count("up\n") >= times


def test_a_supervisor_of_nothing_starts_and_stops(make: Make) -> None:
    supervisor = make()

    supervisor.start()
    supervisor.stop()

    assert list(supervisor.dead()) == []


def test_a_service_gets_the_environment_and_a_log_of_its_own(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKOUT_TEST_OUTER", "outside")
    supervisor = make(word="hello", teller=_TELLS)

    supervisor.start()
    until(lambda: supervisor.children["teller"].finished, "the end of its work")

    told = supervisor.children["teller"].log.read_text()
    assert "told hello from outside" in told
    assert "sigint reaches True" in told, "a Ctrl-C at the terminal must not reach it"


def test_a_service_that_has_done_its_work_stays_ended(make: Make) -> None:
    supervisor = make(short=_SUCCEEDS, other=_FAILS)

    supervisor.start()
    until(lambda: supervisor.children["other"].restarts >= 3, "restarts of the one that fails")

    ended = supervisor.children["short"]
    assert (ended.exits, ended.restarts) == ([0], 0)
    assert "short" in supervisor.dead()


def test_a_service_that_fails_is_started_again_after_longer_and_longer_waits(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    asked = (0.01, 0.02, 0.03)

    class Noting(tuple[float, ...]):
        __slots__ = ()

        def __getitem__(self, index: object) -> float:  # type: ignore[override]  # by number only
            assert isinstance(index, int)
            waits.append(asked[index])
            return asked[index]

    monkeypatch.setattr(supervision, "_BACK_OFF_S", Noting(asked))
    supervisor = make(broken=_FAILS)

    supervisor.start()
    until(lambda: supervisor.children["broken"].restarts >= 3, "three restarts")
    supervisor.stop()

    assert waits[:3] == [0.02, 0.03, 0.03]
    assert supervisor.children["broken"].exits[:3] == [3, 3, 3]


def test_without_restart_a_service_that_fails_stays_ended(make: Make) -> None:
    supervisor = make(restart=False, broken=_FAILS, steady=_UNTIL_TOLD)

    supervisor.start()
    until(lambda: supervisor.children["broken"].finished, "its end noticed")
    until(lambda: _up(supervisor, "steady"), "the other one up")

    assert supervisor.children["broken"].exits == [3]
    assert list(supervisor.dead()) == ["broken"]


def test_a_killed_service_comes_back_as_another_process(make: Make) -> None:
    supervisor = make(steady=_UNTIL_TOLD)
    supervisor.start()
    until(lambda: _up(supervisor, "steady"), "its start")
    first = supervisor.children["steady"].pid
    assert first is not None
    assert supervisor.children["steady"].resident_bytes() > 1 << 20

    assert supervisor.kill("steady") == first

    until(lambda: _up(supervisor, "steady", 2), "its second start")
    assert supervisor.children["steady"].pid not in {None, first}
    assert supervisor.children["steady"].exits == [-9]
    assert not psutil.pid_exists(first)


def test_killing_what_does_not_run_is_an_error(make: Make) -> None:
    supervisor = make(steady=_UNTIL_TOLD)

    with pytest.raises(ProcessLookupError):
        supervisor.kill("steady")
    assert supervisor.children["steady"].resident_bytes() == 0


def test_stopping_ends_services_in_the_order_given_each_with_time_to_finish(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = make(first=_UNTIL_TOLD, second=_UNTIL_TOLD, third=_UNTIL_TOLD)
    supervisor.start()
    until(lambda: all(_up(supervisor, name) for name in supervisor.children), "all up")
    order: list[str] = []
    end = supervisor._end

    def noting(child: supervision.Child) -> None:
        end(child)
        order.append(child.service)

    monkeypatch.setattr(supervisor, "_end", noting)
    supervisor.stop(["third", "first", "second"])

    assert order == ["third", "first", "second"]
    assert [supervisor.children[name].exits for name in order] == [[0], [0], [0]]


def test_who_does_not_end_in_time_is_killed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "_DRAIN_S", 0.05)
    supervisor = make(stubborn=_STUBBORN)
    supervisor.start()
    until(lambda: _up(supervisor, "stubborn"), "its start")
    pid = supervisor.children["stubborn"].pid

    supervisor.stop()

    assert supervisor.children["stubborn"].exits == [-9]
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_nothing_secret_is_in_a_services_arguments(make: Make) -> None:
    supervisor = make(word="secret-word", steady=_UNTIL_TOLD)
    supervisor.start()
    until(lambda: _up(supervisor, "steady"), "its start")

    command: Sequence[str] = psutil.Process(supervisor.children["steady"].pid).cmdline()

    assert command == [sys.executable, "-m", "lookout_steady"]
    assert os.environ.get("LOOKOUT_TEST_WORD") is None


def test_a_service_restarted_in_order_runs_again_and_is_not_held_for_one_that_died(
    make: Make, tmp_path: Path
) -> None:
    made = make(patient=_UNTIL_TOLD)
    made.start()
    log, child = tmp_path / "patient.log", made.children["patient"]
    until(lambda: log.exists() and log.read_text().count("up") == 1, "the service")
    first = child.pid
    made.restart("patient")
    until(lambda: log.read_text().count("up") == 2, "the service again")
    assert child.pid not in (None, first)
    assert (child.exits, child.failures, child.restarts) == ([0], 0, 1)


def test_a_service_that_does_not_run_cannot_be_restarted(make: Make) -> None:
    made = make(restart=False, done=_SUCCEEDS)
    made.start()
    until(lambda: made.children["done"].finished, "the end of the service")
    with pytest.raises(ProcessLookupError):
        made.restart("done")


def test_another_worker_of_a_service_runs_the_same_code_under_its_own_name(make: Make) -> None:
    supervisor = make(**{"teller": _TELLS, "teller-2": _TELLS})
    supervisor.start()
    until(lambda: all(child.finished for child in supervisor.children.values()), "the end of both")
    assert {child.log.name for child in supervisor.children.values()} == {
        "teller.log",
        "teller-2.log",
    }
    assert all("told" in child.log.read_text() for child in supervisor.children.values())


def test_workers_of_a_service_stand_beside_each_other_in_its_place() -> None:
    assert instances(("keeper", "detection", "capture"), {"detection": 3}) == (
        "keeper",
        "detection",
        "detection-2",
        "detection-3",
        "capture",
    )
