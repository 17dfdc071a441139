"""Avro bytes and events: Confluent wire format (magic 0, 4-byte schema id, body), one codec for every service."""

import io
import json
import struct
import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar, cast

import fastavro

from lookout.events import (
    UNSIGNED,
    Deployment,
    Event,
    PurgeCertificate,
    Signature,
    WatchlistEntry,
)
from lookout.records import Plain, from_plain, to_plain
from lookout.schema_ids import SchemaIdError, SchemaIds, UnknownSchemaError
from lookout.stream.ports import Headers, InvalidMessageError, Outgoing, RetryableError
from lookout.topics import Catalogue, Topic, event_classes, schemas_folder

_HEADER = struct.Struct(">bI")
_MAGIC = 0
_IDS = uuid.UUID("0f6d3ad2-3a5f-5b0e-8a52-5d7c9a3f1c44")
# What a damaged body makes fastavro and the dataclasses raise; anything else is a defect of ours.
_UNDECODABLE = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    StopIteration,
    struct.error,
)

Signed = TypeVar("Signed", Deployment, WatchlistEntry, PurgeCertificate)


class _Kind:
    """One event class, the topic that carries it, and its newest schema."""

    def __init__(self, kind: type[Event], topic: Topic) -> None:
        self.kind = kind
        self.topic = topic
        newest = max(topic.entry.versions, key=lambda version: version.version)
        self.text = (schemas_folder() / "avro" / newest.schema_file).read_text()
        self.schema = fastavro.parse_schema(json.loads(self.text))
        self.prefix = b""


