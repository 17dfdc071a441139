"""What can be said of the chart without Helm: its tables follow the code, and its schema knows every value and no other."""

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from lookout.hosting.settings import KafkaSection, PlatformSettings
from lookout.stream import kafka_producer
from lookout.stream.kafka_producer import KafkaProducer
from lookout.telemetry import status
from lookout.topics import event_classes, load_catalogue
from lookout_capture.acknowledgement import Acknowledgements
from pydantic_settings import BaseSettings
from support.chart_derived import (
    CHART,
    NOT_SET_IN_A_CLUSTER,
    SERVICES,
    SET_BY_THE_CHART,
    files,
    settings_of,
    variables,
)
from support.network_policies import table

ROOT = CHART.parents[1]
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
FACTS = yaml.safe_load((CHART / "files" / "services.yaml").read_text())
TEMPLATES = "\n".join(path.read_text() for path in sorted((CHART / "templates").iterdir()))


def source(service: str) -> str:
    folder = ROOT / "services" / service / f"lookout_{service}"
    return "\n".join(path.read_text() for path in sorted(folder.rglob("*.py")))


def users(to: str) -> set[str]:
    return {name for edge in table() if edge["to"] == to for name in edge["from"]}


@pytest.mark.parametrize("path", sorted(files()), ids=lambda path: path.name)
def test_what_is_derived_from_the_code_is_current(path: Path) -> None:
    assert path.read_text() == files()[path], "PYTHONPATH=tests python -m support.chart_derived"


def test_services_of_the_chart_are_those_that_there_are() -> None:
    there = {folder.name for folder in (ROOT / "services").iterdir() if folder.is_dir()}
    assert set(FACTS) == set(VALUES["services"]) == set(SERVICES) == there


@pytest.mark.parametrize("service", SERVICES)
def test_what_the_chart_says_of_a_service_is_what_its_code_does(service: str) -> None:
    text = source(service)
    main = (ROOT / "services" / service / f"lookout_{service}" / "__main__.py").read_text()
    calls = set(re.findall(r"vault\.(get_or_create|get|create|destroy)\(", text))
    vault = "write" if calls - {"get"} else "read" if calls else "none"
    found = {"vault": vault, "models": "load_pack(" in main}
    assert found == {key: FACTS[service][key] for key in found}


@pytest.mark.parametrize("service", [name for name in SERVICES if "consumes" in FACTS[name]])
def test_the_topic_that_replicas_share_is_the_one_that_the_runner_reads(service: str) -> None:
    main = (ROOT / "services" / service / f"lookout_{service}" / "__main__.py").read_text()
    (record,) = re.findall(r"platform\.runner\((\w+),", main)
    topic = load_catalogue(prefix="").topic_of(event_classes()[record])
    assert topic.name == FACTS[service]["consumes"]
    assert service in topic.entry.consumers


def test_everybody_whom_the_catalogue_names_reaches_kafka() -> None:
    named = {
        who for entry in load_catalogue().entries for who in (*entry.producers, *entry.consumers)
    }
    assert users("kafka") - {"topics"} == named - {"cli"} == set(SERVICES)
    assert users("registry") == users("kafka")


def test_everybody_whose_process_watches_the_keyring_reaches_it() -> None:
    hosted = {service for service in SERVICES if f'run_process("{service}"' in source(service)}
    assert users("keyring") == hosted


@pytest.mark.parametrize(
    ("to", "needs", "also"),
    [("qdrant", "qdrant-client", set()), ("database", "pg8000", {"migrations"})],
)
def test_who_reaches_a_store_is_who_has_a_client_for_it(
    to: str, needs: str, also: set[str]
) -> None:
    have = {
        service
        for service in SERVICES
        if needs in (ROOT / "services" / service / "pyproject.toml").read_text()
    }
    assert users(to) == have | also


def test_who_reaches_out_of_the_cluster_is_who_has_a_client_of_http() -> None:
    have = {
        service
        for service in SERVICES
        if re.search(
            r"^\s*(import|from) (httpx|requests|apprise|av)\b", source(service), re.MULTILINE
        )
    }
    outside = users("cameras") | users("identity") | users("notifications") | users("anchors")
    assert outside == have == {"capture", "console", "keeper"}


