"""The sum: keys issued = receipts + keys alive + ids not made yet + receipts on their way, to the key."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lookout_verifier.keyring import Snapshot
from lookout_verifier.ledger import Block, Ledger, mask_of
from lookout_verifier.promises import BALANCE, Finding, broken, kept, skipped

_LOOK_AGAIN_S = 0.5


@dataclass(slots=True)
class Sum:
    """The account of all blocks. Details name blocks and key ids; they say nothing of anybody."""

    issued: int = 0
    receipts: int = 0
    alive: int = 0
    reserved: int = 0
    pending: int = 0
    unaccounted: int = 0
    wrong: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def numbers(self) -> dict[str, int]:
        """The terms of the sum."""
        return {
            "issued": self.issued,
            "receipts": self.receipts,
            "alive": self.alive,
            "reserved": self.reserved,
            "pending": self.pending,
            "unaccounted": self.unaccounted,
        }


def add_up(ledger: Ledger, snapshot: Snapshot | None) -> Sum:
    """The sum now. Without a snapshot of the keyring, ids without a receipt are unaccounted."""
    total = Sum()
    alive, pending = _masks(snapshot)
    for block_id, block in ledger.blocks.items():
        reserved = _reserved(block_id, block, snapshot)
        _check_block(total, block_id, block)
        held = alive.pop(block_id, 0)
        if held & ~block.issued:
            total.wrong.append(f"block {block_id}: a key is alive that was never announced")
        rest = block.issued & ~block.receipted
        total.issued += block.announced
        total.receipts += (block.receipted & block.issued).bit_count()
        total.pending += (rest & pending.get(block_id, 0)).bit_count()
        rest &= ~pending.get(block_id, 0)
        total.alive += (rest & held).bit_count()
        rest &= ~held
        total.reserved += (rest & reserved).bit_count()
        rest &= ~reserved
        if rest:
            total.unaccounted += rest.bit_count()
            total.missing.append(f"block {block_id}: {rest.bit_count()} ids, {_first(rest)} first")
    for block_id, mask in alive.items():
        total.wrong.append(
            f"block {block_id}: {mask.bit_count()} keys alive, and the block was never announced"
        )
    for block_id in snapshot.blocks.keys() - ledger.blocks.keys() if snapshot else ():
        total.wrong.append(f"block {block_id}: the keyring has it, and it was never announced")
    return total


def judge_without_keyring(ledger: Ledger) -> Finding:
    """What the topic alone tells: too many receipts always show, missing ones only the keyring can explain."""
    total = add_up(ledger, None)
    if total.wrong:
        return broken(BALANCE, "receipts contradict what was issued", total.wrong, **total.numbers)
    if total.unaccounted:
        return skipped(
            BALANCE,
            f"{total.unaccounted} of {total.issued} ids have no receipt yet, and without the keyring nobody can say "
            "whether they are alive",
            **total.numbers,
        )
    return kept(BALANCE, f"all {total.issued} ids issued have exactly one receipt", **total.numbers)


@dataclass(slots=True)
class Balance:
    """The finding, what the keyring said last, and keys that were alive after their receipt was read."""

    finding: Finding
    snapshot: Snapshot
    risen: frozenset[str]


def judge_with_keyring(
    read_ledger: Callable[[], Ledger], ask: Callable[[], Snapshot], *, settle_s: float
) -> Balance:
    """Compare topic and keyring while the system works.

    The topic is read before the keyring (a key alive then, whose receipt was there, is no coincidence) and again after
    it (a receipt that had left the outbox is there by then). What is on its way from one to the other, or has expired
    and waits for the keeper's sweep, gets ``settle_s`` to arrive.
    """
    deadline = time.monotonic() + settle_s
    before = read_ledger()
    risen: set[str] = set()
    while True:
        snapshot = ask()
        risen |= {key_id for key_id in snapshot.alive if before.receipted(key_id)}
        before = read_ledger()
        total = add_up(before, snapshot)
        if not (total.wrong or total.unaccounted) or time.monotonic() > deadline:
            return Balance(_finding(total), snapshot, frozenset(risen))
        time.sleep(_LOOK_AGAIN_S)


def _finding(total: Sum) -> Finding:
    if total.wrong or total.unaccounted:
        return broken(
            BALANCE,
            f"{total.unaccounted} ids unaccounted, {len(total.wrong)} contradictions: is the keeper running?",
            [*total.wrong, *total.missing],
            **total.numbers,
        )
    return kept(
        BALANCE,
        f"{total.issued} issued = {total.receipts} receipts + {total.alive} alive + {total.reserved} not made yet + "
        f"{total.pending} receipts on their way",
        **total.numbers,
    )


def _check_block(total: Sum, block_id: str, block: Block) -> None:
    if not block.announced:
        total.wrong.append(f"block {block_id}: receipts of a block that was never announced")
    elif block.receipted & ~block.issued:
        total.wrong.append(f"block {block_id}: receipts of ids that were never issued")
    if block.doubled:
        total.wrong.append(
            f"block {block_id}: {block.doubled.bit_count()} ids have two receipts, {_first(block.doubled)} first"
        )


def _masks(snapshot: Snapshot | None) -> tuple[dict[str, int], dict[str, int]]:
    alive: dict[str, int] = {}
    pending: dict[str, int] = {}
    if snapshot is None:
        return alive, pending
    for key_id in snapshot.alive:
        block_id, _, counter = key_id.rpartition(":")
        mask = mask_of(int(counter), 1) if counter.isdigit() else 0
        alive[block_id] = alive.get(block_id, 0) | mask
    for entry in snapshot.pending:
        mask = mask_of(entry.first, entry.count)
        pending[entry.block_id] = pending.get(entry.block_id, 0) | mask
    return alive, pending


def _reserved(block_id: str, block: Block, snapshot: Snapshot | None) -> int:
    state = snapshot.blocks.get(block_id) if snapshot else None
    if state is None or not state.open or block.announced <= state.made:
        return 0
    return mask_of(state.made, block.announced - state.made)


def _first(mask: int) -> int:
    return (mask & -mask).bit_length() - 1
