"""The four dashboards: live operations, pipeline health, privacy, capacity.

Every query has an answer while all is well: what is counted only in trouble falls back to 0, service by service where the
panel is by service. A test asks each of them of a Prometheus that scrapes the running services.
"""

import json
from collections.abc import Mapping
from typing import Final

from lookout_cli.observe.board_capacity import CAPACITY
from lookout_cli.observe.board_live import LIVE
from lookout_cli.observe.board_pipeline import PIPELINE
from lookout_cli.observe.board_privacy import PRIVACY
from lookout_cli.observe.grafana import dashboard

BOARDS: Final = (LIVE, PIPELINE, PRIVACY, CAPACITY)


def dashboard_files() -> Mapping[str, str]:
    """The dashboards' files by name, as they lie in `charts/lookout/files/dashboards`."""
    return {
        f"{board.uid}.json": json.dumps(dashboard(board), indent=2, ensure_ascii=False) + "\n"
        for board in BOARDS
    }
