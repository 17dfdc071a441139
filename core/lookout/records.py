"""Events to plain Avro data and back, driven by the dataclasses' own annotations.

Only what ``lookout.events`` uses is understood: scalars, datetimes, string enums, tuples, optionals and nested records.
A conformance test holds every dataclass against its schema, so nothing here validates.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast

Plain = dict[str, Any]
T = TypeVar("T")
_Convert = Callable[[Any], Any]


def to_plain(event: object) -> Plain:
    """A dataclass as the dict that an Avro writer takes. Bytes are passed on, not copied."""
    return cast(Plain, _writer(_hashable(type(event)))(event))


def from_plain(kind: type[T], plain: Mapping[str, Any]) -> T:
    """The dataclass ``kind`` out of what an Avro reader returned."""
    return cast(T, _reader(_hashable(kind))(plain))


def _hashable(kind: type[Any]) -> Hashable:
    return cast(Hashable, kind)


def _same(value: Any) -> Any:
    return value


@cache
def _writer(kind: Any) -> _Convert:
    inner = _optional(kind)
    if inner is not None:
        convert = _writer(inner)
        return lambda value: None if value is None else convert(value)
    if typing.get_origin(kind) is tuple:
        item = _writer(typing.get_args(kind)[0])
        return lambda values: [item(value) for value in values]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return lambda value: value.value
    if dataclasses.is_dataclass(kind):
        fields = [(name, _writer(hint)) for name, hint in _hints(kind)]
        return lambda value: {name: convert(getattr(value, name)) for name, convert in fields}
    return _same


@cache
def _reader(kind: Any) -> _Convert:
    inner = _optional(kind)
    if inner is not None:
        convert = _reader(inner)
        return lambda value: None if value is None else convert(value)
    if typing.get_origin(kind) is tuple:
        item = _reader(typing.get_args(kind)[0])
        return lambda values: tuple(item(value) for value in values)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return cast(_Convert, kind)
    make: Callable[..., Any] = kind
    if dataclasses.is_dataclass(kind):
        fields = [(name, _reader(hint)) for name, hint in _hints(kind)]
        return lambda plain: make(**{name: convert(plain[name]) for name, convert in fields})
    if kind not in (str, int, float, bool, bytes, datetime):
        raise TypeError(f"events use no fields of type {kind!r}")
    return _same


def _optional(kind: Any) -> Any | None:
    if typing.get_origin(kind) not in (types.UnionType, typing.Union):
        return None
    inner = [option for option in typing.get_args(kind) if option is not type(None)]
    if len(inner) != 1:
        raise TypeError(f"events use no unions but with None, got {kind!r}")
    return inner[0]


def _hints(kind: Any) -> list[tuple[str, Any]]:
    hints = typing.get_type_hints(kind)
    return [(field.name, hints[field.name]) for field in dataclasses.fields(kind)]
