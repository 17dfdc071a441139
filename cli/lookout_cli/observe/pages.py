"""`docs/metrics.md`, from the metrics themselves."""

from collections.abc import Sequence
from itertools import groupby

from lookout_cli.observe.metrics import Metric

_HEAD = """# Metrics

Written by `lookout metrics --markdown` from what the services register; a test fails when it is out of date.

Every service serves `/metrics` beside `/livez` and `/readyz`. Times are seconds, sizes bytes. Labels are closed lists, topics,
partitions and the cameras of deployments in force; none names a person, a face or a watchlist entry.

A scrape must set the label `job` to the name of the service (`capture`, `detection`, …): rules and dashboards tell services
apart by it. A counter is queried with `_total`, a histogram with `_bucket`, `_sum` and `_count`.
Metrics of `lookout verify` come from the file that the command writes, through a node exporter's textfile collector.

The rules are in [charts/lookout/files](../charts/lookout/files); what to do about each alert is in the [runbook](runbook.md).
"""

_GROUPS = (
    (
        "Every service",
        (
            "lookout_build",
            "lookout_service",
            "lookout_model",
            "lookout_keyring",
            "lookout_certificate",
        ),
    ),
    ("The stream", ("lookout_stream", "lookout_control")),
    ("Keys", ("lookout_keys", "lookout_key_blocks")),
    ("Capture", ("lookout_capture",)),
    ("Detection", ("lookout_detection",)),
    ("Embedding", ("lookout_embedding",)),
    ("Matching", ("lookout_matching",)),
    ("Alerting", ("lookout_alerting",)),
    ("Keeper", ("lookout_keeper",)),
    ("Console", ("lookout_console",)),
    ("Verification", ("lookout_verify",)),
    ("The process", ("process",)),
)


def metrics_page(metrics: Sequence[Metric]) -> str:
    """The document. Raises `LookupError` for a metric that belongs to no section."""
    everywhere = max((len(metric.services) for metric in metrics), default=0)
    by_section = sorted(metrics, key=lambda metric: (_section(metric), metric.name))
    parts = [_HEAD]
    for section, members in groupby(by_section, key=_section):
        rows = [_row(metric, everywhere) for metric in members]
        parts.append(
            "\n".join(
                [
                    f"\n## {_GROUPS[section][0]}",
                    "| metric | type | labels | unit | from | meaning |",
                    "|---|---|---|---|---|---|",
                    *rows,
                    "",
                ]
            )
        )
    return "".join(parts)


def _section(metric: Metric) -> int:
    for place, (_, prefixes) in enumerate(_GROUPS):
        if any(metric.name == each or metric.name.startswith(f"{each}_") for each in prefixes):
            return place
    raise LookupError(f"name the section of {metric.name} in {__name__}")


def _row(metric: Metric, everywhere: int) -> str:
    services = "all" if len(metric.services) == everywhere else ", ".join(metric.services)
    name = metric.name + {"counter": "_total", "info": "_info"}.get(metric.kind, "")
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    text = metric.text.rstrip(".").replace("|", "\\|")
    return f"| `{name}` | {metric.kind} | {labels} | {metric.unit} | {services} | {text} |"
