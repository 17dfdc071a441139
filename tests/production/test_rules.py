"""Every alert rule fires when it should and stays silent when it should: Prometheus' own unit tests of rules.

The cases are in `rules/`, one file a group. They are asked the other way round as well, so that none passes whatever happens.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.rule_files import ALERT_FILES, RECORDING_FILES, alerts_in, recordings

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="no promtool: install Debian's package prometheus"
)
FOLDER = Path(__file__).parent / "rules"
CASE_FILES = sorted(FOLDER.glob("*.yaml"))
_CASE = re.compile(r"^(Lookout\w+) (fires|is silent): ")
_ASKED = re.compile(r'alertname="(\w+)"')
Figures = Callable[[str, object], None]


def test_prometheus_takes_every_rule(figures: Figures) -> None:
    files = [*ALERT_FILES, *RECORDING_FILES]
    checked = subprocess.run(
        ["promtool", "check", "rules", *files], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    alerts = sum(len(alerts_in(path)) for path in ALERT_FILES)
    figures("alert rules", alerts)
    figures("recording rules", len(recordings()))


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    assert [path.name for path in CASE_FILES] == [path.name for path in ALERT_FILES]
    for cases, rules in zip(CASE_FILES, ALERT_FILES, strict=True):
        found = {(alert, fires) for alert, fires in map(_case, _tests(cases))}
        wanted = {(rule["alert"], fires) for rule in alerts_in(rules) for fires in (True, False)}
        assert found == wanted


@pytest.mark.parametrize("path", CASE_FILES, ids=lambda path: path.stem)
def test_alerts_fire_and_are_silent_as_they_should(path: Path, figures: Figures) -> None:
    tested = _promtool(path)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    figures(f"cases of rules tested: {path.stem}", len(_tests(path)))


@pytest.mark.parametrize("path", CASE_FILES, ids=lambda path: path.stem)
def test_each_case_can_fail(path: Path, tmp_path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    content["rule_files"] = [str((FOLDER / name).resolve()) for name in content["rule_files"]]
    for case in content["tests"]:
        (sample,) = case["promql_expr_test"][0]["exp_samples"]
        sample["value"] = 1 - sample["value"]
    turned = tmp_path / path.name
    turned.write_text(yaml.safe_dump(content))
    tested = _promtool(turned)
    assert tested.returncode != 0
    assert (tested.stdout + tested.stderr).count("expr: ") == len(content["tests"])


def _promtool(path: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["promtool", "test", "rules", path], capture_output=True, text=True, check=False
    )


def _tests(path: Path) -> list[dict[str, Any]]:
    tests: list[dict[str, Any]] = yaml.safe_load(path.read_text())["tests"]
    return tests


def _case(test: dict[str, Any]) -> tuple[str, bool]:
    """Which alert a case is about, and whether it is to fire; its name and what it asks must say the same."""
    named = _CASE.match(test["name"])
    assert named, test["name"]
    (asked,) = test["promql_expr_test"]
    assert _ASKED.findall(asked["expr"]) == [named[1]]
    fires = named[2] == "fires"
    assert asked["exp_samples"] == [{"value": int(fires)}]
    return named[1], fires
