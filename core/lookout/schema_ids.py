"""Where schema ids come from: a registry that is asked by URL, or the lock file beside the schemas."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import httpx
from fastavro.schema import to_parsing_canonical_form
from pydantic import TypeAdapter

from lookout.topics import schemas_folder

LOCK_FILE = "schemas.lock.json"


class SchemaIdError(Exception):
    """No id for a schema, or no schema for an id. Says what to do."""


class UnknownSchemaError(SchemaIdError):
    """Nobody knows a schema by this id."""


class SchemaIds(Protocol):
    """Ids of schemas, both ways."""

    def id_of(self, subject: str, schema_text: str) -> int:
        """The id under which a subject has a schema; `SchemaIdError` if it has not."""

    def schema_text(self, schema_id: int) -> str:
        """The schema with an id; `UnknownSchemaError` if there is none, `SchemaIdError` if nobody answers."""


def locked_id(schema_text: str) -> int:
    """2^30 + the first 30 bits of the SHA-256 of the schema's parsing canonical form.

    Registries count from 1, so an id of ours never names another schema once a registry is used.
    """
    canonical = to_parsing_canonical_form(json.loads(schema_text))
    digest = hashlib.sha256(canonical.encode()).digest()
    return 2**30 + (int.from_bytes(digest[:4], "big") >> 2)


class LockedSchemaIds:
    """Ids out of ``schemas.lock.json``, which maps each released schema file to its id."""

    def __init__(self, folder: Path | None = None) -> None:
        """Read the lock under ``folder`` and every schema it names; a schema edited since raises."""
        root = folder or schemas_folder()
        lock = TypeAdapter(dict[str, int]).validate_json((root / LOCK_FILE).read_bytes())
        self._texts: Mapping[int, str] = {
            schema_id: (root / "avro" / name).read_text() for name, schema_id in lock.items()
        }
        for name, schema_id in lock.items():
            if locked_id(self._texts[schema_id]) != schema_id:
                raise SchemaIdError(
                    f"schemas/avro/{name} is released and was edited: put it back, and release a new version"
                )

    def id_of(self, subject: str, schema_text: str) -> int:
        """See `SchemaIds`."""
        schema_id = locked_id(schema_text)
        if schema_id not in self._texts:
            raise SchemaIdError(
                f"{subject}: its schema is not in {LOCK_FILE}: run `lookout topics lock`"
            )
        return schema_id

    def schema_text(self, schema_id: int) -> str:
        """See `SchemaIds`."""
        text = self._texts.get(schema_id)
        if text is None:
            raise UnknownSchemaError(f"no schema with id {schema_id}")
        return text


class RegistrySchemaIds:
    """Ids from a registry that speaks the Confluent REST API. It is read, never written: CI registers schemas."""

    def __init__(self, client: httpx.Client) -> None:
        """``client`` has the registry's address as base URL, its credentials, and time-outs."""
        self._client = client
        self._texts: dict[int, str] = {}

    def id_of(self, subject: str, schema_text: str) -> int:
        """See `SchemaIds`."""
        answer = self._ask("POST", f"/subjects/{subject}", {"schema": schema_text})
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise SchemaIdError(
                f"{subject}: the registry does not have this schema: register it in CI first"
            )
        schema_id = _Registered.validate_json(_checked(answer)).get("id")
        if not isinstance(schema_id, int):
            raise SchemaIdError(f"{subject}: the registry answered without an id")
        return schema_id

    def schema_text(self, schema_id: int) -> str:
        """See `SchemaIds`. Answers are kept: an id never changes its meaning."""
        known = self._texts.get(schema_id)
        if known is not None:
            return known
        answer = self._ask("GET", f"/schemas/ids/{schema_id}", None)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise UnknownSchemaError(f"the registry has no schema with id {schema_id}")
        text = _Registered.validate_json(_checked(answer)).get("schema")
        if not isinstance(text, str):
            raise SchemaIdError(f"the registry answered without a schema for id {schema_id}")
        self._texts[schema_id] = text
        return text

    def _ask(self, method: str, path: str, body: object) -> httpx.Response:
        headers = {"Accept": "application/vnd.schemaregistry.v1+json"}
        try:
            return self._client.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise SchemaIdError(
                f"the schema registry does not answer: {type(error).__name__}"
            ) from error


_Registered = TypeAdapter(dict[str, object])


def _checked(answer: httpx.Response) -> bytes:
    if answer.status_code != httpx.codes.OK:
        raise SchemaIdError(f"the schema registry answered {answer.status_code}")
    return answer.content
