"""The page on metrics says what the services expose; no page, rule or dashboard speaks of anything else."""

import re
from pathlib import Path

import pytest
from lookout_cli.observe.metrics import Metric, metrics
from lookout_cli.observe.pages import metrics_page
from support.promql import Names
from support.rule_files import ROOT, Query, dashboard_queries, known_series

PAGES = sorted(
    page
    for folder in (ROOT, ROOT / "docs", ROOT / "charts", ROOT / "benchmarks", ROOT / "services")
    for page in (folder.glob("*.md") if folder in {ROOT, ROOT / "docs"} else folder.rglob("*.md"))
)
_NAMED = re.compile(r"\blookout(?:_[a-z0-9]+)+(?::[a-z0-9_:]+)?|\blookout(?::[a-z0-9_]+)+")
_MODULES = {"lookout_cli", "lookout_verifier"} | {
    path.name for path in (ROOT / "services").glob("*/lookout_*")
}
_IN_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def test_the_page_is_what_the_services_register() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    assert page == metrics_page(metrics()), "run: lookout metrics --markdown > docs/metrics.md"


def test_a_metric_without_a_section_is_an_error() -> None:
    stray = Metric(name="lookout_new_thing", kind="gauge", text="", labels=(), services=())
    with pytest.raises(LookupError, match="lookout_new_thing"):
        metrics_page([stray])


def test_metrics_are_in_seconds_and_bytes_and_no_label_could_name_a_person() -> None:
    labels = {label for metric in metrics() for label in metric.labels}
    assert not labels & {"entry", "entry_id", "face", "face_id", "track", "track_id", "person"}
    for metric in metrics():
        assert not re.search(r"_(ms|milliseconds|minutes|kb|mb)$", metric.name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_metric_that_a_page_names_is_exposed(page: Path) -> None:
    known = set(known_series()) | {metric.name for metric in metrics()}
    named = set(_NAMED.findall(page.read_text()))
    unknown = {name for name in named if name not in known and name not in _MODULES}
    assert not unknown


def test_the_pages_are_found() -> None:
    assert len(PAGES) > 15
    assert ROOT / "docs" / "metrics.md" in PAGES


@pytest.mark.parametrize(
    "query", dashboard_queries(), ids=lambda query: f"{query.board}/{query.panel}"
)
def test_every_query_of_a_dashboard_names_what_is_exposed(query: Query) -> None:
    names = Names(known_series())
    labels = names.labels_of(query.expression)
    assert names.used, "a query without a metric is answered whatever happens"
    assert not names.unknown
    told = set(_IN_LEGEND.findall(query.legend))
    assert told <= labels, told - labels


@pytest.mark.parametrize(
    ("query", "unknown"),
    [
        ("sum(rate(lookout_never_exposed_total[5m]))", "metric lookout_never_exposed_total"),
        ("lookout_stream_received", "metric lookout_stream_received"),
        ('lookout_stream_lag{colour="red"}', "label colour of lookout_stream_lag"),
        ("sum by (colour) (lookout_stream_lag) or vector(0)", "label colour of"),
        ("histogram_quantile(0.9, sum by (job) (lookout_stream_batch_seconds_bucket))", "label le"),
        ("lookout_stream_lag and on (colour) up", "label colour of"),
    ],
)
def test_what_is_not_exposed_is_found(query: str, unknown: str) -> None:
    names = Names(known_series())
    names.labels_of(query)
    assert names.unknown
    assert names.unknown[0].startswith(unknown)
