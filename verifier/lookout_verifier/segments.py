"""Kafka's log segments as they lie on a disk: record batches of format 2, read without a broker."""

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct
from typing import IO

# Base offset, length, leader epoch, magic, CRC, attributes, last offset delta, base and last timestamp, producer id
# and epoch, base sequence, number of records.
_BATCH = Struct(">qiibIhiqqqhii")
_BEFORE_LENGTH = 12
_MAGIC = 2
_COMPRESSION, _CONTROL = 0x07, 0x20
_CODECS = {1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}
_GZIP = 1
_MOST_BYTES = 128 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One record of a topic, where it lies, and what it holds."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None

    @property
    def place(self) -> str:
        """Where it lies, for people."""
        return f"{self.topic}-{self.partition}@{self.offset}"


@dataclass(slots=True)
class Reading:
    """What reading met: segments, messages, tails torn off in a copy, batches that could not be read, by reason."""

    segments: int = 0
    messages: int = 0
    torn: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)


class _TornError(Exception):
    """The bytes end, or stop making sense, before the record does."""


def read_segment(path: Path, topic: str, partition: int, reading: Reading) -> Iterator[Message]:
    """The messages of one segment, in its order. A segment that is removed meanwhile has none.

    A copy taken from a running broker may end in the middle of a batch: what is whole is read, the rest is counted.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        reading.segments += 1
        for base, attributes, count, content in _batches(file, reading):
            if attributes & _CONTROL:
                continue
            try:
                for delta, key, value in _records(content, count):
                    reading.messages += 1
                    yield Message(
                        topic=topic, partition=partition, offset=base + delta, key=key, value=value
                    )
            except (_TornError, IndexError):
                reading.torn += 1


def _batches(file: IO[bytes], reading: Reading) -> Iterator[tuple[int, int, int, bytes]]:
    while header := file.read(_BATCH.size):
        if not any(header):
            return  # room taken in advance
        if len(header) < _BATCH.size:
            reading.torn += 1
            return
        base, length, _, magic, _, attributes, *_, count = _BATCH.unpack(header)
        rest = length - (_BATCH.size - _BEFORE_LENGTH)
        if magic != _MAGIC or not 0 <= rest <= _MOST_BYTES:
            reading.unreadable["not a batch of format 2"] += 1
            return
        content = file.read(rest)
        if len(content) < rest:
            reading.torn += 1
            return
        codec = attributes & _COMPRESSION
        if codec:
            unpacked = _gunzip(content) if codec == _GZIP else None
            if unpacked is None:
                reading.unreadable[f"compressed with {_CODECS.get(codec, codec)}"] += 1
                continue
            content = unpacked
        yield base, attributes, count, content


def _gunzip(content: bytes) -> bytes | None:
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpack.decompress(content, _MOST_BYTES)
    except zlib.error:
        return None
    return None if unpack.unconsumed_tail else plain


def _records(content: bytes, count: int) -> Iterator[tuple[int, bytes | None, bytes | None]]:
    at = 0
    for _ in range(count):
        length, at = _varint(content, at)
        end = at + length
        if length < 0 or end > len(content):
            raise _TornError
        at += 1
        _, at = _varint(content, at)
        delta, at = _varint(content, at)
        key, at = _octets(content, at)
        value, at = _octets(content, at)
        yield delta, key, value
        at = end  # headers hold ids and content types; the scan of the files looks into them


def _octets(content: bytes, at: int) -> tuple[bytes | None, int]:
    length, at = _varint(content, at)
    if length < 0:
        return None, at
    if at + length > len(content):
        raise _TornError
    return content[at : at + length], at + length


def _varint(content: bytes, at: int) -> tuple[int, int]:
    shift = result = 0
    while True:
        byte = content[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (result >> 1) ^ -(result & 1), at
        shift += 7
        if shift > 63:
            raise _TornError
