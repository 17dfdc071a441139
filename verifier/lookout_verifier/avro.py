"""Reading Avro, no more of it than Lookout's schemas use. It notes where fields lie, so that signed bytes can be rebuilt."""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

_FIXED = {
    "boolean": struct.Struct("?"),
    "double": struct.Struct("<d"),
    "float": struct.Struct("<f"),
}
_MOST_ITEMS = 1_000_000


class AvroError(Exception):
    """These bytes are no record of the schema, or the schema is not understood."""


T = TypeVar("T")


@dataclass(slots=True)
class Record:
    """A decoded record: its schema's name, its fields, and where each field lies in the bytes it was read from."""

    name: str
    fields: dict[str, object] = field(default_factory=dict)
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A field that is text. `AvroError` if it is not."""
        return _checked(self, name, str)

    def number(self, name: str) -> int:
        """A field that is a whole number."""
        return _checked(self, name, int)

    def octets(self, name: str) -> bytes:
        """A field that is bytes."""
        return _checked(self, name, bytes)

    def record(self, name: str) -> "Record":
        """A field that is a record."""
        return _checked(self, name, Record)

    def optional(self, name: str) -> "Record | None":
        """A field that is a record, or null."""
        return None if self.fields.get(name) is None else self.record(name)

    def records(self, name: str) -> Sequence["Record"]:
        """A field that is an array of records."""
        return [item for item in _checked(self, name, list) if isinstance(item, Record)]

    def walk(self, path: str = "") -> Iterator[tuple[str, "Record", str, object]]:
        """Every field below this record: its path, the record it is in, its name, its value (arrays item by item)."""
        for name, value in self.fields.items():
            here = f"{path}.{name}" if path else name
            yield here, self, name, value
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, Record):
                    yield from item.walk(here)


def _checked(record: Record, name: str, kind: type[T]) -> T:
    value = record.fields.get(name)
    if not isinstance(value, kind):
        raise AvroError(f"{record.name}.{name} is no {kind.__name__}")
    return value


@dataclass(frozen=True, slots=True)
class _Node:
    """One type of a schema. ``parts`` are fields of a record, or the one item type of an array, or a union's branches."""

    kind: str
    name: str = ""
    parts: "tuple[tuple[str, _Node], ...]" = ()
    symbols: tuple[str, ...] = ()


class Schema:
    """A schema that reads."""

    def __init__(self, text: str) -> None:
        """Parse a schema's JSON; `AvroError` if it uses what is not known here."""
        self._names: dict[str, _Node] = {}
        self._root = self._parse(json.loads(text))
        self.name = self._root.name

    def read(self, body: bytes) -> Record:
        """The record in an Avro body. `AvroError` unless it is one, exactly to its end."""
        cursor = _Cursor(body)
        try:
            value = cursor.value(self._root)
        except (IndexError, struct.error, UnicodeDecodeError, RecursionError) as error:
            raise AvroError(f"{self.name}: {type(error).__name__}") from None
        if cursor.at != len(body) or not isinstance(value, Record):
            raise AvroError(f"{self.name}: it does not end where its schema ends")
        return value

    def _parse(self, spec: object) -> _Node:
        if isinstance(spec, str):
            known = self._names.get(spec.rpartition(".")[2])
            return known or _Node(spec)
        if isinstance(spec, list):
            return _Node("union", parts=tuple(("", self._parse(branch)) for branch in spec))
        if not isinstance(spec, Mapping):
            raise AvroError(f"a schema cannot hold a {type(spec).__name__}")
        return self._complex(spec)

    def _complex(self, spec: Mapping[str, object]) -> _Node:
        kind = str(spec["type"]) if isinstance(spec["type"], str) else "nested"
        name = str(spec.get("name", "")).rpartition(".")[2]
        if kind == "record":
            fields = spec["fields"]
            if not isinstance(fields, list):
                raise AvroError(f"{name}: fields must be a list")
            node = _Node(
                kind, name, tuple((str(one["name"]), self._parse(one["type"])) for one in fields)
            )
        elif kind == "enum":
            symbols = spec["symbols"]
            node = _Node(kind, name, symbols=tuple(symbols) if isinstance(symbols, list) else ())
        elif kind == "array":
            return _Node(kind, parts=(("", self._parse(spec["items"])),))
        elif kind == "nested":
            return self._parse(spec["type"])
        else:
            # A primitive with a logical type: its plain value is enough here.
            return _Node(kind)
        self._names[name] = node
        return node


class _Cursor:
    """A place in a body."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def value(self, node: _Node) -> object:
        if node.kind == "record":
            return self._record(node)
        if node.kind == "union":
            return self.value(_branch(node.parts, self.long())[1])
        if node.kind == "enum":
            return _branch(node.symbols, self.long())
        if node.kind == "array":
            return self._array(node.parts[0][1])
        return self._primitive(node.kind)

    def long(self) -> int:
        shift = result = 0
        while True:
            byte = self._data[self.at]
            self.at += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (result >> 1) ^ -(result & 1)
            shift += 7
            if shift > 63:
                raise AvroError("a number is too long")

    def _record(self, node: _Node) -> Record:
        record = Record(node.name)
        for name, kind in node.parts:
            start = self.at
            record.fields[name] = self.value(kind)
            record.spans[name] = (start, self.at)
        return record

    def _array(self, kind: _Node) -> list[object]:
        items: list[object] = []
        while count := self.long():
            if count < 0:
                count = -count
                self.long()
            if len(items) + count > _MOST_ITEMS:
                raise AvroError("an array is too long")
            items += [self.value(kind) for _ in range(count)]
        return items

    def _primitive(self, kind: str) -> object:
        if kind in {"int", "long"}:
            return self.long()
        if kind in {"bytes", "string"}:
            octets = self._take(self.long())
            return octets.decode() if kind == "string" else octets
        if kind in _FIXED:
            layout = _FIXED[kind]
            return layout.unpack(self._take(layout.size))[0]
        if kind != "null":
            raise AvroError(f"unknown type {kind}")
        return None

    def _take(self, count: int) -> bytes:
        end = self.at + count
        if count < 0 or end > len(self._data):
            raise AvroError("it is cut short")
        taken = self._data[self.at : end]
        self.at = end
        return taken


def _branch(parts: Sequence[T], index: int) -> T:
    if not 0 <= index < len(parts):
        raise AvroError("it names a branch or symbol that its schema has not")
    return parts[index]
