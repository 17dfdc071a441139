"""The released schemas: out of this package, a folder, or the checkout this file lies in."""

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from lookout_verifier.avro import AvroError, Record, Schema

LOCK = "schemas.lock.json"
_WIRE_HEADER = 5
_PACKAGED = "_schemas"


class SchemasError(Exception):
    """The schemas cannot be read. Says what to do."""


def packaged() -> Traversable:
    """The schemas that came with this verifier."""
    inside = resources.files(__package__) / _PACKAGED
    if inside.is_dir():
        return inside
    return Path(__file__).resolve().parents[2] / "schemas"


def schema_files(folder: Traversable) -> Iterator[tuple[str, str]]:
    """Name and text of the lock file and of every schema it names."""
    try:
        lock = (folder / LOCK).read_text()
        yield LOCK, lock
        for name in json.loads(lock):
            yield f"avro/{name}", folder.joinpath("avro", *name.split("/")).read_text()
    except (OSError, ValueError) as error:
        raise SchemasError(
            f"no schemas in {folder}: it must hold {LOCK} and avro/ ({type(error).__name__})"
        ) from error


class Schemas:
    """Decodes messages in Confluent wire format, each with the schema it names."""

    def __init__(self, folder: Traversable | None = None) -> None:
        """``folder`` holds ``avro/`` and ``schemas.lock.json``, which gives each file its id."""
        files = dict(schema_files(folder or packaged()))
        try:
            ids: Mapping[str, int] = json.loads(files[LOCK])
            self._by_id = {ids[name]: Schema(files[f"avro/{name}"]) for name in ids}
        except (ValueError, KeyError, TypeError) as error:
            raise SchemasError(f"the schemas are damaged: {error!r}") from error

    def decode(self, value: bytes) -> tuple[Record, bytes]:
        """The record in a message, and its Avro body. `AvroError` if it is none of ours."""
        if len(value) < _WIRE_HEADER or value[0] != 0:
            raise AvroError("not in Confluent wire format")
        schema = self._by_id.get(int.from_bytes(value[1:_WIRE_HEADER], "big"))
        if schema is None:
            raise AvroError("no schema with its id")
        body = value[_WIRE_HEADER:]
        return schema.read(body), body
