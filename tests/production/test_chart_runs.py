"""Services start from what the chart gives their pods and nothing else, are started between deployments, and drain in time."""

import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import pytest
from lookout_cli.local.ports import free_ports
from lookout_cli.stack.folder import StateFolder
from lookout_cli.stack.local import prepare_secrets
from lookout_console.store.engine import Store
from lookout_console.store.tables import audit_head
from sqlalchemy import select
from support.helm import CHART, render
from support.kafka_node import KafkaNode
from support.laid_pods import Ground, LaidPod, lay
from support.polling import until
from support.postgres_node import running_postgres
from support.redis_node import running_keyring
from support.scene import pulled_models

Figures = Callable[[str, object], None]
PREFIX = "chart-runs."
WITHOUT_AUTHORITY = {"capture", "detection", "embedding", "matching"}
pytestmark = [pytest.mark.timeout(900), pytest.mark.kafka, pytest.mark.redis, pytest.mark.models]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Pods of the evaluation's values, laid on this machine: services with the port of their probes, and jobs."""

    services: Mapping[str, tuple[LaidPod, int]]
    jobs: Mapping[str, LaidPod]
    database: str
    grace_s: float


@pytest.fixture(name="cluster", scope="module")
def cluster_fixture(
    kafka: KafkaNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    root = tmp_path_factory.mktemp("cluster")
    state = StateFolder(root / "state")
    state.prepare()
    prepare_secrets(state)
    ground = Ground(
        contents={
            "lookout-vault": {"vault.secret": state.vault_secret.read_bytes()},
            "lookout-trust": {"trust.json": state.trust.read_bytes()},
            "lookout-database": {"password": b"anything\n"},
            "cameras-van": {"cameras": b"van-1=rtsp://127.0.0.1:9/street\n"},
        },
        claims={"lookout-vault": state.vault, "lookout-models": pulled_models(root / "models")},
    )
    with ExitStack() as stack:
        keyring = stack.enter_context(running_keyring(root / "keyring"))
        database = stack.enter_context(stack.enter_context(running_postgres()).database())
        addresses = {
            "LOOKOUT_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "LOOKOUT_KEYRING_URL": keyring.url,
            "LOOKOUT_CONSOLE_DATABASE_URL": database,
        }
        documents = render(CHART / "values-kind.yaml", overlay={"kafka": {"topicPrefix": PREFIX}})
        yield _laid(documents, root / "pods", ground, addresses)


def _laid(
    documents: list[Any], root: Path, ground: Ground, addresses: Mapping[str, str]
) -> Cluster:
    services, jobs, grace = {}, {}, 0.0
    workloads = [one for one in documents if one["kind"] in ("Deployment", "Job")]
    ports = iter(free_ports(2 * len(workloads)))
    for document in workloads:
        pod = document["spec"]["template"]["spec"]
        name = pod["containers"][0]["name"]
        image = pod["containers"][0]["image"].partition(":")[0].removeprefix("lookout-")
        probes, pages = next(ports), next(ports)
        instead = {
            **addresses,
            "LOOKOUT_METRICS_HOST": "127.0.0.1",
            "LOOKOUT_METRICS_PORT": str(probes),
            "LOOKOUT_CONSOLE_HOST": "127.0.0.1",
            "LOOKOUT_CONSOLE_PORT": str(pages),
        }
        laid = lay(pod, module=f"lookout_{image}", root=root / name, ground=ground, instead=instead)
        if document["kind"] == "Job":
            jobs[name] = laid
        else:
            services[name] = (laid, probes)
            grace = float(pod["terminationGracePeriodSeconds"])
    url = addresses["LOOKOUT_CONSOLE_DATABASE_URL"]
    return Cluster(services=services, jobs=jobs, database=url, grace_s=grace)


def test_the_jobs_make_the_topics_and_the_consoles_store(
    cluster: Cluster, kafka: KafkaNode, figures: Figures
) -> None:
    made = {name: job.run(timeout_s=120) for name, job in cluster.jobs.items()}

    assert {name: done.returncode for name, done in made.items()} == {
        "topics": 0,
        "migrations": 0,
    }, made
    topics = made["topics"].stdout.count(f"created {PREFIX}")
    broker = kafka.broker()
    assert topics == 17
    assert len(broker.watermarks(f"{PREFIX}frames")) == 4
    store = Store(cluster.database)
    with store.look() as connection:
        assert len(connection.execute(select(audit_head)).all()) == 1
    store.close()
    figures("chart: jobs run as rendered", f"{', '.join(made)}; {topics} topics made")


def test_services_start_as_rendered_idle_between_deployments_and_drain_in_time(
    cluster: Cluster, tmp_path: Path, figures: Figures
) -> None:
    """The topics of the job before this test are there."""
    with ExitStack() as stack:
        processes = {}
        for name, (pod, _) in cluster.services.items():
            process = pod.start(tmp_path / f"{name}.log")
            stack.callback(_end, process)
            processes[name] = process
        for name, (_, port) in cluster.services.items():
            started = lambda port=port: answer(port, "/startedz")[0] == 200  # noqa: E731 - asked again and again
            until(started, f"{name} to be started", timeout_s=400)

        # Started is not ready: between deployments Faust may still be on its way into its group.
        until(
            lambda: not_ready(cluster) == WITHOUT_AUTHORITY,
            "those that need no deployment to be ready",
            timeout_s=60,
        )
        reasons = {answer(cluster.services[name][1], "/readyz")[1] for name in WITHOUT_AUTHORITY}
        assert all("deployment" in reason for reason in reasons), reasons

        took = {name: _stopped_after_s(process) for name, process in processes.items()}
    assert {name: process.returncode for name, process in processes.items()} == dict.fromkeys(
        processes, 0
    )
    assert max(took.values()) < cluster.grace_s
    slowest = max(took, key=lambda name: took[name])
    figures("chart: services started from their rendered pods", ", ".join(sorted(processes)))
    figures(
        "chart: longest drain of an idle service",
        f"{took[slowest]:.1f} s ({slowest}), of {cluster.grace_s:.0f} s",
    )


def not_ready(cluster: Cluster) -> set[str]:
    return {
        name for name, (_, port) in cluster.services.items() if answer(port, "/readyz")[0] != 200
    }


def answer(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as told:
            return int(told.status), told.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except (URLError, TimeoutError, ConnectionError):
        return 0, ""


def _stopped_after_s(process: subprocess.Popen[bytes]) -> float:
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait(120)
    return time.monotonic() - began


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
