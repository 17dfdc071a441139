"""The probe of a container: 0 where the service is live, and the reason where it is not."""

import os
import subprocess
import sys

from lookout.probe.__main__ import why_not
from lookout.telemetry.health import Health, HealthServer
from lookout_cli.local.ports import free_ports
from prometheus_client import CollectorRegistry


def _server(health: Health) -> HealthServer:
    return HealthServer(health=health, registry=CollectorRegistry(), host="127.0.0.1", port=0)


def _probe(port: int, *path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lookout.probe", *path],
        env={**os.environ, "LOOKOUT_METRICS_PORT": str(port)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_service_that_turns_is_live() -> None:
    with _server(Health()) as server:
        assert _probe(server.port).returncode == 0


def test_a_loop_that_stalls_is_not_live_and_the_reason_is_said() -> None:
    moments = iter([0.0, 100.0, 100.0])
    with _server(Health(clock=lambda: next(moments))) as server:
        assert why_not(server.port, "/livez") == "the loop has not turned for 100 s"


def test_a_service_that_is_not_ready_is_live_all_the_same() -> None:
    health = Health()
    health.set_ready("no deployment is in force")
    with _server(health) as server:
        assert why_not(server.port, "/livez") == ""
        done = _probe(server.port, "/readyz")
    assert (done.returncode, done.stderr) == (1, "no deployment is in force\n")


def test_where_nothing_listens_it_says_so() -> None:
    (port,) = free_ports(1)
    done = _probe(port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"no answer on port {port}")
