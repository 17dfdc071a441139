"""Keys, as services see them. A key id is ``block:counter``; a key is 32 bytes that never leave the process's memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from lookout.events import ErasureReason, Receipt


class KeyringUnavailableError(Exception):
    """The keyring does not answer, is not set up as it must be, or refuses: nothing may be sealed. Says what to do."""


class BlockClosedError(KeyringUnavailableError):
    """The block is closed, or the keyring does not know it (it was restarted): announce another one."""


class KeyGoneError(Exception):
    """The key is destroyed or expired: what it sealed cannot be opened by anybody. The text names the key id."""


class CannotOpenError(Exception):
    """The ciphertext, its additional data or the key is not what it claims to be. Never says what was inside."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """One AES-256 key. ``secret`` is kept out of the repr, and so out of logs and tracebacks."""

    key_id: str
    secret: bytes

    def __repr__(self) -> str:
        """Name the key, never show it."""
        return f"DataKey({self.key_id!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destruction:
    """An order to destroy one key and receipt it. ``captured_at`` is that of the image it sealed."""

    key_id: str
    reason: ErasureReason
    deployment_id: str
    captured_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingReceipt:
    """A receipt in the outbox, with the block and deployment it belongs to.

    ``ordinal`` is its place in the outbox since the keyring began, and never comes again after a restart.
    """

    ordinal: int
    deployment_id: str
    block_id: str
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockState:
    """What the keyring knows of a block: ids below ``made`` have had a key; a closed block makes no more."""

    block_id: str
    deployment_id: str
    service: str
    count: int
    made: int
    closed: bool
    idle_for: timedelta


class Keyring(Protocol):
    """The one place where data keys live. Every call is batched; every call may raise `KeyringUnavailableError`."""

    def check(self) -> None:
        """Raise unless it answers and is set up to keep nothing on disk (CONFIG GET, design §3)."""

    def open_block(self, *, block_id: str, deployment_id: str, service: str, count: int) -> None:
        """Make a block usable. Raises `BlockClosedError` if the keeper has closed or buried it meanwhile."""

    def make(self, block_id: str, count: int, ttl: timedelta) -> Sequence[DataKey]:
        """Make the block's next ``count`` keys; fewer (or none) when the block has fewer left.

        Raises `BlockClosedError` if the block is closed or gone. A call whose answer was lost may have made keys
        that nobody knows: they end by their time to live.
        """

    def get(self, key_ids: Sequence[str]) -> Sequence[DataKey | None]:
        """The keys, None where destroyed or expired, in order."""

    def extend(self, key_ids: Sequence[str], ttl: timedelta) -> Sequence[bool]:
        """Give keys another time to live; False where the key is gone."""

    def destroy(self, destructions: Sequence[Destruction], *, by: str, at: datetime) -> int:
        """Delete keys, each with its receipt in the outbox, atomically; the number that were still there.

        A key that is gone already gets no second receipt.
        """

    def close_block(self, block_id: str, *, by: str, at: datetime) -> None:
        """No more keys from this block: the ids never made are receipted `unused`, atomically. Idempotent."""

    # What follows is for the keeper and the verifiers.

    def blocks(self) -> Sequence[BlockState]:
        """All blocks the keyring knows."""

    def alive(self, key_ids: Sequence[str]) -> Sequence[bool]:
        """Whether each key exists."""

    def remaining(self, key_ids: Sequence[str]) -> Sequence[timedelta | None]:
        """How long each key has to live; None where it is gone."""

    def pending_receipts(self, limit: int) -> Sequence[PendingReceipt]:
        """The oldest receipts in the outbox, without taking them."""

    def drop_pending(self, through: int) -> None:
        """Take receipts out up to this ordinal: they are acknowledged on the topic.

        Idempotent, and harmless when another keeper took them, or the keyring began anew, meanwhile.
        """

    def bury_block(self, block_id: str) -> bool:
        """Mark a block that the keyring does not know as closed, so that a late `open_block` is refused.

        False when the keyring knows the block after all: then nothing is done.
        """

    def forget_block(self, block_id: str) -> None:
        """Every id of the block has its receipt: drop its bookkeeping."""

    def held(self) -> int:
        """How many keys are alive."""


class Issuer(Protocol):
    """A service's supply of fresh keys: announces a block on the erasures topic before it uses one of its ids."""

    def make(self, deployment_id: str, count: int) -> Sequence[DataKey]:
        """``count`` fresh keys for a deployment's images."""

    def close(self) -> None:
        """Receipt what was never used."""

    def retire(self, deployment_id: str) -> None:
        """Receipt what was never used for one deployment: it is over."""


class VaultError(Exception):
    """The vault cannot be used: wrong secret, missing folder, damaged file, bad name. Says what to do."""


class Vault(Protocol):
    """Keys that must outlive a restart, by name: ``watchlist/<deployment>``, ``people/<deployment>``, ``evidence/<date>``, ``signing/<name>``, ``ledger/<name>``.

    A key's id is its name. Any call may raise `VaultError`.
    """

    def get(self, name: str) -> DataKey:
        """The key; `KeyGoneError` if there is none by that name (any more)."""

    def create(self, name: str) -> DataKey:
        """A fresh key under a name that is free."""

    def get_or_create(self, name: str) -> DataKey:
        """The key, made if there is none. Two processes that race for it get the same."""

    def destroy(self, name: str) -> None:
        """Destroy the key: what it sealed cannot be opened again. Idempotent."""

    def names(self) -> Sequence[str]:
        """The names of all keys, in order."""