class Codec:
    """Encodes with the newest schemas, decodes whatever version was written.

    Ids are looked up when it is made, so that a registry that lacks a schema fails the start, not the first message.
    """

    def __init__(self, *, catalogue: Catalogue, ids: SchemaIds, source: str = "/lookout") -> None:
        """``source`` is the CloudEvents source that produced messages name, ``/lookout/<service>``."""
        self._ids = ids
        self._source = source.encode()
        self._kinds: dict[type[Event], _Kind] = {}
        self._by_topic: dict[str, _Kind] = {}
        self._writers: dict[int, Any] = {}
        for kind in event_classes().values():
            entry = _Kind(kind, catalogue.topic_of(kind))
            schema_id = ids.id_of(entry.topic.subject, entry.text)
            entry.prefix = _HEADER.pack(_MAGIC, schema_id)
            self._writers[schema_id] = entry.schema
            self._kinds[kind] = entry
            self._by_topic[entry.topic.name] = entry

    def body(self, event: Event) -> bytes:
        """The Avro body alone, in the newest schema."""
        return _write(self._kinds[type(event)].schema, to_plain(event))

    def encode(self, event: Event) -> bytes:
        """The event in Confluent wire format."""
        entry = self._kinds[type(event)]
        return entry.prefix + _write(entry.schema, to_plain(event))

    def decode(self, topic_name: str, value: bytes | None) -> Event:
        """The event that a message of a topic carries.

        Raises:
            InvalidMessageError: of kind ``empty``, ``not_avro``, ``unknown_schema``, ``foreign_schema``
                or ``undecodable``; the text holds nothing of the message's content.
            RetryableError: the registry does not answer for a schema id not seen before.
        """
        entry = self._by_topic.get(topic_name)
        if entry is None:
            raise InvalidMessageError("foreign_topic", f"no events are read from {topic_name}")
        _, plain = self._plain(value, reader=entry.schema, name=f"lookout.v1.{entry.kind.__name__}")
        try:
            return cast(Event, from_plain(cast(Any, entry.kind), plain))
        except _UNDECODABLE as error:
            raise InvalidMessageError(
                "undecodable", f"{entry.kind.__name__}: {type(error).__name__}"
            ) from None

    def outgoing(self, event: Event, *, traceparent: str | None = None) -> Outgoing:
        """The event as a message for its topic, with the headers of design §2."""
        entry = self._kinds[type(event)]
        value = self.encode(event)
        catalogued = entry.topic.entry
        key = str(getattr(event, catalogued.key or "deployment_id")).encode()
        return Outgoing(
            entry.topic.name, key, value, self._headers(entry, event, value, traceparent)
        )

    def tombstone(self, event: Event) -> Outgoing:
        """The message that takes an event's key out of a compacted topic."""
        entry = self._kinds[type(event)]
        key = str(getattr(event, entry.topic.entry.key or "deployment_id")).encode()
        return Outgoing(entry.topic.name, key, None)

    def unsigned_body(self, event: Signed) -> bytes:
        """What a signer signs: the Avro body with the signature blank."""
        return self.body(replace(event, signature=UNSIGNED))

    def signed_part(self, value: bytes) -> tuple[bytes, Signature]:
        """What was signed in a message, and the signature, for whoever verifies.

        Read and written again with the writer's schema, so that a field this reader does not know stays covered.
        """
        schema, plain = self._plain(value, reader=None, name=None)
        signature = from_plain(Signature, plain["signature"])
        plain["signature"] = to_plain(UNSIGNED)
        return _write(schema, plain), signature

    def _plain(self, value: bytes | None, *, reader: Any, name: str | None) -> tuple[Any, Plain]:
        if value is None:
            raise InvalidMessageError("empty", "a tombstone where an event was expected")
        if len(value) < _HEADER.size or value[0] != _MAGIC:
            raise InvalidMessageError(
                "not_avro", "not in Confluent wire format (magic byte 0, 4-byte schema id)"
            )
        writer = self._writer(_HEADER.unpack_from(value)[1])
        if name is not None and writer["name"] != name:
            raise InvalidMessageError("foreign_schema", f"wanted {name}, got {writer['name']}")
        resolved = None if reader is writer else reader
        try:
            with io.BytesIO(value) as stream:
                stream.seek(_HEADER.size)
                plain = cast(Plain, fastavro.schemaless_reader(stream, writer, resolved))
                if stream.read(1):
                    # Nobody signed it, and nobody would ever look at it.
                    raise InvalidMessageError("undecodable", f"{writer['name']}: bytes at its end")
                return writer, plain
        except _UNDECODABLE as error:
            raise InvalidMessageError(
                "undecodable", f"{writer['name']}: {type(error).__name__}"
            ) from None
        except fastavro.read.SchemaResolutionError as error:
            raise InvalidMessageError("undecodable", f"{writer['name']}: {error}") from None

    def _writer(self, schema_id: int) -> Any:
        known = self._writers.get(schema_id)
        if known is None:
            try:
                known = fastavro.parse_schema(json.loads(self._ids.schema_text(schema_id)))
            except UnknownSchemaError as error:
                raise InvalidMessageError("unknown_schema", str(error)) from None
            except SchemaIdError as error:
                raise RetryableError(str(error)) from error
            self._writers[schema_id] = known
        return known

    def _headers(
        self, entry: _Kind, event: Event, value: bytes, traceparent: str | None
    ) -> Headers:
        field = entry.topic.entry.id
        event_id = str(getattr(event, field)) if field else str(uuid.uuid5(_IDS, value.hex()))
        headers = [
            ("content-type", b"application/vnd.confluent.avro"),
            ("ce_specversion", b"1.0"),
            ("ce_id", event_id.encode()),
            ("ce_source", self._source),
            ("ce_type", f"lookout.v1.{entry.kind.__name__}".encode()),
            ("ce_deploymentid", event.deployment_id.encode()),
        ]
        at = getattr(event, "captured_at", None)
        if isinstance(at, datetime):
            headers.append(("ce_time", at.isoformat().encode()))
        if traceparent is not None:
            headers.append(("traceparent", traceparent.encode()))
        return tuple(headers)


def _write(schema: Any, plain: Plain) -> bytes:
    with io.BytesIO() as stream:
        fastavro.schemaless_writer(stream, schema, plain)
        return stream.getvalue()
