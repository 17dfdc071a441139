"""What is to be seen of the running services: every query of every dashboard is answered with data by a real Prometheus."""

import functools
import http.server
import json
import tarfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from lookout.telemetry.textfile import verification, write_textfile
from lookout_cli.commands.support_bundle import gather
from lookout_cli.observe.metrics import metrics
from lookout_cli.stack.running import RunningServices
from prometheus_client.parser import text_string_to_metric_families
from support.kafka_node import KafkaNode
from support.polling import until
from support.prometheus_node import Prometheus, Target, prometheus_node, why_no_prometheus
from support.rule_files import ALERT_FILES, RECORDING_FILES, Query, dashboard_queries
from support.scene import compose_scene, pulled_models
from support.street import street

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.redis,
    pytest.mark.models,
    pytest.mark.faces,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(why_no_prometheus()), reason=why_no_prometheus()),
]

_ANSWERED_WITHIN_S = 240.0
Figures = Callable[[str, object], None]


@pytest.fixture(name="services", scope="module")
def services_fixture(
    kafka: KafkaNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServices]:
    models = pulled_models(tmp_path_factory.mktemp("models"))
    scene = compose_scene(models, tmp_path_factory.mktemp("scene"))
    with street(kafka, scene, tmp_path_factory.mktemp("state")) as services:
        yield services


def test_every_service_exposes_what_the_page_on_metrics_says(services: RunningServices) -> None:
    ports = services.stack.folder.running().metrics_ports
    for service, port in ports.items():
        documented = {metric.name for metric in metrics() if service in metric.services}
        until(functools.partial(_answers, port), f"metrics of {service}", 60)
        # Some are registered when the service is built, a moment after its port is open.
        try:
            until(functools.partial(_exposes, port, documented), f"all metrics of {service}", 30)
        except AssertionError:
            assert _exposed(port) == documented, service


def test_every_query_of_every_dashboard_is_answered(
    services: RunningServices, tmp_path: Path, figures: Figures
) -> None:
    ports = services.stack.folder.running().metrics_ports
    targets = [Target(service, f"127.0.0.1:{port}") for service, port in ports.items()]
    queries = dashboard_queries()
    with (
        _textfile_collector(tmp_path) as node,
        prometheus_node(tmp_path, [*targets, node], [*ALERT_FILES, *RECORDING_FILES]) as prometheus,
    ):
        wanted = {target.job for target in (*targets, node)}
        until(lambda: prometheus.healthy_jobs() == wanted, "a scrape of every service", 60)
        silent = _asked_until_answered(prometheus, queries)
        firing = sorted({labels["alertname"] for labels, _ in prometheus.values(_FIRING)})
        assert not prometheus.values("lookout_there_is_no_such_metric")
    figures("dashboard queries", len(queries))
    figures("dashboard queries answered with data", len(queries) - len(silent))
    figures("alerts that fire meanwhile", ", ".join(firing) or "none")
    assert not silent, [f"{one.board} / {one.panel}: {one.expression}" for one in silent]


def test_a_support_bundle_of_the_running_services_is_whole_and_holds_no_secret(
    services: RunningServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figures: Figures
) -> None:
    stack = services.stack
    monkeypatch.setenv("LOOKOUT_TOPIC_PREFIX", services.session.platform.catalogue.prefix)
    path = tmp_path / "bundle.tar.gz"
    ports = stack.folder.running().metrics_ports
    addresses = {name: f"http://127.0.0.1:{port}/metrics" for name, port in ports.items()}
    logs = sorted(stack.folder.logs.glob("*.log"))
    problems = gather(path, stack.folder.root, addresses=addresses, logs=logs, lines=200)
    assert not problems
    with tarfile.open(path) as archive:
        opened = {one.name: archive.extractfile(one) for one in archive.getmembers()}
        files = {
            name.removeprefix("lookout-support/"): file.read()
            for name, file in opened.items()
            if file is not None
        }
    for service in ports:
        assert b"lookout_service_running 1.0" in files[f"metrics/{service}.txt"], service
        assert f'"{service}"'.encode() in files["status.json"]
        assert files[f"logs/{service}.log"].strip()
    told = json.loads(files["topics.json"])
    assert sum(one["high"] for one in told["partitions"].values()) > 0
    groups = {name.rpartition(".")[2] for name in told["groups"]}
    assert groups >= {"detection", "embedding", "matching", "console"}
    secret = stack.folder.vault_secret.read_bytes().strip()
    for name, content in files.items():
        assert secret not in content, name
        assert b"\xff\xd8\xff" not in content, name
    figures("files of a support bundle", len(files))
    figures("bytes of a support bundle", path.stat().st_size)


_FIRING = 'ALERTS{alertstate="firing"}'


def _asked_until_answered(prometheus: Prometheus, queries: Sequence[Query]) -> Sequence[Query]:
    """The queries that had no data in all that time: counters need some scrapes, an alert a round of the scene."""
    deadline = time.monotonic() + _ANSWERED_WITHIN_S
    silent = list(queries)
    while silent and time.monotonic() < deadline:
        silent = [query for query in silent if not prometheus.values(query.expression)]
    return silent


def _exposes(port: int, names: set[str]) -> bool:
    return _exposed(port) == names


def _answers(port: int) -> bool:
    try:
        return bool(_exposed(port))
    except OSError:
        return False


def _exposed(port: int) -> set[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    # The text format has Info as a gauge, and the time a counter was made as a family of its own.
    named = {family.name for family in families if not family.name.endswith("_created")}
    info = {metric.name for metric in metrics() if metric.kind == "info"}
    return {
        name.removesuffix("_info") if name.removesuffix("_info") in info else name for name in named
    }


@contextmanager
def _textfile_collector(folder: Path) -> Iterator[Target]:
    """What a node exporter does with the file that `lookout verify` writes."""
    write_textfile(folder / "verify.prom", verification(ok=True, finished_at=time.time()))
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Target("node", f"127.0.0.1:{server.server_address[1]}", "/verify.prom")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    extensions_map = {".prom": "text/plain; version=0.0.4"}  # noqa: RUF012 - the library's own name and form

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's signature
        """A line a second tells nobody anything."""
