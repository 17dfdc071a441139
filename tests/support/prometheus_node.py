"""A real Prometheus on loopback (Debian's package), scraping what it is told each second."""

import contextlib
import json
import math
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from lookout_cli.local.ports import free_ports
from support.polling import until


def why_no_prometheus() -> str:
    """Why there is no Prometheus to test with; empty when there is."""
    if shutil.which("prometheus") is None:
        return "no prometheus: install Debian's package of that name"
    return ""


@dataclass(frozen=True, slots=True)
class Target:
    """One job: ``address`` is host:port."""

    job: str
    address: str
    path: str = "/metrics"


class Prometheus:
    """The HTTP API, as far as the tests ask."""

    def __init__(self, url: str) -> None:
        self._url = url

    def values(self, query: str) -> Sequence[tuple[Mapping[str, str], float]]:
        """The answer to an instant query, numbers only: NaN is no answer. Raises `ValueError` for a query it refuses."""
        answer = self._get("query", {"query": query})
        if answer["resultType"] == "scalar":
            return [({}, float(answer["result"][1]))]
        found = [(one["metric"], float(one["value"][1])) for one in answer["result"]]
        return [(labels, value) for labels, value in found if not math.isnan(value)]

    def healthy_jobs(self) -> set[str]:
        """Jobs whose last scrape went well."""
        targets = self._get("targets", {"state": "active"})["activeTargets"]
        return {one["labels"]["job"] for one in targets if one["health"] == "up"}

    def is_ready(self) -> bool:
        """Whether it answers queries."""
        try:
            self.values("vector(1)")
        except OSError:
            return False
        return True

    def _get(self, what: str, parameters: Mapping[str, str]) -> Any:
        address = f"{self._url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - our own, on loopback
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:
                raise
            raise ValueError(f"{parameters}: {error.read().decode()}") from error


@contextmanager
def prometheus_node(
    folder: Path, targets: Sequence[Target], rules: Sequence[Path]
) -> Iterator[Prometheus]:
    """Runs within the context; its data lies in ``folder``."""
    (port,) = free_ports(1)
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {
                "job_name": target.job,
                "metrics_path": target.path,
                "static_configs": [{"targets": [target.address]}],
            }
            for target in targets
        ],
    }
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    with (folder / "prometheus.log").open("ab") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={path}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        node = Prometheus(f"http://127.0.0.1:{port}")
        until(node.is_ready, f"Prometheus answers (see {folder / 'prometheus.log'})", 60)
        yield node
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()
