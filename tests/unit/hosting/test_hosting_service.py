"""The process around a service: it starts on solid ground only, says how it is, and ends with a code that tells."""

import os
import signal
import threading
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError

import pytest
from lookout.events import Deployment, ServiceState, ServiceStatus
from lookout.hosting.platform import Platform
from lookout.hosting.service import RunnerService, Service, host, serve
from lookout.hosting.settings import PlatformSettings
from lookout.stream.memory import MemoryBroker
from lookout.stream.ports import DeliveryError
from lookout.telemetry.status import State
from lookout_cli.control import read_all
from lookout_cli.local.ports import free_ports
from support.keyrings import MemoryKeyring
from support.polling import until
from support.redis_node import running_keyring


class BoomError(Exception):
    """What nobody foresaw."""


@dataclass(slots=True)
class Scripted:
    """A service that does what a test says, once."""

    work: Callable[[threading.Event], None] = lambda stop: None
    now: State = (ServiceState.LIVE, "")
    ran: list[bool] = field(default_factory=list)
    idle: str = ""

    def run(self, stop: threading.Event) -> None:
        self.ran.append(True)
        self.work(stop)

    def state(self) -> State:
        return self.now

    def why_idle(self) -> str:
        return self.idle


def _boom(_stop: threading.Event) -> None:
    raise BoomError


def _said(platform: Platform) -> Sequence[tuple[ServiceState, str]]:
    return [(status.state, status.reason) for status in read_all(platform, ServiceStatus)]


def _said_why(platform: Platform, why: str) -> bool:
    return any(
        state is ServiceState.NOT_RUNNING and why in reason for state, reason in _said(platform)
    )


def test_a_service_that_returns_has_its_platform_closed_and_its_end_told(
    platform: Platform,
) -> None:
    closed: list[bool] = []
    platform.closing(lambda: closed.append(True))
    service = Scripted()

    serve(platform, lambda _: service, threading.Event())

    assert service.ran == closed == [True]
    assert _said(platform)[-1] == (ServiceState.NOT_RUNNING, "stopped")


def test_nothing_is_built_before_the_keyring_answers(
    platform: Platform, keyring: MemoryKeyring
) -> None:
    keyring.available = False
    built: list[bool] = []

    def build(_ground: Platform) -> Service:
        built.append(keyring.available)
        return Scripted()

    thread = threading.Thread(target=serve, args=(platform, build, threading.Event()))
    thread.start()
    try:
        until(lambda: _said_why(platform, "the keyring does not answer"), "the reason")
    finally:
        keyring.available = True
        thread.join(10)

    assert built == [True]


def test_what_a_service_raises_comes_out_after_the_platform_is_closed(platform: Platform) -> None:
    closed: list[bool] = []
    platform.closing(lambda: closed.append(True))

    with pytest.raises(BoomError):
        serve(platform, lambda _: Scripted(work=_boom), threading.Event())

    assert closed == [True]
    assert _said(platform)[-1][0] is ServiceState.NOT_RUNNING


def test_a_close_that_fails_hides_nothing(platform: Platform) -> None:
    def refuse() -> None:
        raise DeliveryError("the broker is gone")

    platform.closing(refuse)

    with pytest.raises(BoomError):
        serve(platform, lambda _: Scripted(work=_boom), threading.Event())


def test_trouble_of_the_platform_counts_before_the_services_own_word(platform: Platform) -> None:
    def work(_stop: threading.Event) -> None:
        until(lambda: _said(platform)[-1:] == [(ServiceState.LIVE, "")], "the service live")
        platform.troubled("the registry does not answer")
        until(lambda: _said_why(platform, "the registry does not answer"), "the reason")

    serve(platform, lambda _: Scripted(work=work), threading.Event())


