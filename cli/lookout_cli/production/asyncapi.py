"""The catalogue as an AsyncAPI 3 document: channels, messages with their Avro schemas, and who sends and receives what. Pure."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from lookout.topics import Catalogue, Topic

AVRO_FORMAT = "application/vnd.apache.avro+json;version=1.9.0"
BINDING_VERSION = "0.5.0"
_POLICIES = {"compact": ["compact"], "delete": ["delete"], "compact,delete": ["compact", "delete"]}
# The binding names these; any other setting of a topic is not part of it, and stands in the extension beside it.
_BOUND = ("retention.ms", "max.message.bytes")


def document(catalogue: Catalogue, schemas: Path, *, version: str) -> str:
    """YAML. ``schemas`` is the folder of contracts; the document stands alone, with every schema inside it."""
    said = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Lookout",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/vnd.confluent.avro",
        "servers": {"kafka": _SERVER},
        "channels": {topic.entry.topic: _channel(topic) for topic in catalogue.topics},
        "operations": {
            name: operation for topic in catalogue.topics for name, operation in _operations(topic)
        },
        "components": {
            "messages": {
                str(topic.entry.record): _message(topic, schemas)
                for topic in catalogue.topics
                if topic.entry.record
            },
            "messageTraits": {"cloudEvent": _TRAIT},
            "securitySchemes": {"scram": {"type": "scramSha512"}, "mtls": {"type": "X509"}},
        },
    }
    head = (
        "# Written by `lookout topics asyncapi` from schemas/. Change those, and write it anew.\n"
    )
    return head + yaml.dump(said, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)


class _Plain(yaml.SafeDumper):
    """Says everything out: an alias is legal YAML that half of the tools trip over."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the library's signature
        """See `yaml.SafeDumper`."""
        return True


_DESCRIPTION = """\
Live facial recognition for a lawful deployment: faces that pass a camera are compared with an approved watchlist, and
everyone else is forgotten. Other systems read `alerts`, and where they may, `decisions`, `audit`, `erasures` and
`certificates`. Topics marked `x-biometric: sealed` carry ciphertext whose keys live in the keyring only.
Values are Avro in Confluent wire format: a zero byte, the schema's id as four bytes, big-endian, then the record.
"""
_SERVER: Mapping[str, Any] = {
    "host": "kafka:9093",
    "protocol": "kafka-secure",
    "description": "An installation's brokers; the port is the installation's.",
    "security": [
        {"$ref": "#/components/securitySchemes/scram"},
        {"$ref": "#/components/securitySchemes/mtls"},
    ],
}
_TRAIT: Mapping[str, Any] = {
    "headers": {
        "type": "object",
        "description": "CloudEvents 1.0 in Kafka's binary mode. A tombstone has no value.",
        "properties": {
            name: {"type": "string"}
            for name in (
                "ce_specversion",
                "ce_id",
                "ce_source",
                "ce_type",
                "ce_time",
                "ce_deploymentid",
                "content-type",
                "traceparent",
            )
        },
    }
}


def _channel(topic: Topic) -> Mapping[str, Any]:
    entry = topic.entry
    config = {name: int(entry.config[name]) for name in _BOUND if name in entry.config}
    config_of: dict[str, Any] = {"cleanup.policy": _POLICIES[str(entry.config["cleanup.policy"])]}
    channel: dict[str, Any] = {"address": topic.name, "description": entry.description}
    channel["servers"] = [{"$ref": "#/servers/kafka"}]
    if entry.record:
        channel["messages"] = {entry.record: {"$ref": f"#/components/messages/{entry.record}"}}
    channel["bindings"] = {
        "kafka": {
            "topic": topic.name,
            "partitions": entry.partitions,
            "topicConfiguration": config_of | config,
            "bindingVersion": BINDING_VERSION,
        }
    }
    channel["x-biometric"] = entry.biometric
    channel["x-data-class"] = entry.data_class
    channel["x-topic-settings"] = dict(entry.config)
    if entry.versions:
        channel["x-compatibility"] = entry.versions[-1].compatibility
    return channel


def _operations(topic: Topic) -> Sequence[tuple[str, Mapping[str, Any]]]:
    entry = topic.entry
    channel = {"$ref": f"#/channels/{entry.topic}"}
    sides = (("send", entry.producers), ("receive", entry.consumers))
    return [
        (
            f"{service}.{action}.{entry.topic}",
            {"action": action, "channel": channel, "tags": [{"name": service}]},
        )
        for action, services in sides
        for service in services
    ]


def _message(topic: Topic, schemas: Path) -> Mapping[str, Any]:
    entry = topic.entry
    newest = entry.versions[-1]
    return {
        "name": entry.record,
        "title": entry.record,
        "contentType": "application/vnd.confluent.avro",
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": f"{entry.key}, UTF-8"},
                "schemaIdLocation": "payload",
                "schemaIdPayloadEncoding": "confluent",
                "schemaLookupStrategy": "TopicNameStrategy",
                "bindingVersion": BINDING_VERSION,
            }
        },
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "payload": {
            "schemaFormat": AVRO_FORMAT,
            "schema": json.loads((schemas / "avro" / newest.schema_file).read_text()),
        },
        "x-subject": topic.subject,
        "x-schema-file": f"schemas/avro/{newest.schema_file}",
    }
