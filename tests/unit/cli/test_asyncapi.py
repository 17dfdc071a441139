"""The AsyncAPI document: as committed, complete, and the same as the contracts it is written from."""

import json
from pathlib import Path
from typing import Any

import lookout
import yaml
from lookout.topics import load_catalogue, schemas_folder
from lookout_cli.__main__ import app
from lookout_cli.production.asyncapi import document
from typer.testing import CliRunner

CATALOGUE = load_catalogue()
COMMITTED = Path(__file__).parents[3] / "docs" / "asyncapi.yaml"
TEXT = document(CATALOGUE, schemas_folder(), version=lookout.__version__)
SAID: Any = yaml.safe_load(TEXT)


def pointed_at(pointer: str) -> Any:
    """What a local reference names; a `KeyError` where it names nothing."""
    found = SAID
    for word in pointer.removeprefix("#/").split("/"):
        found = found[word]
    return found


def references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [ref for value in part.values() for ref in references(value)]
    if isinstance(part, list):
        return [ref for value in part for ref in references(value)]
    return []


def test_the_committed_document_is_what_the_catalogue_gives() -> None:
    assert COMMITTED.read_text() == TEXT, (
        "write it anew: lookout topics asyncapi --to docs/asyncapi.yaml"
    )


def test_every_reference_leads_somewhere() -> None:
    found = references(SAID)

    assert len(found) > len(CATALOGUE.topics)
    for pointer in found:
        assert pointed_at(pointer)


def test_every_topic_is_a_channel_with_its_settings_and_its_record() -> None:
    assert set(SAID["channels"]) == {entry.topic for entry in CATALOGUE.entries}
    for topic in CATALOGUE.topics:
        channel = SAID["channels"][topic.entry.topic]
        assert channel["address"] == topic.name
        assert channel["x-topic-settings"] == topic.entry.config
        assert channel["bindings"]["kafka"]["partitions"] == topic.entry.partitions
        assert list(channel.get("messages", ())) == [r for r in [topic.entry.record] if r]


def test_every_message_holds_the_newest_schema_whole() -> None:
    for topic in CATALOGUE.topics:
        if topic.entry.record is None:
            continue
        payload = SAID["components"]["messages"][topic.entry.record]["payload"]
        newest = schemas_folder() / "avro" / topic.entry.versions[-1].schema_file
        assert payload["schema"] == json.loads(newest.read_text())


def test_operations_say_who_sends_and_who_receives() -> None:
    said = {
        (operation["tags"][0]["name"], operation["action"], operation["channel"]["$ref"])
        for operation in SAID["operations"].values()
    }

    assert said == {
        (service, action, f"#/channels/{entry.topic}")
        for entry in CATALOGUE.entries
        for action, services in (("send", entry.producers), ("receive", entry.consumers))
        for service in services
    }


def test_the_command_writes_the_document(tmp_path: Path) -> None:
    written = tmp_path / "asyncapi.yaml"

    done = CliRunner().invoke(app, ["topics", "asyncapi", "--to", str(written)])

    assert done.exit_code == 0
    assert written.read_text() == TEXT
