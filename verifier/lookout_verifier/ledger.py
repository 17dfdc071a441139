"""The account of keys: which ids were issued, which have a receipt, key by key."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from lookout_verifier.avro import Record

UNUSED = "unused"
_MOST_IDS = 1_000_000


@dataclass(slots=True)
class Block:
    """One block of ids. Bit n of a mask stands for id n."""

    announced: int = 0
    receipted: int = 0
    destroyed: int = 0
    doubled: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def issued(self) -> int:
        """The mask of all announced ids."""
        return (1 << self.announced) - 1


class Ledger:
    """What the erasures topic says of every key id. Only receipts in the chain may be told to it."""

    def __init__(self) -> None:
        self.blocks: dict[str, Block] = {}

    def issued(self, block_id: str, count: int) -> None:
        """A block was announced. Saying it again changes nothing."""
        block = self.blocks.setdefault(block_id, Block())
        if not block.announced and 0 < count <= _MOST_IDS:
            block.announced = count

    def receipts(self, block_id: str, receipts: Iterable[Record]) -> None:
        """Receipts of a block."""
        block = self.blocks.setdefault(block_id, Block())
        for receipt in receipts:
            first, count = receipt.number("first"), receipt.number("count")
            mask = mask_of(first, count)
            fresh = mask & ~block.receipted
            block.doubled |= mask & block.receipted
            block.receipted |= fresh
            reason = receipt.text("reason")
            block.reasons[reason] += fresh.bit_count()
            if reason != UNUSED:
                block.destroyed |= fresh

    def destroyed(self, key_id: str) -> bool:
        """Whether a receipt says that this key is gone. An unused id is not: it never sealed anything."""
        block_id, _, counter = key_id.rpartition(":")
        block = self.blocks.get(block_id)
        return block is not None and counter.isdigit() and bool(block.destroyed >> int(counter) & 1)

    def receipted(self, key_id: str) -> bool:
        """Whether a key id has any receipt."""
        block_id, _, counter = key_id.rpartition(":")
        block = self.blocks.get(block_id)
        return block is not None and counter.isdigit() and bool(block.receipted >> int(counter) & 1)

    def reasons(self) -> Counter[str]:
        """Receipted ids by reason."""
        return sum((block.reasons for block in self.blocks.values()), Counter[str]())


def mask_of(first: int, count: int) -> int:
    """The mask of ``count`` ids from ``first``; of none where these cannot be ids."""
    if first < 0 or count < 1 or first + count > _MOST_IDS:
        return 0
    return ((1 << count) - 1) << first
