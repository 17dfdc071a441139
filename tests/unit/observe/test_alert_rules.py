"""Alert rules that name what nobody exposes never fire: every metric and label that a rule names is some service's."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.promql import Names
from support.rule_files import (
    ALERT_FILES,
    RECORDING_FILES,
    ROOT,
    alerts_in,
    known_series,
    recordings,
)

_TEMPLATED = re.compile(r"\$labels\.(\w+)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)]+)\)")
ALERTS = [(path.stem, rule) for path in ALERT_FILES for rule in alerts_in(path)]


def test_there_are_rules_for_every_part() -> None:
    assert {path.stem for path in ALERT_FILES} == {
        "cameras",
        "privacy",
        "services",
        "slo",
        "stream",
    }
    assert len({rule["alert"] for _, rule in ALERTS}) == len(ALERTS)


@pytest.mark.parametrize("rule", recordings(), ids=lambda rule: rule["record"])
def test_every_recording_rule_names_what_is_exposed(rule: dict[str, str]) -> None:
    names = Names(known_series())
    names.labels_of(rule["expr"])
    assert names.used
    assert not names.unknown


@pytest.mark.parametrize("rule", [rule for _, rule in ALERTS], ids=lambda rule: rule["alert"])
def test_every_alert_names_what_is_exposed_and_tells_labels_that_it_has(
    rule: dict[str, object],
) -> None:
    names = Names(known_series())
    labels = names.labels_of(str(rule["expr"]))
    assert names.used
    assert not names.unknown
    told = set(_TEMPLATED.findall(str(rule["annotations"])))
    assert told <= labels, told - labels


@pytest.mark.parametrize("rule", [rule for _, rule in ALERTS], ids=lambda rule: rule["alert"])
def test_every_alert_tells_a_person_what_it_is_and_what_to_do(rule: dict[str, object]) -> None:
    labels, annotations = rule["labels"], rule["annotations"]
    assert isinstance(labels, dict)
    assert isinstance(annotations, dict)
    assert labels["severity"] in {"warning", "critical"}
    assert set(annotations) == {"summary", "description", "runbook_url"}


@pytest.mark.parametrize("rule", [rule for _, rule in ALERTS], ids=lambda rule: rule["alert"])
def test_every_alert_has_a_section_of_its_own_in_the_runbook(rule: dict[str, object]) -> None:
    annotations = rule["annotations"]
    assert isinstance(annotations, dict)
    page, anchor = annotations["runbook_url"].split("#")
    assert anchor == str(rule["alert"]).lower()
    assert anchor in anchors_of(ROOT / page)


def test_the_runbook_explains_no_alert_that_there_is_not() -> None:
    headings = _HEADING.findall((ROOT / "docs" / "runbook.md").read_text())
    explained = {heading for heading in headings if heading.startswith("Lookout")}
    assert explained == {rule["alert"] for _, rule in ALERTS}


def test_every_link_within_the_runbook_leads_somewhere() -> None:
    page = ROOT / "docs" / "runbook.md"
    links = _LINK.findall(page.read_text())
    assert links
    for target in links:
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors_of(linked), target


def test_an_overdue_key_is_an_alert_after_five_seconds() -> None:
    (rule,) = [rule for _, rule in ALERTS if rule["alert"] == "LookoutKeysOverdue"]
    assert rule["for"] == "5s"


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="no promtool (Debian's package prometheus)"
)
@pytest.mark.parametrize("path", [*ALERT_FILES, *RECORDING_FILES], ids=lambda path: path.stem)
def test_prometheus_takes_the_rules(path: Path) -> None:
    checked = subprocess.run(
        ["promtool", "check", "rules", path], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def anchors_of(page: Path) -> set[str]:
    """The anchors that a Markdown page's headings make, as code hosts make them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(page.read_text())
    }
