"""Frames looked at and frames shed, by deployment, as the receipts of their keys say: counted anew from the topic at every start."""

import threading
from collections import Counter
from dataclasses import dataclass

from lookout.events import Erasure, ErasureReason

_FRAME = "frame"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Of a deployment's sealed frames: how many were looked at, and how many were too old by then and destroyed unopened."""

    looked_at: int
    shed: int


class FrameTotals:
    """Fed by a follower of ``erasures``, on its thread; asked from any. Receipts read again count once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: set[str] = set()
        self._ended: dict[str, Counter[ErasureReason]] = {}
        self._last = -1

    def heard(self, erasure: Erasure) -> None:
        """Take a record of the topic, in its order."""
        with self._lock:
            if erasure.issued is not None and erasure.issued.purpose == _FRAME:
                self._blocks.add(erasure.block_id)
            if erasure.receipts is None or erasure.receipts.sequence <= self._last:
                return
            self._last = erasure.receipts.sequence
            if erasure.block_id in self._blocks:
                ended = self._ended.setdefault(erasure.deployment_id, Counter())
                for receipt in erasure.receipts.receipts:
                    ended[receipt.reason] += receipt.count

    def of(self, deployment_id: str) -> Frames:
        """The totals of a deployment so far."""
        with self._lock:
            ended = self._ended.get(deployment_id, Counter[ErasureReason]())
            return Frames(looked_at=ended[ErasureReason.PROCESSED], shed=ended[ErasureReason.STALE])
