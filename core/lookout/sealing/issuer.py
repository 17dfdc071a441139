"""A service's supply of fresh keys: no key exists before its id is announced on the erasures topic."""

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from lookout.events import Erasure, ErasureKind, Issued
from lookout.sealing.metrics import KeyMetrics
from lookout.sealing.ports import BlockClosedError, DataKey, Keyring, KeyringUnavailableError
from lookout.stream.ports import Clock

BLOCK_SIZE = 1000
# One refusal is a block closed while idle; the next could be a keyring that restarts just then. More is a fault.
_MOST_REFUSALS = 3


@dataclass(slots=True)
class _Block:
    block_id: str
    opened: bool = False


class BlockIssuer:
    """`lookout.sealing.ports.Issuer` over blocks of key ids, one open block per deployment. Thread-safe.

    ``announce`` must return only once the record is acknowledged on the erasures topic, and raise otherwise. What a
    crash leaves behind needs no care here: the keeper closes blocks that nobody uses any more.
    """

    def __init__(
        self,
        *,
        keyring: Keyring,
        announce: Callable[[Erasure], None],
        service: str,
        purpose: str,
        ttl: timedelta,
        clock: Clock,
        metrics: KeyMetrics,
        block_size: int = BLOCK_SIZE,
    ) -> None:
        self._keyring = keyring
        self._announce = announce
        self._service = service
        self._purpose = purpose
        self._ttl = ttl
        self._clock = clock
        self._metrics = metrics
        self._block_size = block_size
        self._lock = threading.Lock()
        self._blocks: dict[str, _Block] = {}
        self._closed = False

    def make(self, deployment_id: str, count: int) -> Sequence[DataKey]:
        """``count`` fresh keys. Raises `KeyringUnavailableError`, or what ``announce`` raises: then there are none.

        Keys made before the error end by their time to live, receipted `expired`.
        """
        keys: list[DataKey] = []
        refusals = 0
        with self._lock:
            while len(keys) < count:
                try:
                    keys += self._from_block(deployment_id, count - len(keys))
                except BlockClosedError:
                    self._blocks.pop(deployment_id, None)
                    self._metrics.refused.labels(self._purpose).inc()
                    refusals += 1
                    if refusals == _MOST_REFUSALS:
                        raise
        self._metrics.made.labels(self._purpose).inc(len(keys))
        return keys

    def retire(self, deployment_id: str) -> None:
        """Receipt what is left of a deployment's block. Its next key, if any, comes from a new one."""
        with self._lock:
            block = self._blocks.pop(deployment_id, None)
            if block is not None:
                self._keyring.close_block(block.block_id, by=self._service, at=self._clock())

    def close(self) -> None:
        """Receipt what is left of all blocks; make no more keys."""
        self._closed = True
        for deployment_id in list(self._blocks):
            self.retire(deployment_id)

    def _from_block(self, deployment_id: str, wanted: int) -> Sequence[DataKey]:
        block = self._open_block(deployment_id)
        keys = self._keyring.make(block.block_id, wanted, self._ttl)
        if len(keys) < wanted:
            # It is used up; every id of it has had a key, so there is nothing to close.
            del self._blocks[deployment_id]
        return keys

    def _open_block(self, deployment_id: str) -> _Block:
        if self._closed:
            raise KeyringUnavailableError("this service is stopping: it makes no more keys")
        block = self._blocks.get(deployment_id)
        if block is None:
            block = _Block(str(uuid.uuid4()))
            self._announce(self._announcement(deployment_id, block.block_id))
            # Kept from here on, so that a keyring that does not answer costs one announced block, not one per attempt.
            self._blocks[deployment_id] = block
            self._metrics.blocks.labels(self._purpose).inc()
        if not block.opened:
            self._keyring.open_block(
                block_id=block.block_id,
                deployment_id=deployment_id,
                service=self._service,
                count=self._block_size,
            )
            block.opened = True
        return block

    def _announcement(self, deployment_id: str, block_id: str) -> Erasure:
        return Erasure(
            deployment_id=deployment_id,
            block_id=block_id,
            kind=ErasureKind.ISSUED,
            issued=Issued(
                service=self._service,
                purpose=self._purpose,
                count=self._block_size,
                issued_at=self._clock(),
            ),
            receipts=None,
        )
