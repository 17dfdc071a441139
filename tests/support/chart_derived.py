"""What the chart takes from the code: topics and rights, the settings its values may name, the README's table.

``PYTHONPATH=tests python -m support.chart_derived`` writes them anew; a test holds the committed ones to it.
"""

import importlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from lookout.hosting.settings import KafkaSection, PlatformSettings
from lookout.topics import load_catalogue
from lookout_cli.production.acl_formats import as_json
from lookout_cli.production.acls import principals
from pydantic_settings import BaseSettings

CHART = Path(__file__).parents[2] / "charts" / "lookout"
SERVICES = ("capture", "detection", "embedding", "matching", "alerting", "keeper", "console")

SET_BY_THE_CHART: Mapping[str, frozenset[str]] = {
    "": frozenset(
        {
            *("instance", "topic_prefix", "kafka", "metrics_host", "metrics_port"),
            *("registry_url", "registry_username", "registry_password_file", "registry_ca_file"),
            *("keyring_url", "keyring_username", "keyring_password_file", "keyring_ca_file"),
            *("keyring_certificate_file", "keyring_key_file", "traces_endpoint", "traces_ca_file"),
            *("vault_folder", "vault_secret_file", "trust_file", "models_folder"),
        }
    ),
    "capture": frozenset({"cameras", "cameras_file"}),
    "matching": frozenset(
        {"gallery", "gallery_folder", "gallery_url", "gallery_api_key_file", "gallery_ca"}
    ),
    "keeper": frozenset(
        {"anchor_folder", "anchor_webhook_url_file", "anchor_webhook_secret_file"},
    ),
    "console": frozenset(
        {
            *("database_url", "database_url_file", "database_password_file", "database_ca_file"),
            *("host", "port", "tls", "certificate_file", "certificate_key_file"),
            *("oidc_client_secret_file", "first_link_file", "channels_file", "push_key_file"),
        }
    ),
}
"""Settings that the templates give a value to, by service; of all services under the empty name."""

NOT_SET_IN_A_CLUSTER = {
    "LOOKOUT_CAPTURE_CAMERAS",  # a list in a file of a Secret instead
    "LOOKOUT_CONSOLE_DATABASE_URL_FILE",  # for a URL that holds the password: that has a file of its own
    "LOOKOUT_KAFKA_STATIC_MEMBERSHIP",  # pods of a Deployment have new names: they leave the group when they stop
}


def settings_of(service: str) -> type[BaseSettings]:
    """The class of a service's own settings."""
    found: type[BaseSettings] = importlib.import_module(f"lookout_{service}.settings").Settings
    assert issubclass(found, BaseSettings)
    return found


def variables(kind: type[BaseSettings]) -> Mapping[str, str]:
    """The environment's name of each setting, and the setting's."""
    prefix = kind.model_config.get("env_prefix", "")
    return {f"{prefix}{name}".upper(): name for name in kind.model_fields}


def variables_read_by(service: str) -> set[str]:
    """Every variable that a service reads."""
    shared = {*variables(PlatformSettings), *variables(KafkaSection)} - {"LOOKOUT_KAFKA"}
    return shared | set(variables(settings_of(service)))


def kafka_file() -> str:
    """``files/kafka.yaml``: the topics, and the rights of everybody who uses them, without the prefix of their names."""
    catalogue = load_catalogue(prefix="")
    topics = [
        {
            "topic": topic.entry.topic,
            "partitions": topic.entry.partitions,
            "config": dict(topic.entry.config),
        }
        for topic in catalogue.topics
    ]
    head = "# Written by tests/support/chart_derived.py from schemas/topics. Names are without their prefix.\n"
    users = json.loads(as_json(principals(catalogue, user_prefix="")))
    said = {
        "topics": topics,
        "users": [{"role": user["role"], "grants": user["grants"]} for user in users],
    }
    return head + yaml.safe_dump(said, sort_keys=False, width=120)


def values_schema() -> str:
    """``values.schema.json`` with the settings as the services have them now; the rest of it is written by hand."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    schema["definitions"]["settings"] = _settings_schema(PlatformSettings, SET_BY_THE_CHART[""])
    for service in SERVICES:
        ours = SET_BY_THE_CHART.get(service, frozenset())
        schema["definitions"][f"settings-{service}"] = _settings_schema(settings_of(service), ours)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _settings_schema(kind: type[BaseSettings], ours: frozenset[str]) -> Mapping[str, Any]:
    said = kind.model_json_schema()
    properties = {
        name: _plain(said["properties"][name], said.get("$defs", {}))
        for name in kind.model_fields
        if name not in ours
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _plain(said: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema with its references put in, and without what only pydantic reads."""
    if isinstance(said, list):
        return [_plain(part, definitions) for part in said]
    if not isinstance(said, dict):
        return said
    if "$ref" in said:
        found = _plain(definitions[said["$ref"].rpartition("/")[2]], definitions)
        rest = {key: part for key, part in said.items() if key not in {"$ref", "default"}}
        return {**found, **rest}
    left_out = {"title", "default", "format", "writeOnly", "prefixItems"}
    plain = {
        key: {name: _plain(part, definitions) for name, part in part.items()}
        if key == "properties"
        else _plain(part, definitions)
        for key, part in said.items()
        if key not in left_out
    }
    if plain.get("type") == "object" and "properties" in plain:
        plain["additionalProperties"] = False
    return plain


def readme() -> str:
    """The chart's README with the table of values as schema and defaults have it now."""
    text = (CHART / "README.md").read_text()
    schema = json.loads(values_schema())
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    rows = [
        f"| `{path}` | {_cell(default)} | {description} |"
        for path, default, description in _leaves(schema, schema, defaults, "")
    ]
    table = "\n".join(["| value | default | what it is |", "|---|---|---|", *rows])
    start, end = "<!-- values: written by tests/support/chart_derived.py -->", "<!-- end -->"
    return re.sub(
        f"{re.escape(start)}.*{re.escape(end)}",
        lambda _: f"{start}\n{table}\n{end}",
        text,
        flags=re.DOTALL,
    )


def _cell(default: object) -> str:
    return f"`{json.dumps(default, ensure_ascii=False)}`" if default not in ("", None) else ""


def _leaves(
    schema: Mapping[str, Any], said: Mapping[str, Any], default: Any, path: str
) -> Iterator[tuple[str, Any, str]]:
    if "properties" in said and isinstance(default, dict):
        for name, part in said["properties"].items():
            yield from _leaves(schema, part, default.get(name), f"{path}.{name}".strip("."))
    else:
        yield path, default, str(said.get("description", ""))


def files() -> Mapping[Path, str]:
    """Every derived file, as it should be."""
    return {
        CHART / "files" / "kafka.yaml": kafka_file(),
        CHART / "values.schema.json": values_schema(),
        CHART / "README.md": readme(),
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
