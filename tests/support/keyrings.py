"""A keyring in memory, for unit tests. It passes the same contract suite as the real one."""

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lookout.events import Erasure, ErasureReason, Receipt
from lookout.sealing.issuer import BlockIssuer
from lookout.sealing.metrics import KeyMetrics
from lookout.sealing.ports import (
    BlockClosedError,
    BlockState,
    DataKey,
    Destruction,
    Keyring,
    KeyringUnavailableError,
    PendingReceipt,
)
from prometheus_client import CollectorRegistry

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@dataclass(slots=True)
class _Block:
    deployment_id: str
    service: str
    count: int
    touched: datetime
    made: int = 0
    closed: bool = False


@dataclass(slots=True)
class _Held:
    secret: bytes
    ends: datetime


@dataclass(slots=True)
class MemoryKeyring:
    """Its time is its own: `advance` lets keys expire, `restart` loses everything, `available` makes it fail."""

    now: datetime = START
    available: bool = True
    calls: int = 0
    _blocks: dict[str, _Block] = field(default_factory=dict)
    _buried: set[str] = field(default_factory=set)
    _keys: dict[str, _Held] = field(default_factory=dict)
    _outbox: list[PendingReceipt] = field(default_factory=list)
    _next_ordinal: int = 1
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def advance(self, duration: timedelta) -> None:
        """Let time pass."""
        self.now += duration

    def restart(self) -> None:
        """Lose all that was in memory, the receipts not yet taken included."""
        with self._lock:
            self._blocks.clear()
            self._buried.clear()
            self._keys.clear()
            self._outbox.clear()

    @contextmanager
    def _call(self) -> Iterator[None]:
        with self._lock:
            self.calls += 1
            if not self.available:
                raise KeyringUnavailableError(
                    "the keyring does not answer (fake): make it available"
                )
            for key_id in [name for name, held in self._keys.items() if held.ends <= self.now]:
                del self._keys[key_id]
            yield

    def check(self) -> None:
        with self._call():
            pass

    def open_block(self, *, block_id: str, deployment_id: str, service: str, count: int) -> None:
        with self._call():
            known = self._blocks.get(block_id)
            if block_id in self._buried or (known is not None and known.closed):
                raise BlockClosedError(f"block {block_id} was closed before it was opened")
            if known is None:
                self._blocks[block_id] = _Block(deployment_id, service, count, self.now)

    def make(self, block_id: str, count: int, ttl: timedelta) -> Sequence[DataKey]:
        with self._call():
            block = self._blocks.get(block_id)
            if block is None or block.closed:
                raise BlockClosedError(f"block {block_id} is closed, or unknown to the keyring")
            number = min(count, block.count - block.made)
            made = [
                DataKey(f"{block_id}:{block.made + place}", secrets.token_bytes(32))
                for place in range(number)
            ]
            for key in made:
                self._keys[key.key_id] = _Held(key.secret, self.now + ttl)
            if number:
                block.made += number
                block.touched = self.now
            return made

    def get(self, key_ids: Sequence[str]) -> Sequence[DataKey | None]:
        with self._call():
            return [
                DataKey(key_id, held.secret) if (held := self._keys.get(key_id)) else None
                for key_id in key_ids
            ]

    def extend(self, key_ids: Sequence[str], ttl: timedelta) -> Sequence[bool]:
        with self._call():
            for key_id in key_ids:
                if key_id in self._keys:
                    self._keys[key_id].ends = self.now + ttl
            return [key_id in self._keys for key_id in key_ids]

    def destroy(self, destructions: Sequence[Destruction], *, by: str, at: datetime) -> int:
        with self._call():
            return sum(self._destroy_one(order, by, at) for order in destructions)

    def _destroy_one(self, order: Destruction, by: str, at: datetime) -> int:
        if self._keys.pop(order.key_id, None) is None:
            return 0
        block_id, _, counter = order.key_id.rpartition(":")
        self._append(
            order.deployment_id,
            block_id,
            Receipt(
                first=int(counter),
                count=1,
                reason=order.reason,
                captured_at=order.captured_at,
                destroyed_at=at,
                destroyed_by=by,
            ),
        )
        return 1

    def close_block(self, block_id: str, *, by: str, at: datetime) -> None:
        with self._call():
            block = self._blocks.get(block_id)
            if block is None or block.closed:
                return
            block.closed = True
            if block.made < block.count:
                receipt = Receipt(
                    first=block.made,
                    count=block.count - block.made,
                    reason=ErasureReason.UNUSED,
                    captured_at=None,
                    destroyed_at=at,
                    destroyed_by=by,
                )
                self._append(block.deployment_id, block_id, receipt)

    def _append(self, deployment_id: str, block_id: str, receipt: Receipt) -> None:
        self._outbox.append(
            PendingReceipt(
                ordinal=self._next_ordinal,
                deployment_id=deployment_id,
                block_id=block_id,
                receipt=receipt,
            )
        )
        self._next_ordinal += 1

    def blocks(self) -> Sequence[BlockState]:
        with self._call():
            return [
                BlockState(
                    block_id=block_id,
                    deployment_id=block.deployment_id,
                    service=block.service,
                    count=block.count,
                    made=block.made,
                    closed=block.closed,
                    idle_for=self.now - block.touched,
                )
                for block_id, block in self._blocks.items()
            ]

    def alive(self, key_ids: Sequence[str]) -> Sequence[bool]:
        with self._call():
            return [key_id in self._keys for key_id in key_ids]

    def remaining(self, key_ids: Sequence[str]) -> Sequence[timedelta | None]:
        with self._call():
            return [
                held.ends - self.now if (held := self._keys.get(key_id)) else None
                for key_id in key_ids
            ]

    def pending_receipts(self, limit: int) -> Sequence[PendingReceipt]:
        with self._call():
            return self._outbox[:limit]

    def drop_pending(self, through: int) -> None:
        with self._call():
            self._outbox = [entry for entry in self._outbox if entry.ordinal > through]

    def bury_block(self, block_id: str) -> bool:
        with self._call():
            if block_id in self._blocks:
                return False
            self._buried.add(block_id)
            return True

    def forget_block(self, block_id: str) -> None:
        with self._call():
            self._blocks.pop(block_id, None)

    def held(self) -> int:
        with self._call():
            return len(self._keys)


def issuer_over(
    keyring: Keyring,
    *,
    purpose: str = "face",
    ttl: timedelta = timedelta(minutes=2),
    announced: list[Erasure] | None = None,
    block_size: int = 1000,
) -> BlockIssuer:
    """An issuer for tests; what it announces is appended to ``announced``, acknowledged at once."""
    records = announced if announced is not None else []
    return BlockIssuer(
        keyring=keyring,
        announce=records.append,
        service="test",
        purpose=purpose,
        ttl=ttl,
        clock=lambda: START,
        metrics=KeyMetrics(CollectorRegistry()),
        block_size=block_size,
    )