def test_health_and_readiness_are_served_while_it_runs(
    settings: PlatformSettings, platform: Platform
) -> None:
    (port,) = free_ports(1)
    platform.settings = settings.model_copy(update={"metrics_port": port})
    answers: dict[str, int] = {}

    def ask(path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return int(answer.status)
        except HTTPError as error:
            error.close()
            return error.code

    def work(_stop: threading.Event) -> None:
        until(lambda: ask("/readyz") == 200, "readiness")
        answers.update({path: ask(path) for path in ("/livez", "/metrics", "/nothing")})

    serve(platform, lambda _: Scripted(work=work), threading.Event())

    assert answers == {"/livez": 200, "/metrics": 200, "/nothing": 404}


def test_between_deployments_a_service_has_started_and_without_its_registry_it_has_not(
    platform: Platform,
) -> None:
    health = platform.health
    service = Scripted(now=(ServiceState.NOT_RUNNING, "no deployment has been opened"))

    def build(ground: Platform) -> Service:
        ground.authority()
        return service

    def work(_stop: threading.Event) -> None:
        until(lambda: not health.why_not_started(), "started")
        assert health.why_not_ready() == "no deployment has been opened"
        platform.troubled("the registry does not answer")
        until(lambda: "registry" in health.why_not_started(), "the reason")

    service.work = work
    serve(platform, build, threading.Event())
    assert service.ran == [True]


def test_a_service_that_cannot_work_has_not_started_though_nothing_is_in_force(
    platform: Platform,
) -> None:
    reasons: list[str] = []

    def work(_stop: threading.Event) -> None:
        until(lambda: _said_why(platform, "no partitions"), "the reason")
        reasons.append(platform.health.why_not_started())

    # It follows no deployments, so it cannot be for want of one.
    serve(
        platform,
        lambda _: Scripted(work=work, now=(ServiceState.NOT_RUNNING, "no partitions")),
        threading.Event(),
    )
    assert reasons == ["no partitions"]


def test_a_service_runs_only_once_all_it_follows_is_read(platform: Platform) -> None:
    held = threading.Event()
    follower = platform.follow(Deployment, lambda _: None)
    until(lambda: follower.wait_ready(0), "the topic read to its end")
    waiting = _Waiting(held)
    platform._followers[:] = [waiting]  # type: ignore[list-item]  # has the one method that is asked
    service = Scripted()
    thread = threading.Thread(target=serve, args=(platform, lambda _: service, threading.Event()))
    thread.start()

    try:
        until(lambda: bool(waiting.asked), "a question whether all is read")
        until(lambda: _said_why(platform, "reading the control topics"), "the reason")
        assert not [state for state, _ in _said(platform) if state is ServiceState.LIVE]
        assert service.ran == []
    finally:
        held.set()
        thread.join(10)

    assert service.ran == [True]
    assert platform.trouble == ""


class _Waiting:
    """Stands in for a follower that has not read all there is until ``held`` is set."""

    def __init__(self, held: threading.Event) -> None:
        self.held = held
        self.asked: list[float] = []

    def wait_ready(self, timeout_s: float) -> bool:
        self.asked.append(timeout_s)
        return self.held.wait(timeout_s)


def test_waiting_for_what_is_followed_ends_when_told_to_stop(platform: Platform) -> None:
    never = _Waiting(threading.Event())
    platform._followers[:] = [never]  # type: ignore[list-item]  # has the one method that is asked
    stop = threading.Event()
    stop.set()

    platform.wait_followed(stop)

    assert len(never.asked) == 1


def test_a_runner_service_hands_on(platform: Platform) -> None:
    loop = Scripted()
    service = RunnerService(runner=loop, state=lambda: (ServiceState.DEGRADED, "slow"))

    service.run(threading.Event())

    assert loop.ran == [True]
    assert service.state() == (ServiceState.DEGRADED, "slow")


def test_a_runner_service_without_partitions_does_not_run() -> None:
    service = RunnerService(
        runner=Scripted(idle="waiting for partitions"), state=lambda: (ServiceState.LIVE, "")
    )

    assert service.state() == (ServiceState.NOT_RUNNING, "waiting for partitions")


@pytest.mark.usefixtures("process")
def test_a_process_that_cannot_start_exits_with_1_and_says_why(
    settings: PlatformSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = settings.model_copy(update={"vault_secret_file": tmp_path / "gone"})

    assert host("test", broken, lambda _: Scripted(), broker=MemoryBroker()) == 1
    assert "gone" in capsys.readouterr().err


@pytest.mark.usefixtures("process", "platform")
def test_a_process_that_waits_for_its_keyring_can_be_told_to_stop(
    settings: PlatformSettings, broker: MemoryBroker
) -> None:
    built: list[Platform] = []

    def build(ground: Platform) -> Service:
        built.append(ground)
        return Scripted()

    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()

    assert host("test", settings, build, broker=broker) == 0
    assert built == []


@pytest.mark.redis
@pytest.mark.usefixtures("process")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_told_to_stop_exits_with_0(
    settings: PlatformSettings,
    platform: Platform,
    broker: MemoryBroker,
    tmp_path: Path,
    number: int,
) -> None:
    def work(stop: threading.Event) -> None:
        os.kill(os.getpid(), number)
        assert stop.wait(5)

    with running_keyring(tmp_path / "keyring") as node:
        named = settings.model_copy(update={"keyring_url": node.url})
        assert host("test", named, lambda _: Scripted(work=work), broker=broker) == 0


@pytest.mark.redis
@pytest.mark.usefixtures("process")
def test_a_service_that_fails_ends_its_process_with_1(
    settings: PlatformSettings,
    platform: Platform,
    broker: MemoryBroker,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with running_keyring(tmp_path / "keyring") as node:
        named = settings.model_copy(update={"keyring_url": node.url})
        assert host("test", named, lambda _: Scripted(work=_boom), broker=broker) == 1
    assert "BoomError" in capsys.readouterr().err
