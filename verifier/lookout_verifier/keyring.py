"""The keyring, asked and never changed: a client of the Redis protocol that knows reading commands only."""

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO
from urllib.parse import unquote, urlsplit

_KEY, _BLOCK, _BLOCKS, _OUTBOX = "lk:k:", "lk:b:", "lk:blocks", "lk:outbox"
_SEPARATOR = b"\x1f"
_PAGE = 500
_TIMEOUT_S = 10.0
_DEFAULT_PORT = 6379
_READING = frozenset(
    {"AUTH", "CONFIG", "HMGET", "INFO", "LRANGE", "MGET", "PING", "SCAN", "SLOWLOG", "SMEMBERS"}
)

_Reply = None | int | bytes | list["_Reply"]


class KeyringError(Exception):
    """The keyring does not answer, or refuses. Says what to do; holds nothing that it said."""


@dataclass(frozen=True, slots=True)
class BlockState:
    """What the keyring knows of a block: ids below ``made`` have had a key; a closed one makes no more."""

    count: int
    made: int
    open: bool


@dataclass(frozen=True, slots=True)
class Pending:
    """A receipt that the keeper has not taken yet."""

    block_id: str
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the keyring said, in the order that loses no key: blocks, then keys, then receipts."""

    blocks: dict[str, BlockState]
    alive: frozenset[str]
    pending: tuple[Pending, ...]


class KeyringReader:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._answers: IO[bytes] = connection.makefile("rb")

    def snapshot(self) -> Snapshot:
        """Everything that counts keys.

        A key made after the blocks were read counts as not made yet, one destroyed after the keys were read as alive;
        one destroyed before has its receipt in the outbox by then, or on the topic.
        """
        blocks = self._blocks()
        alive = self._alive()
        entries = _items(self._call("LRANGE", _OUTBOX, 0, -1))
        return Snapshot(blocks, alive, tuple(_pending(_octets(entry)) for entry in entries))

    def secrets(self, key_ids: Sequence[str]) -> dict[str, bytes]:
        """The keys that exist, by id. For comparing only."""
        found: dict[str, bytes] = {}
        for start in range(0, len(key_ids), _PAGE):
            page = key_ids[start : start + _PAGE]
            answers = _items(self._call("MGET", *[_KEY + key_id for key_id in page]))
            found |= {
                key_id: answer
                for key_id, answer in zip(page, answers, strict=True)
                if isinstance(answer, bytes)
            }
        return found

    def setting(self, name: str) -> str | None:
        """A setting of the server; None if it has none by this name."""
        answer = _items(self._call("CONFIG", "GET", name))
        return _octets(answer[1]).decode(errors="replace") if len(answer) > 1 else None

    def slow_commands(self) -> int:
        """How many commands its slow log holds; with their arguments, and so with keys."""
        answer = self._call("SLOWLOG", "LEN")
        return answer if isinstance(answer, int) else 0

    def info(self, section: str) -> dict[str, str]:
        """A section of INFO."""
        text = _octets(self._call("INFO", section)).decode(errors="replace")
        lines = (line.partition(":") for line in text.splitlines() if ":" in line)
        return {name: value.strip() for name, _, value in lines}

    def close(self) -> None:
        """Hang up."""
        self._answers.close()
        self._connection.close()

    def _blocks(self) -> dict[str, BlockState]:
        names = [_octets(name).decode() for name in _items(self._call("SMEMBERS", _BLOCKS))]
        states: dict[str, BlockState] = {}
        for name in names:
            answer = _items(self._call("HMGET", _BLOCK + name, "count", "made", "open"))
            if answer[1] is not None:
                states[name] = BlockState(
                    count=int(_octets(answer[0])),
                    made=int(_octets(answer[1])),
                    open=answer[2] is not None,
                )
        return states

    def _alive(self) -> frozenset[str]:
        found: set[str] = set()
        cursor = "0"
        while True:
            answer = _items(self._call("SCAN", cursor, "MATCH", _KEY + "*", "COUNT", _PAGE))
            cursor = _octets(answer[0]).decode()
            found.update(_octets(name).decode()[len(_KEY) :] for name in _items(answer[1]))
            if cursor == "0":
                return frozenset(found)

    def _call(self, *words: str | int) -> _Reply:
        if words[0] not in _READING:
            raise KeyringError(f"a verifier may not say {words[0]}")
        encoded = [str(word).encode() for word in words]
        lines = [b"*%d\r\n" % len(encoded)]
        lines += [b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded]
        try:
            self._connection.sendall(b"".join(lines))
            return self._reply()
        except (OSError, ValueError) as error:
            raise KeyringError(
                f"the keyring does not answer ({type(error).__name__}): see that it runs and that its address is right"
            ) from None

    def _reply(self) -> _Reply:
        line = self._answers.readline()
        if not line.endswith(b"\r\n"):
            raise OSError
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return self._bulk(int(rest))
        if kind == b"*":
            return [self._reply() for _ in range(int(rest))] if int(rest) >= 0 else None
        word = rest.split(b" ", 1)[0].decode(errors="replace")
        raise KeyringError(
            f"the keyring refuses ({word}): its user needs ~lk:* +@read +config|get +slowlog|len +info +ping"
        )

    def _bulk(self, length: int) -> bytes | None:
        if length < 0:
            return None
        content = self._answers.read(length + 2)
        if len(content) < length + 2:
            raise OSError
        return content[:-2]

    def sign_in(self, user: str | None, password: str | None) -> None:
        """Say who asks, where that is wanted."""
        if password is not None:
            words = ("AUTH", user, password) if user else ("AUTH", password)
            self._call(*words)
        self._call("PING")


@contextmanager
def connected(url: str) -> Iterator[KeyringReader]:
    """A connection to ``unix://PATH``, ``redis://HOST:PORT`` or ``rediss://HOST:PORT`` (TLS, system's certificates).

    Raises:
        KeyringError: nobody answers there, or the address makes no sense.
    """
    parts = urlsplit(url)
    try:
        connection = _connect(parts.scheme, parts.path, parts.hostname, parts.port)
    except (OSError, ValueError) as error:
        raise KeyringError(
            f"no keyring answers at its address ({type(error).__name__}): wanted unix://PATH, redis://HOST:PORT or "
            "rediss://HOST:PORT of one that runs"
        ) from None
    reader = KeyringReader(connection)
    try:
        user, password = parts.username, parts.password
        reader.sign_in(
            unquote(user) if user else None, unquote(password) if password is not None else None
        )
        yield reader
    finally:
        reader.close()


def _connect(scheme: str, path: str, host: str | None, port: int | None) -> socket.socket:
    if scheme == "unix":
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(_TIMEOUT_S)
        try:
            connection.connect(unquote(path))
        except OSError:
            connection.close()
            raise
        return connection
    if scheme not in {"redis", "rediss"} or host is None:
        raise ValueError(scheme)
    connection = socket.create_connection((host, port or _DEFAULT_PORT), _TIMEOUT_S)
    if scheme == "rediss":
        return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
    return connection


def _items(answer: _Reply) -> list[_Reply]:
    if not isinstance(answer, list):
        raise KeyringError("the keyring answered what no keyring answers: is this its address?")
    return answer


def _octets(answer: _Reply) -> bytes:
    if not isinstance(answer, bytes):
        raise KeyringError("the keyring answered what no keyring answers: is this its address?")
    return answer


def _pending(entry: bytes) -> Pending:
    fields = entry.split(_SEPARATOR)
    try:
        return Pending(fields[0].decode(), int(fields[1]), int(fields[2]))
    except (IndexError, ValueError):
        raise KeyringError("the keyring's outbox holds what is no receipt") from None
