"""Statuses are said once a second, survive a stream in trouble, and silence counts as not running."""

import threading
from datetime import UTC, datetime, timedelta

from lookout.events import ServiceState, ServiceStatus
from lookout.stream.ports import DeliveryError
from lookout.telemetry.status import State, StatusBoard, StatusReporter

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def status(
    state: ServiceState = ServiceState.LIVE,
    *,
    at: datetime = NOW,
    service: str = "keeper",
    instance: str = "keeper-1",
) -> ServiceStatus:
    return ServiceStatus(
        deployment_id="",
        service=service,
        instance=instance,
        state=state,
        reason="" if state is ServiceState.LIVE else "why",
        since=at,
        reported_at=at,
    )


def test_silence_is_a_reason_not_to_rely_on_a_service() -> None:
    board = StatusBoard(clock=lambda: NOW)

    assert board.why_not("keeper") == "keeper is silent"


def test_a_fresh_word_counts_and_an_old_one_does_not() -> None:
    board = StatusBoard(clock=lambda: NOW, fresh_for=timedelta(seconds=3))
    board.heard(status(at=NOW - timedelta(seconds=3)))

    assert board.why_not("keeper") == ""
    assert board.why_not("keeper", NOW + timedelta(seconds=1)) == "keeper is silent"


def test_one_running_instance_is_enough_and_a_degraded_one_runs() -> None:
    board = StatusBoard(clock=lambda: NOW)
    board.heard(status(ServiceState.NOT_RUNNING))
    told = board.why_not("keeper")
    board.heard(status(ServiceState.DEGRADED, instance="keeper-2"))

    assert told == "keeper is not running: why"
    assert board.why_not("keeper") == ""


def test_the_reporter_goes_on_when_the_stream_fails_and_says_at_the_end_that_it_stopped() -> None:
    said: list[ServiceStatus] = []
    failed = threading.Event()

    def emit(word: ServiceStatus) -> None:
        if not failed.is_set():
            failed.set()
            raise DeliveryError("no broker")
        said.append(word)

    def state() -> State:
        return ServiceState.LIVE, ""

    reporter = StatusReporter(
        service="keeper", instance="keeper-1", state=state, emit=emit, clock=lambda: NOW
    )
    reporter.start()
    assert failed.wait(5)
    reporter.stop()

    assert said[-1].state is ServiceState.NOT_RUNNING
    assert said[-1].reason == "stopped"
