"""The keyring on a memory-only Redis or Valkey: one call per batch, one Lua script per step (see `scripts`)."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.retry import Retry

from lookout.events import ErasureReason, Receipt
from lookout.sealing import scripts
from lookout.sealing.envelope import KEY_BYTES
from lookout.sealing.ports import (
    BlockClosedError,
    BlockState,
    DataKey,
    Destruction,
    KeyringUnavailableError,
    PendingReceipt,
)

# Redis answers nobody else while a script runs, and Lua unpacks at most some thousand values.
_CHUNK = 500
_SCAN_PAGE = 1000
_BURIED_FOR = timedelta(days=7)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Anything else lets keys reach a disk, or vanish before their time.
_REQUIRED_CONFIG = {
    "save": "",
    "appendonly": "no",
    "maxmemory-policy": "noeviction",
    "slowlog-log-slower-than": "-1",
}

_Value = str | bytes | int
_Execute = Callable[..., object]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyringAddress:
    """Where the keyring is: ``redis://``, ``rediss://`` (TLS) or ``unix://`` with the socket's path.

    Files are PEM, and count with ``rediss://`` only; without ``ca_file`` the system's certificates are believed.
    """

    url: str
    username: str | None = None
    password: str | None = None
    timeout: timedelta = timedelta(seconds=2)
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    def __repr__(self) -> str:
        """Show neither the password nor a URL that may hold one."""
        return "KeyringAddress(…)"


class _Script:
    """One Lua script, sent by its digest; the text goes again when a restarted keyring has forgotten it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def run(self, execute: _Execute, keys: Sequence[str], *arguments: _Value) -> object:
        try:
            return execute("EVALSHA", self._digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return execute("EVAL", self._text, len(keys), *keys, *arguments)


class RedisKeyring:
    """`lookout.sealing.ports.Keyring` on one Redis server. Safe to use from several threads.

    Calls are never retried here: whoever calls knows whether repeating is wanted.
    """

    def __init__(self, address: KeyringAddress) -> None:
        seconds = address.timeout.total_seconds()
        options: dict[str, object] = {
            "socket_timeout": seconds,
            "socket_connect_timeout": seconds,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            "decode_responses": False,
        }
        if address.username is not None:
            options["username"] = address.username
        if address.password is not None:
            options["password"] = address.password
        if address.url.startswith("rediss://"):
            options |= _tls(address)
        self._client = redis.Redis(
            connection_pool=redis.ConnectionPool.from_url(address.url, **options)
        )
        # One command, as a list of words: the client's typed methods cost twice the time of a small call.
        self._execute: _Execute = self._client.execute_command
        self._open = _Script(scripts.OPEN)
        self._make = _Script(scripts.MAKE)
        self._extend = _Script(scripts.EXTEND)
        self._destroy = _Script(scripts.DESTROY)
        self._close = _Script(scripts.CLOSE)
        self._states = _Script(scripts.BLOCK_STATES)
        self._alive = _Script(scripts.ALIVE)
        self._remaining = _Script(scripts.REMAINING)
        self._pending = _Script(scripts.PENDING)
        self._drop = _Script(scripts.DROP)
        self._bury = _Script(scripts.BURY)
        self._forget = _Script(scripts.FORGET)

    def disconnect(self) -> None:
        """Let the connections go. The next call opens new ones."""
        self._client.connection_pool.disconnect()

    def time(self) -> datetime:
        """The server's clock, UTC: the cheapest question there is."""
        seconds, microseconds = cast("list[bytes] | tuple[int, int]", self._command("TIME"))
        return _EPOCH + timedelta(seconds=int(seconds), microseconds=int(microseconds))

    def check(self) -> None:
        """Raise unless it answers, writes nothing to disk, drops nothing by itself, and has no replica."""
        for name, wanted in _REQUIRED_CONFIG.items():
            found = self._settings(name).get(name)
            if found != wanted:
                raise KeyringUnavailableError(
                    f'the keyring\'s setting {name} must be "{wanted}", but is "{found}": keys could reach a disk '
                    "or be lost. Set it where the keyring is started, and restart it"
                )
        replication = self._replication()
        if replication.get("role") != "master" or replication.get("connected_slaves") != 0:
            raise KeyringUnavailableError(
                "the keyring must be one server without replicas, which would keep keys that were destroyed"
            )

    def open_block(self, *, block_id: str, deployment_id: str, service: str, count: int) -> None:
        """Make a block usable. Again for the same open block changes nothing."""
        keys = [scripts.BLOCK + block_id, scripts.BLOCKS, scripts.TAKEN]
        if self._run(self._open, keys, deployment_id, service, count, block_id) != 1:
            raise BlockClosedError(f"block {block_id} was closed before it was opened")

    def make(self, block_id: str, count: int, ttl: timedelta) -> Sequence[DataKey]:
        """Make the block's next keys, fewer when fewer are left. The secrets come from this process's CSPRNG."""
        made: list[DataKey] = []
        while len(made) < count:
            wanted = min(count - len(made), _CHUNK)
            chunk = self._make_chunk(block_id, wanted, ttl)
            made += chunk
            if len(chunk) < wanted:
                break
        return made

    def _make_chunk(self, block_id: str, count: int, ttl: timedelta) -> list[DataKey]:
        fresh = [secrets.token_bytes(KEY_BYTES) for _ in range(count)]
        prefix = f"{scripts.KEY}{block_id}:"
        answer = self._run(
            self._make, [scripts.BLOCK + block_id], prefix, _milliseconds(ttl), *fresh
        )
        first, number = cast("list[int]", answer)
        if first < 0:
            raise BlockClosedError(f"block {block_id} is closed, or unknown to the keyring")
        return [DataKey(f"{block_id}:{first + place}", fresh[place]) for place in range(number)]

    def get(self, key_ids: Sequence[str]) -> Sequence[DataKey | None]:
        """The keys, None where destroyed, expired or never made."""
        keys: list[DataKey | None] = []
        for chunk in _chunks(key_ids):
            answer = self._command("MGET", *[scripts.KEY + key_id for key_id in chunk])
            found = cast("list[bytes | None]", answer)
            keys += [
                None if secret is None else DataKey(key_id, secret)
                for key_id, secret in zip(chunk, found, strict=True)
            ]
        return keys

    def extend(self, key_ids: Sequence[str], ttl: timedelta) -> Sequence[bool]:
        """Give keys another time to live, from now."""
        return self._each(self._extend, key_ids, _milliseconds(ttl))

    def destroy(self, destructions: Sequence[Destruction], *, by: str, at: datetime) -> int:
        """Delete keys, each with its receipt in the outbox, in one step."""
        destroyed = 0
        for chunk in _chunks([order for order in destructions if _is_key_id(order.key_id)]):
            keys = [scripts.OUTBOX, *[scripts.KEY + order.key_id for order in chunk]]
            receipts = [_receipt_of(order, by, at) for order in chunk]
            destroyed += cast("int", self._run(self._destroy, keys, *receipts))
        return destroyed

    def close_block(self, block_id: str, *, by: str, at: datetime) -> None:
        """No more keys from this block; the rest of it is receipted `unused`, in one step."""
        after = _joined(ErasureReason.UNUSED, "", str(_microseconds(at)), by)
        self._run(self._close, [scripts.BLOCK + block_id, scripts.OUTBOX], block_id, after)

    def blocks(self) -> Sequence[BlockState]:
        """All blocks the keyring knows, as they were at one moment."""
        answer = self._run(self._states, [scripts.BLOCKS], scripts.BLOCK)
        now, *rows = cast("list[bytes | list[bytes]]", answer)
        return [
            _block_state(row, float(cast("bytes", now))) for row in cast("list[list[bytes]]", rows)
        ]

    def alive(self, key_ids: Sequence[str]) -> Sequence[bool]:
        """Whether each key exists."""
        return self._each(self._alive, key_ids)

    def remaining(self, key_ids: Sequence[str]) -> Sequence[timedelta | None]:
        """How long each key has to live; None where it is gone."""
        left: list[timedelta | None] = []
        for chunk in _chunks(key_ids):
            answer = self._run(self._remaining, [scripts.KEY + key_id for key_id in chunk])
            left += [
                timedelta(milliseconds=one) if one >= 0 else None
                for one in cast("list[int]", answer)
            ]
        return left

    def pending_receipts(self, limit: int) -> Sequence[PendingReceipt]:
        """The oldest receipts in the outbox, without taking them."""
        answer = self._run(self._pending, [scripts.OUTBOX, scripts.TAKEN], limit)
        first, entries = cast("tuple[bytes, list[bytes]]", answer)
        return [_pending_receipt(int(first) + place, entry) for place, entry in enumerate(entries)]

    def drop_pending(self, through: int) -> None:
        """Take receipts out up to this ordinal."""
        self._run(self._drop, [scripts.OUTBOX, scripts.TAKEN], through)

    def bury_block(self, block_id: str) -> bool:
        """Refuse an unknown block for a week: longer than any service could be stalled over opening it."""
        keys = [scripts.BLOCK + block_id]
        return self._run(self._bury, keys, _milliseconds(_BURIED_FOR)) == 1

    def forget_block(self, block_id: str) -> None:
        """Drop a finished block's bookkeeping."""
        self._run(self._forget, [scripts.BLOCK + block_id, scripts.BLOCKS], block_id)

    def held(self) -> int:
        """How many keys are alive, counted by walking through all of them: independent of any bookkeeping."""
        found: set[bytes] = set()
        cursor = 0
        while True:
            answer = self._command("SCAN", cursor, "MATCH", scripts.KEY + "*", "COUNT", _SCAN_PAGE)
            cursor, page = cast("tuple[int, list[bytes]]", answer)
            found.update(page)
            if int(cursor) == 0:
                return len(found)

    def _each(self, script: _Script, key_ids: Sequence[str], *arguments: _Value) -> list[bool]:
        found: list[bool] = []
        for chunk in _chunks(key_ids):
            answer = self._run(script, [scripts.KEY + key_id for key_id in chunk], *arguments)
            found += [flag == 1 for flag in cast("list[int]", answer)]
        return found

    def _run(self, script: _Script, keys: Sequence[str], *arguments: _Value) -> object:
        try:
            return script.run(self._execute, keys, *arguments)
        except RedisError as error:
            raise _unavailable(error) from None

    def _command(self, *words: _Value) -> object:
        try:
            return self._execute(*words)
        except RedisError as error:
            raise _unavailable(error) from None

    def _settings(self, pattern: str) -> dict[str, str]:
        try:
            return cast("dict[str, str]", self._client.config_get(pattern))
        except RedisError as error:
            raise _unavailable(error) from None

    def _replication(self) -> dict[str, object]:
        try:
            return cast("dict[str, object]", self._client.info("replication"))
        except RedisError as error:
            raise _unavailable(error) from None


def _tls(address: KeyringAddress) -> dict[str, object]:
    files = {
        "ssl_ca_certs": address.ca_file,
        "ssl_certfile": address.certificate_file,
        "ssl_keyfile": address.key_file,
    }
    named = {name: str(path) for name, path in files.items() if path is not None}
    return {**named, "ssl_cert_reqs": "required", "ssl_check_hostname": True}


_LACKS = (
    "its user lacks a permission; load the file that `lookout keyring acls` writes into the server "
    "(at least +time +config|get +info)"
)
# What a server says (of a command, or from within a script), and what to do about it.
_ADVICE = {
    "OOM": "it is full; give it more memory, or see why keys are not destroyed",
    "NOPERM": _LACKS,
    "no permissions": _LACKS,
    "The user executing the script": _LACKS,
    "NOAUTH": "it wants a password; set one",
    "Authentication required": "it wants a password; set one",
    "WRONGPASS": "user or password is wrong",
    "invalid username-password": "user or password is wrong",
    "READONLY": "it is a replica; give the address of the server itself",
    "read only replica": "it is a replica; give the address of the server itself",
}


def _unavailable(error: RedisError) -> KeyringUnavailableError:
    """The error in our words. A server's full text may quote a command's arguments, and those may be secrets."""
    kind = type(error).__name__
    advice = next((advice for said, advice in _ADVICE.items() if said in str(error)), None)
    if advice is not None or isinstance(error, ResponseError):
        return KeyringUnavailableError(
            f"the keyring refuses ({kind}): {advice or 'its own log says why'}"
        )
    return KeyringUnavailableError(
        f"the keyring does not answer ({kind}): see that it runs and that its address is right"
    )


def _chunks(items: Sequence[_T]) -> list[Sequence[_T]]:
    return [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]


def _milliseconds(duration: timedelta) -> int:
    return max(1, duration // timedelta(milliseconds=1))


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(microseconds: bytes) -> datetime:
    return _EPOCH + int(microseconds) * _MICROSECOND


def _is_key_id(key_id: str) -> bool:
    """Whether this can be one of ours: ids come from records, and a foreign one is a key that is not there."""
    _, _, counter = key_id.rpartition(":")
    return counter.isascii() and counter.isdigit()


def _joined(*fields: str) -> str:
    return scripts.SEPARATOR.join(field.replace(scripts.SEPARATOR, " ") for field in fields)


def _receipt_of(order: Destruction, by: str, at: datetime) -> str:
    block_id, _, counter = order.key_id.rpartition(":")
    captured = "" if order.captured_at is None else str(_microseconds(order.captured_at))
    return _joined(
        block_id,
        counter,
        "1",
        order.reason,
        captured,
        str(_microseconds(at)),
        by,
        order.deployment_id,
    )


def _pending_receipt(ordinal: int, entry: bytes) -> PendingReceipt:
    fields = entry.split(scripts.SEPARATOR.encode())
    block_id, first, count, reason, captured, destroyed, by, deployment_id = fields
    receipt = Receipt(
        first=int(first),
        count=int(count),
        reason=ErasureReason(reason.decode()),
        captured_at=_moment(captured) if captured else None,
        destroyed_at=_moment(destroyed),
        destroyed_by=by.decode(),
    )
    return PendingReceipt(
        ordinal=ordinal,
        deployment_id=deployment_id.decode(),
        block_id=block_id.decode(),
        receipt=receipt,
    )


def _block_state(row: list[bytes], now: float) -> BlockState:
    block_id, deployment_id, service, count, made, still_open, touched = row
    return BlockState(
        block_id=block_id.decode(),
        deployment_id=deployment_id.decode(),
        service=service.decode(),
        count=int(count),
        made=int(made),
        closed=still_open != b"1",
        idle_for=timedelta(seconds=max(0.0, now - float(touched))),
    )
