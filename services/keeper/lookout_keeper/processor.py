"""The keeper's work: drain the outbox, chain, sign, write; find what is gone without a receipt.

The topic is the only truth: the account and the chain's head change when a record is read back, not when it is
written. So a keeper that another has replaced never takes a receipt out of the outbox that is not in the chain.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from lookout.events import Erasure
from lookout.sealing.ports import BlockState, Keyring, PendingReceipt
from lookout.stream.ports import Clock, StreamError

from lookout_keeper import domain
from lookout_keeper.domain import (
    Accounts,
    BlockReceipts,
    BodyOf,
    Chain,
    ChainHead,
    Ledger,
    Sign,
    Trusted,
    Verdict,
)
from lookout_keeper.metrics import Metrics
from lookout_keeper.ports import ErasureLog

_READ_S = 0.1
_READ_BACK_WITHIN_S = 20.0

_log = structlog.get_logger()


class ChainBrokenError(Exception):
    """The topic's chain of receipts does not hold: nothing is added to it until a person has looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the keeper waits before it acts on a block, and how much it takes at a time."""

    unknown: timedelta = timedelta(seconds=10)
    idle: timedelta = timedelta(minutes=10)
    turn_size: int = 5000


class Keeper:
    """One writer of the chain. Every call may raise `KeyringUnavailableError`, `StreamError`, `ChainBrokenError`.

    After any of them all calls can be repeated: nothing is taken out of the keyring that is not on the topic.
    """

    def __init__(
        self,
        *,
        keyring: Keyring,
        log: ErasureLog,
        body_of: BodyOf,
        sign: Sign,
        trusted: Trusted,
        name: str,
        clock: Clock,
        metrics: Metrics,
        patience: Patience,
    ) -> None:
        """``name`` is who destroyed what the keeper finds expired. ``body_of`` is the Avro body of a record."""
        self._keyring = keyring
        self._topic = log
        self._body_of = body_of
        self._sign = sign
        self._name = name
        self._clock = clock
        self._metrics = metrics
        self._patience = patience
        self._ledger = Ledger()
        self._chain = Chain(body_of=body_of, trusted=trusted)
        self._broken = ""
        self._unknown_since: dict[str, datetime] = {}

    @property
    def ledger(self) -> Ledger:
        """The account as read from the topic."""
        return self._ledger

    @property
    def head(self) -> ChainHead:
        """Where the chain ends, as read from the topic."""
        return self._chain.head

    def follow(self, timeout_s: float = 0.0) -> None:
        """Take in what is new on the topic. A waiting keeper does only this, and is up to date when its time comes."""
        self._take_in(self._topic.read(timeout_s))

    def catch_up(self) -> bool:
        """Whether everything that is on the topic now was taken in; takes in some of it if not."""
        self._require_whole()
        if self._topic.at_end():
            return True
        self.follow(_READ_S)
        return False

    def turn(self) -> int:
        """Take one batch of receipts from the keyring's outbox to the topic; how many were in it."""
        with self._metrics.turn_seconds.time():
            self.follow()
            pending = self._keyring.pending_receipts(self._patience.turn_size)
            contents = domain.by_block(pending, self._ledger)
            if pending and self._write(contents):
                self._keyring.drop_pending(pending[-1].ordinal)
                repeated = sum(entry.receipt.count for entry in pending)
                self._metrics.repeated.inc(repeated - sum(content.keys for content in contents))
            return len(pending)

    def drain(self) -> None:
        """Take receipts to the topic until the outbox has been seen empty, or nearly."""
        while self.turn() == self._patience.turn_size:
            pass

    def sweep(self) -> Accounts:
        """Close, bury and forget blocks, write `expired` for keys gone without a receipt; the account after it.

        The order is what keeps a key that is destroyed meanwhile from being called expired: first what is missing is
        noted, then the outbox drained. A key destroyed before it was missed has its receipt in the outbox by then.
        """
        with self._metrics.sweep_seconds.time():
            self.follow()
            states = {state.block_id: state for state in self._keyring.blocks()}
            missing = self._missing(states)
            self.drain()
            now = self._clock()
            self._write(
                [self._expired(block_id, counters, now) for block_id, counters in missing.items()]
            )
            self._end_blocks(states, now)
            accounts = self.accounts()
            self._metrics.show(accounts)
            return accounts

    def accounts(self) -> Accounts:
        """The sum of all keys, from the topic as read and the keyring now."""
        pending: Sequence[PendingReceipt] = self._keyring.pending_receipts(self._patience.turn_size)
        return domain.account(
            self._ledger, states=self._keyring.blocks(), alive=self._keyring.held(), pending=pending
        )

    def check_keyring(self) -> None:
        """Raise unless the keyring answers and is set up as it must be."""
        self._keyring.check()

    def _missing(self, states: Mapping[str, BlockState]) -> dict[str, list[int]]:
        candidates: dict[str, list[int]] = {}
        now = self._clock()
        for block_id, block in self._ledger.unfinished().items():
            state = states.get(block_id)
            if state is not None:
                self._unknown_since.pop(block_id, None)
                candidates[block_id] = block.unreceipted(state.made)
            elif self._is_lost(block_id, now):
                candidates[block_id] = block.unreceipted(block.announced)
        names = [
            f"{block_id}:{counter}" for block_id, many in candidates.items() for counter in many
        ]
        alive = iter(self._keyring.alive(names) if names else ())
        return {
            block_id: [counter for counter in many if not next(alive)]
            for block_id, many in candidates.items()
        }

    def _is_lost(self, block_id: str, now: datetime) -> bool:
        """Whether an announced block that the keyring does not know will never be known again."""
        since = self._unknown_since.setdefault(block_id, now)
        if now - since < self._patience.unknown or not self._keyring.bury_block(block_id):
            return False
        self._metrics.blocks.labels("buried").inc()
        return True

    def _expired(self, block_id: str, missing: Sequence[int], now: datetime) -> BlockReceipts:
        block = self._ledger.blocks[block_id]
        still = [counter for counter in missing if not block.receipted >> counter & 1]
        receipts = domain.expired(still, at=now, by=self._name)
        return BlockReceipts(block.deployment_id, block_id, receipts)

    def _end_blocks(self, states: Mapping[str, BlockState], now: datetime) -> None:
        self._metrics.unannounced.set(
            sum(block_id not in self._ledger.blocks for block_id in states)
        )
        for block_id, state in states.items():
            used_up = state.made == state.count
            if self._ledger.finished(block_id) and (state.closed or used_up):
                self._keyring.forget_block(block_id)
                self._unknown_since.pop(block_id, None)
                self._metrics.blocks.labels("forgotten").inc()
            elif not state.closed and not used_up and state.idle_for > self._patience.idle:
                self._keyring.close_block(block_id, by=self._name, at=now)
                self._metrics.blocks.labels("closed").inc()

    def _write(self, contents: Sequence[BlockReceipts]) -> bool:
        """Chain, sign and produce; whether all of it is in the chain now."""
        self._require_whole()
        contents = [content for content in contents if content.receipts]
        if not contents:
            return True
        records: list[Erasure] = []
        head = self._chain.head
        for content in contents:
            record, head = domain.link(content, head, body_of=self._body_of, sign=self._sign)
            records.append(record)
        self._topic.append(records)
        if not self._read_back(head.hash):
            _log.warning("another keeper writes the chain", sequence=self._chain.head.sequence)
            return False
        self._metrics.records.inc(len(records))
        for receipt in (receipt for content in contents for receipt in content.receipts):
            self._metrics.receipts.labels(receipt.reason).inc(receipt.count)
        return True

    def _read_back(self, digest: bytes) -> bool:
        """Read until the record with this chain hash has come, and tell whether it is a link of the chain."""
        deadline = time.monotonic() + _READ_BACK_WITHIN_S
        while time.monotonic() < deadline:
            verdict = self._take_in(self._topic.read(_READ_S)).get(digest)
            if verdict is not None:
                return verdict is Verdict.LINKED
        raise StreamError(
            f"a record acknowledged on the erasures topic was not read back within {_READ_BACK_WITHIN_S:.0f} s"
        )

    def _take_in(self, records: Sequence[Erasure]) -> dict[bytes, Verdict]:
        verdicts: dict[bytes, Verdict] = {}
        for record in records:
            if record.receipts is None:
                self._ledger.apply(record)
                continue
            expected = self._chain.head.sequence
            verdict = self._chain.judge(record, record.receipts)
            self._metrics.judged.labels(verdict).inc()
            verdicts.setdefault(record.receipts.chain_hash, verdict)
            if verdict is Verdict.LINKED:
                self._ledger.apply(record)
            elif verdict is Verdict.GAP:
                self._broken = (
                    f"the chain of receipts is broken: link {record.receipts.sequence} does not follow link "
                    f"{expected - 1}. Something on the erasures topic was removed or altered; run lookout verify erasure"
                )
            if verdict is not Verdict.LINKED:
                _log.warning(
                    "receipts not linked", verdict=verdict, sequence=record.receipts.sequence
                )
        self._metrics.sequence.set(self._chain.head.sequence)
        return verdicts

    def _require_whole(self) -> None:
        if self._broken:
            raise ChainBrokenError(self._broken)
