"""Alert rules that name a metric nobody exposes never fire: every metric that a rule names is some service's."""

import re
from pathlib import Path

import pytest
import yaml
from lookout.sealing.metrics import KeyMetrics
from lookout.telemetry.metrics import StreamMetrics
from lookout.telemetry.textfile import verification
from lookout_alerting.metrics import Metrics as AlertingMetrics
from lookout_capture.metrics import Metrics as CaptureMetrics
from lookout_detection.metrics import Metrics as DetectionMetrics
from lookout_embedding.metrics import Metrics as EmbeddingMetrics
from lookout_keeper.metrics import Metrics as KeeperMetrics
from lookout_matching.metrics import Metrics as MatchingMetrics
from prometheus_client import CollectorRegistry

FOLDER = Path(__file__).parents[3] / "charts" / "lookout" / "files" / "alerts"
FILES = sorted(FOLDER.glob("*.yaml"))
_METRIC = re.compile(r"\blookout_[a-z0-9_]+")


def _exposed() -> set[str]:
    registry = CollectorRegistry()
    for made in (
        StreamMetrics,
        KeyMetrics,
        KeeperMetrics,
        CaptureMetrics,
        DetectionMetrics,
        EmbeddingMetrics,
        MatchingMetrics,
        AlertingMetrics,
    ):
        made(registry)
    names = {
        "lookout_service_running",
        *(sample.name for sample in verification(ok=True, finished_at=0)),
    }
    for family in registry.collect():
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
        names.update(family.name + suffix for suffix in suffixes.get(family.type, [""]))
    return names


def _rules(path: Path) -> list[dict[str, object]]:
    groups = yaml.safe_load(path.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_there_are_rules() -> None:
    assert [path.name for path in FILES if path.name == "privacy.yaml"] == ["privacy.yaml"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_metric_that_a_rule_names_is_exposed(path: Path) -> None:
    exposed = _exposed()
    for rule in _rules(path):
        named = set(_METRIC.findall(str(rule["expr"])))
        assert named, rule["alert"]
        assert named <= exposed, (rule["alert"], named - exposed)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_rule_tells_a_person_what_it_is_and_what_to_do(path: Path) -> None:
    for rule in _rules(path):
        labels, annotations = rule["labels"], rule["annotations"]
        assert isinstance(labels, dict)
        assert isinstance(annotations, dict)
        assert labels["severity"] in {"warning", "critical"}
        assert set(annotations) == {"summary", "description"}


def test_an_overdue_key_is_an_alert_after_five_seconds() -> None:
    (rule,) = [
        rule for rule in _rules(FOLDER / "privacy.yaml") if rule["alert"] == "LookoutKeysOverdue"
    ]
    assert rule["for"] == "5s"
