"""The dashboards that are shipped are those that the code writes, and each panel can be read by somebody in a hurry."""

import json
from typing import Any

import pytest
from lookout_cli.observe.boards import BOARDS, dashboard_files
from lookout_cli.observe.grafana import Panel
from support.rule_files import ALERT_FILES, DASHBOARD_FILES, FILES, alerts_in

PANELS = [(board, panel) for board in BOARDS for panel in board.panels]
ALERTS = {rule["alert"] for path in ALERT_FILES for rule in alerts_in(path)}


def test_the_shipped_dashboards_are_current() -> None:
    shipped = {path.name: path.read_text() for path in DASHBOARD_FILES}
    assert shipped == dashboard_files(), "run: lookout dashboards charts/lookout/files/dashboards"
    assert {path.parent for path in DASHBOARD_FILES} == {FILES / "dashboards"}


def test_there_is_one_for_operations_pipeline_privacy_and_capacity() -> None:
    assert [board.uid for board in BOARDS] == [
        "lookout-live",
        "lookout-pipeline",
        "lookout-privacy",
        "lookout-capacity",
    ]


@pytest.mark.parametrize(
    "panel", [panel for _, panel in PANELS], ids=[f"{b.uid}/{p.title}" for b, p in PANELS]
)
def test_a_panel_says_what_it_shows_and_leads_to_an_alert_that_there_is(panel: Panel) -> None:
    assert panel.title[0].isupper()
    assert panel.help.endswith(".")
    assert panel.queries
    assert not panel.alert or panel.alert in ALERTS
    limited = any(limit is not None for limit in (panel.warn, panel.bad, panel.bad_below))
    assert panel.alert or not limited or panel.title in {"Time of a batch", "Open files"}


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_titles_differ_and_no_panel_lies_on_another(board: Any) -> None:
    titles = [panel.title for panel in board.panels]
    assert len(set(titles)) == len(titles)
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(dashboard_files()[f"{board.uid}.json"])["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["datasource"]["uid"] == "${datasource}"
