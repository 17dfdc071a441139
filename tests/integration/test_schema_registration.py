"""Schemas are registered by the command, read by services, and a version that breaks a promise is refused."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from lookout.codec import Codec
from lookout.events import Alert
from lookout.schema_ids import RegistrySchemaIds, SchemaIdError
from lookout.topics import load_catalogue, schemas_folder
from lookout_cli.__main__ import app
from lookout_cli.production.registering import register_all
from support.golden import example
from support.schema_registry import Registry, schema_registry
from typer.testing import CliRunner

CATALOGUE = load_catalogue()
PROMISED = ("alerts", "decisions", "erasures")


@pytest.fixture(name="registry")
def registry_fixture() -> Iterator[Registry]:
    with schema_registry() as registry:
        yield registry


@pytest.fixture(name="client")
def client_fixture(registry: Registry) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=registry.url) as client:
        yield client


def test_the_command_registers_every_schema_with_its_promise_and_again_changes_nothing(
    registry: Registry,
) -> None:
    environment = {"LOOKOUT_REGISTRY_URL": registry.url}
    first = CliRunner().invoke(app, ["topics", "register"], env=environment)
    registered = dict(registry.subjects)
    again = CliRunner().invoke(app, ["topics", "register"], env=environment)

    assert (first.exit_code, again.exit_code) == (0, 0), first.stderr
    assert set(registered) == {t.subject for t in CATALOGUE.topics if t.entry.versions}
    assert registry.subjects == registered
    for topic in PROMISED:
        assert registry.rules[f"lookout.{topic}-value"] == "FULL_TRANSITIVE"


def test_without_a_registry_the_command_says_which_setting_is_missing() -> None:
    done = CliRunner().invoke(app, ["topics", "register"], env={"LOOKOUT_REGISTRY_URL": ""})

    assert done.exit_code == 1
    assert "LOOKOUT_REGISTRY_URL" in done.stderr


def test_services_read_the_registry_and_never_write_it(
    registry: Registry, client: httpx.Client
) -> None:
    with pytest.raises(SchemaIdError, match="register it in CI first"):
        Codec(catalogue=CATALOGUE, ids=RegistrySchemaIds(client))
    assert not registry.writes

    register_all(client, CATALOGUE, schemas_folder())
    written = len(registry.writes)
    codec = Codec(catalogue=CATALOGUE, ids=RegistrySchemaIds(client))
    alert = example(Alert, "alert/first")

    assert codec.decode("lookout.alerts", codec.encode(alert)) == alert
    assert len(registry.writes) == written


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"name": "weather", "type": "string"}, True),
        ({"name": "weather", "type": ["null", "string"], "default": None}, False),
    ],
)
def test_a_version_that_breaks_the_promise_of_alerts_is_refused(
    client: httpx.Client, tmp_path: Path, change: dict[str, object], *, refused: bool
) -> None:
    register_all(client, CATALOGUE, schemas_folder())
    folder = tmp_path / "schemas"
    shutil.copytree(schemas_folder(), folder)
    schema = json.loads((folder / "avro/alert/v1.avsc").read_text())
    schema["fields"].append(change)
    (folder / "avro/alert/v2.avsc").write_text(json.dumps(schema))
    entry = yaml.safe_load((folder / "topics/alerts.yaml").read_text())
    entry["versions"].append(
        {"version": 2, "schema": "alert/v2.avsc", "compatibility": "FULL_TRANSITIVE"}
    )
    (folder / "topics/alerts.yaml").write_text(yaml.safe_dump(entry))
    catalogue = load_catalogue(folder)

    if refused:
        with pytest.raises(SchemaIdError, match=r"lookout\.alerts-value.*incompatible"):
            register_all(client, catalogue, folder)
    else:
        assert any("version 2" in line for line in register_all(client, catalogue, folder))
