"""Dashboards as Grafana reads them: panels in rows of 24 columns, each with its unit, thresholds and a way to the runbook."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

_COLUMNS: Final = 24
_HEIGHT: Final = 8
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
# What Grafana 11 writes; older ones from 9 on read it too.
_SCHEMA_VERSION: Final = 39


class Unit(StrEnum):
    """Units by Grafana's names."""

    COUNT = "short"
    SECONDS = "s"
    BYTES = "bytes"
    BYTES_PER_SECOND = "Bps"
    PER_SECOND = "cps"
    PER_MINUTE = "cpm"
    SHARE = "percentunit"


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and what its series are called: labels in double braces."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel. ``help`` is shown on its corner; ``warn`` and ``bad`` are where its colour changes, upwards.

    With ``bad_below`` it is bad under that value instead. ``alert`` is the alert whose section of the runbook it leads to.
    """

    title: str
    help: str
    unit: Unit
    queries: Sequence[Query]
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 8
    warn: float | None = None
    bad: float | None = None
    bad_below: float | None = None
    alert: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard. ``uid`` names its file and its address."""

    uid: str
    title: str
    help: str
    panels: Sequence[Panel]


def dashboard(board: Board) -> dict[str, object]:
    """The JSON of a dashboard, for provisioning. The data source is a variable; so is where the runbook lies."""
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.help,
        "tags": ["lookout"],
        "schemaVersion": _SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Data source",
                    "type": "datasource",
                    "query": "prometheus",
                },
                {
                    "name": "runbook",
                    "label": "Runbook",
                    "type": "constant",
                    "query": "docs/runbook.md",
                    "hide": 2,
                },
            ]
        },
        "links": [
            {"title": "Lookout", "type": "dashboards", "tags": ["lookout"], "asDropdown": True},
            {"title": "Runbook", "type": "link", "url": "${runbook}"},
        ],
        "panels": _placed(board.panels),
    }


def _placed(panels: Sequence[Panel]) -> list[dict[str, object]]:
    placed: list[dict[str, object]] = []
    left = top = 0
    for number, panel in enumerate(panels, start=1):
        if left + panel.width > _COLUMNS:
            left, top = 0, top + _HEIGHT
        place = {"x": left, "y": top, "w": panel.width, "h": _HEIGHT}
        placed.append({"id": number, "gridPos": place, **_panel(panel)})
        left += panel.width
    return placed


def _panel(panel: Panel) -> dict[str, object]:
    custom = {"thresholdsStyle": {"mode": "line"}} if _has_limits(panel) else {}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.help,
        "datasource": _SOURCE,
        "links": _links(panel),
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": _steps(panel)},
                "custom": custom,
            },
            "overrides": [],
        },
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _SOURCE,
                "expr": query.expression,
                "legendFormat": query.legend,
            }
            for place, query in enumerate(panel.queries)
        ],
    }


def _links(panel: Panel) -> list[dict[str, object]]:
    if not panel.alert:
        return []
    return [
        {"title": f"Runbook: {panel.alert}", "url": f"${{runbook}}#{panel.alert.lower()}"},
    ]


def _has_limits(panel: Panel) -> bool:
    return any(limit is not None for limit in (panel.warn, panel.bad, panel.bad_below))


def _steps(panel: Panel) -> list[dict[str, object]]:
    if panel.bad_below is not None:
        return [{"color": "red", "value": None}, {"color": "green", "value": panel.bad_below}]
    limits = (("orange", panel.warn), ("red", panel.bad))
    return [
        {"color": "green", "value": None},
        *({"color": colour, "value": limit} for colour, limit in limits if limit is not None),
    ]
