"""What the chart renders of its example values, as committed. ``PYTHONPATH=tests python -m support.chart_golden`` writes it anew.

Left out is what comes from elsewhere and is checked there: rules, dashboards, topics and rights.
"""

from pathlib import Path
from typing import Any

import yaml
from support.helm import CHART, render

GOLDEN = Path(__file__).parents[1] / "production" / "golden"
EXAMPLES = ("production", "kind")
_FROM_ELSEWHERE = {"PrometheusRule", "KafkaTopic", "KafkaUser"}


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def golden(example: str) -> str:
    """The text of one golden file, as the chart makes it now."""
    documents = render(CHART / f"values-{example}.yaml")
    kept = [document for document in documents if not _is_left_out(document)]
    kept.sort(key=lambda document: (document["kind"], document["metadata"]["name"]))
    return yaml.dump_all(
        kept, Dumper=_Plain, sort_keys=True, default_flow_style=None, width=160, explicit_start=True
    )


def _is_left_out(document: Any) -> bool:
    name = str(document["metadata"]["name"])
    return document["kind"] in _FROM_ELSEWHERE or "-dashboard-" in name


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for one in EXAMPLES:
        (GOLDEN / f"{one}.yaml").write_text(golden(one))