def test_the_page_for_operators_has_the_edges_of_the_table() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text().partition("## Who reaches whom")[2]
    rows = re.findall(r"^\| ([a-z, ]+) \| ([a-z]+) \| [^|]+ \|$", page, re.MULTILINE)
    said = {}
    for sources, to in rows[1:]:
        names = [name.strip().removesuffix(" job") for name in sources.split(",")]
        said[to] = {
            one for name in names for one in (SERVICES if name == "every service" else [name])
        }
    assert said == {edge["to"]: set(edge["from"]) for edge in table()}


def objects(schema: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield path, schema
        for key, part in schema.items():
            yield from objects(part, f"{path}/{key}")
    elif isinstance(schema, list):
        for number, part in enumerate(schema):
            yield from objects(part, f"{path}/{number}")


def test_the_schema_refuses_what_it_does_not_know() -> None:
    """Maps of names that are the cluster's or a person's say what their values are; affinity is Kubernetes' own."""
    loose = {path for path, one in objects(SCHEMA) if "additionalProperties" not in one}
    assert {path for path in loose if not path.endswith("/affinity")} == set()
    open_maps = {path for path, one in objects(SCHEMA) if one.get("additionalProperties") is True}
    assert open_maps == set()


def test_the_schema_knows_every_value_and_every_value_has_a_default() -> None:
    def compare(schema: Mapping[str, Any], default: Any, path: str) -> None:
        if "properties" not in schema or not isinstance(default, dict):
            return
        assert set(schema["properties"]) == set(default), path or "values"
        for name, part in schema["properties"].items():
            assert part.get("description"), f"{path}.{name} is not described"
            compare(part, default[name], f"{path}.{name}")

    compare(SCHEMA, VALUES, "")


def test_every_value_is_used() -> None:
    assert {
        key
        for key in VALUES
        if f"Values.{key}" not in TEMPLATES and f"$values.{key}" not in TEMPLATES
    } == set()


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_a_setting_is_a_value_or_is_set_by_the_templates(service: str) -> None:
    kind: type[BaseSettings] = settings_of(service) if service else PlatformSettings
    definition = SCHEMA["definitions"][f"settings-{service}" if service else "settings"]
    by_value, by_chart = set(definition["properties"]), SET_BY_THE_CHART.get(service, frozenset())
    assert by_value | by_chart == set(kind.model_fields)
    assert by_value & by_chart == set()


def test_settings_that_name_files_or_hold_secrets_are_no_values() -> None:
    """They are Secrets and volumes: the templates mount them."""
    for service in ("", *SERVICES):
        kind: type[BaseSettings] = settings_of(service) if service else PlatformSettings
        definition = SCHEMA["definitions"][f"settings-{service}" if service else "settings"]
        for name in definition["properties"]:
            said = str(kind.model_fields[name].annotation)
            assert "Path" not in said, f"{service}.{name}"
            assert "Secret" not in said, f"{service}.{name}"


def test_what_the_templates_set_is_set_in_them() -> None:
    by_chart = set(variables(KafkaSection))
    for service in ("", *SERVICES):
        kind: type[BaseSettings] = settings_of(service) if service else PlatformSettings
        ours = SET_BY_THE_CHART.get(service, frozenset())
        by_chart |= {variable for variable, name in variables(kind).items() if name in ours}
    set_there = set(re.findall(r"LOOKOUT_[A-Z][A-Z_]+[A-Z]", TEMPLATES))
    own = {"LOOKOUT_KAFKA"} | NOT_SET_IN_A_CLUSTER
    assert by_chart - set_there - own == set()


def test_a_pod_has_longer_to_stop_than_its_longest_drain() -> None:
    flush = inspect.signature(KafkaProducer.flush).parameters["timeout_s"].default
    acknowledged = inspect.signature(Acknowledgements.close).parameters["timeout_s"].default
    close, last_word = kafka_producer._CLOSE_S, status._LAST_WORD_S
    # The batch in hand, what the processor drains, dead letters; then the producers, and the last status.
    runner = 3 * flush + 3 * close + last_word
    capture = acknowledged + 3 * close + last_word
    needed = max(runner, capture)

    assert needed <= SCHEMA["properties"]["terminationGracePeriodSeconds"]["minimum"]
    assert needed < VALUES["terminationGracePeriodSeconds"]


def test_the_readme_has_a_row_for_every_value() -> None:
    text = (CHART / "README.md").read_text()
    for section in VALUES:
        assert f"| `{section}" in text, section
