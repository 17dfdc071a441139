"""Schemas into a registry that speaks the Confluent REST API: in CI, by hand or by a job; never by a service."""

from collections.abc import Sequence
from pathlib import Path

import httpx
from lookout.schema_ids import SchemaIdError
from lookout.topics import Catalogue, SchemaVersion, Topic

_TYPE = {"Content-Type": "application/vnd.schemaregistry.v1+json"}


def register_all(client: httpx.Client, catalogue: Catalogue, schemas: Path) -> Sequence[str]:
    """Set every subject's compatibility, then register its versions, oldest first; a line for each. Again changes nothing.

    Raises:
        SchemaIdError: the registry does not answer, or refuses: what was registered before that stays.
    """
    return [
        line
        for topic in catalogue.topics
        if topic.entry.versions
        for line in _register(client, topic, schemas)
    ]


def _register(client: httpx.Client, topic: Topic, schemas: Path) -> Sequence[str]:
    subject, newest = topic.subject, topic.entry.versions[-1]
    # Before the first version, so that no version is ever taken under a laxer rule.
    _tell(client, "PUT", f"/config/{subject}", {"compatibility": newest.compatibility}, subject)
    return [
        f"{subject} version {version.version}: id {_one(client, subject, version, schemas)},"
        f" {version.compatibility}"
        for version in topic.entry.versions
    ]


def _one(client: httpx.Client, subject: str, version: SchemaVersion, schemas: Path) -> int:
    text = (schemas / "avro" / version.schema_file).read_text()
    answer = _tell(client, "POST", f"/subjects/{subject}/versions", {"schema": text}, subject)
    found = answer.json().get("id")
    if not isinstance(found, int):
        raise SchemaIdError(f"{subject}: the registry answered without an id")
    return found


def _tell(
    client: httpx.Client, method: str, path: str, body: object, subject: str
) -> httpx.Response:
    try:
        answer = client.request(method, path, json=body, headers=_TYPE)
    except httpx.HTTPError as error:
        raise SchemaIdError(
            f"the schema registry does not answer: {type(error).__name__}"
        ) from error
    if answer.status_code == httpx.codes.CONFLICT:
        raise SchemaIdError(
            f"{subject}: the registry finds this version incompatible with those before: release one that is not"
        )
    if answer.status_code != httpx.codes.OK:
        raise SchemaIdError(f"{subject}: the schema registry answered {answer.status_code}")
    return answer
