"""Probes say why; metrics are served; a taken port is told with what to do."""

import http.client
import socket
from collections.abc import Iterator

import pytest
from lookout.telemetry.health import Health, HealthServer, PortInUseError
from prometheus_client import CollectorRegistry, Counter


class Monotonic:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(name="clock")
def _clock() -> Monotonic:
    return Monotonic()


@pytest.fixture(name="health")
def _health(clock: Monotonic) -> Health:
    return Health(stalled_after_s=10, clock=clock)


@pytest.fixture(name="server")
def _server(health: Health) -> Iterator[HealthServer]:
    registry = CollectorRegistry()
    Counter("lookout_test", "A counter.", registry=registry).inc(3)
    with HealthServer(health=health, registry=registry, host="127.0.0.1", port=0) as server:
        yield server


def get(server: HealthServer, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_service_that_starts_is_live_and_not_ready(server: HealthServer) -> None:
    assert get(server, "/livez") == (200, "ok\n")
    assert get(server, "/readyz") == (503, "starting\n")


def test_what_waits_for_nothing_but_a_deployment_has_started_and_is_not_ready(
    server: HealthServer, health: Health
) -> None:
    before = get(server, "/startedz")
    health.set_ready("no deployment has been opened", idle=True)

    assert before == (503, "starting\n")
    assert get(server, "/startedz") == (200, "ok\n")
    assert get(server, "/readyz") == (503, "no deployment has been opened\n")


def test_what_cannot_work_has_not_started_and_what_works_has(
    server: HealthServer, health: Health, clock: Monotonic
) -> None:
    health.set_ready("the keyring does not answer")
    broken = get(server, "/startedz")
    health.set_ready("")
    working = get(server, "/startedz")
    clock.now = 11

    assert broken == (503, "the keyring does not answer\n")
    assert working == (200, "ok\n")
    assert get(server, "/startedz")[0] == 503


def test_readiness_follows_what_the_service_says(server: HealthServer, health: Health) -> None:
    health.set_ready("no deployment is in force")
    told = get(server, "/readyz")
    health.set_ready("")

    assert told == (503, "no deployment is in force\n")
    assert get(server, "/readyz") == (200, "ok\n")


def test_a_loop_that_does_not_turn_is_neither_live_nor_ready(
    server: HealthServer, health: Health, clock: Monotonic
) -> None:
    health.set_ready("")
    clock.now = 11

    assert get(server, "/livez") == (503, "the loop has not turned for 11 s\n")
    assert get(server, "/readyz")[0] == 503

    health.turned()

    assert get(server, "/livez")[0] == 200


def test_metrics_are_served_and_other_paths_name_what_there_is(server: HealthServer) -> None:
    assert "lookout_test_total 3.0" in get(server, "/metrics")[1]
    assert get(server, "/") == (404, "/livez, /startedz, /readyz, /metrics\n")


def test_a_port_in_use_is_told_with_what_to_do(health: Health) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortInUseError, match="set LOOKOUT_METRICS_PORT"):
            HealthServer(health=health, registry=CollectorRegistry(), host="127.0.0.1", port=port)
