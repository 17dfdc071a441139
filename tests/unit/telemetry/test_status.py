"""Statuses are said several times a second, survive a stream in trouble, and silence counts as not running."""

import threading
from datetime import UTC, datetime

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


def test_the_board_keeps_the_last_word_of_each_instance() -> None:
    board = StatusBoard()
    assert board.latest() == {}

    board.heard(status(ServiceState.NOT_RUNNING))
    board.heard(status(instance="keeper-2"))
    board.heard(status())

    assert {name: word.state for name, word in board.latest().items()} == {
        "keeper-1": ServiceState.LIVE,
        "keeper-2": ServiceState.LIVE,
    }


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
