"""The rules and dashboards that the chart ships, read as they lie there."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from lookout_cli.observe.metrics import metrics
from support.promql import SCRAPED, Names

ROOT = Path(__file__).parents[2]
FILES = ROOT / "charts" / "lookout" / "files"
ALERT_FILES = sorted((FILES / "alerts").glob("*.yaml"))
RECORDING_FILES = sorted((FILES / "rules").glob("*.yaml"))
DASHBOARD_FILES = sorted((FILES / "dashboards").glob("*.json"))
RATE_INTERVAL = "1m"


@dataclass(frozen=True, slots=True)
class Query:
    """A query of a dashboard: its place, and its expression as Prometheus gets it."""

    board: str
    panel: str
    expression: str
    legend: str


def alerts_in(path: Path) -> Sequence[Mapping[str, Any]]:
    """Every alert rule of a file."""
    return _rules(path)


def recordings() -> Sequence[Mapping[str, Any]]:
    """Every recording rule, in the order in which they are evaluated."""
    return [rule for path in RECORDING_FILES for rule in _rules(path)]


def dashboard_queries() -> Sequence[Query]:
    """Every query of every panel of every dashboard."""
    return [query for path in DASHBOARD_FILES for query in _queries(json.loads(path.read_text()))]


@cache
def known_series() -> Mapping[str, tuple[str, ...]]:
    """What a query may name: what services expose, what Prometheus itself adds, and what recording rules make of these."""
    known: dict[str, tuple[str, ...]] = {"up": ()}
    for metric in metrics():
        known |= metric.series
    for rule in recordings():
        # One may stand on those before it; what it names that is not there is for its own test to say.
        known[rule["record"]] = tuple(Names(known).labels_of(rule["expr"]) - set(SCRAPED))
    return known


def _rules(path: Path) -> list[Mapping[str, Any]]:
    groups = yaml.safe_load(path.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _queries(board: Mapping[str, Any]) -> Iterator[Query]:
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield Query(
                board=board["title"],
                panel=panel["title"],
                expression=target["expr"].replace("$__rate_interval", RATE_INTERVAL),
                legend=target.get("legendFormat", ""),
            )
