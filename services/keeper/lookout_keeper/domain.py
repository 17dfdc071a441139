"""The account of keys and the chain of receipts: pure rules, shared by the keeper and whoever checks it.

Only what is on the erasures topic counts. Records are taken in the order of its one partition.
"""

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from lookout.events import (
    UNSIGNED,
    Erasure,
    ErasureKind,
    ErasureReason,
    Receipt,
    Receipts,
    Signature,
)
from lookout.sealing.ports import BlockState, PendingReceipt

GENESIS = bytes(32)
# Ids a block can have; more is no block of ours, and its bookkeeping would fill the memory.
MOST_IDS = 1_000_000
_REMEMBERED_LINKS = 10_000


@dataclass(slots=True)
class BlockAccount:
    """One block: how many ids were announced (0 until that is read), and which have a receipt, as a bit mask.

    ``purpose`` is what its keys seal ("frame", "face"), and ``issued_at`` when it was announced.
    """

    deployment_id: str
    purpose: str = ""
    issued_at: datetime | None = None
    announced: int = 0
    receipted: int = 0
    reasons: Counter[ErasureReason] = field(default_factory=Counter)

    def finished(self) -> bool:
        """Whether every id has its receipt."""
        return self.announced > 0 and self.receipted.bit_count() >= self.announced

    def unreceipted(self, below: int) -> list[int]:
        """The counters under ``below`` that have no receipt."""
        missing = ~self.receipted & ((1 << min(below, self.announced)) - 1)
        return list(_bits(missing))


class Ledger:
    """Which key ids were issued and which have a receipt, key by key: a second receipt for a key changes nothing."""

    def __init__(self) -> None:
        self.blocks: dict[str, BlockAccount] = {}
        self._unfinished: dict[str, BlockAccount] = {}

    def apply(self, record: Erasure) -> None:
        """Take a record of the topic into account. Receipts must be known to be the keeper's."""
        block = self.blocks.get(record.block_id)
        if block is None:
            block = BlockAccount(record.deployment_id)
            self.blocks[record.block_id] = self._unfinished[record.block_id] = block
        if record.issued is not None and not block.announced and record.issued.count <= MOST_IDS:
            block.announced = record.issued.count
            block.purpose, block.issued_at = record.issued.purpose, record.issued.issued_at
        for receipt in record.receipts.receipts if record.receipts else ():
            for part in self.fresh(record.block_id, receipt):
                block.receipted |= _mask(part)
                block.reasons[part.reason] += part.count
        if block.finished():
            self._unfinished.pop(record.block_id, None)

    def fresh(self, block_id: str, receipt: Receipt) -> list[Receipt]:
        """The parts of a receipt whose ids have none yet: usually all of it, or nothing."""
        if receipt.first < 0 or receipt.count < 1 or receipt.first + receipt.count > MOST_IDS:
            return []
        block = self.blocks.get(block_id)
        known = block.receipted if block else 0
        wanted = _mask(receipt)
        if not known & wanted:
            return [receipt]
        return [
            replace(receipt, first=first, count=count)
            for first, count in _runs(_bits(wanted & ~known))
        ]

    def unfinished(self) -> Mapping[str, BlockAccount]:
        """Announced blocks that have ids without a receipt."""
        return {name: block for name, block in self._unfinished.items() if block.announced}

    def finished(self, block_id: str) -> bool:
        """Whether every id of a block has its receipt."""
        block = self.blocks.get(block_id)
        return block is not None and block.finished()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The sum of all keys. ``reserved`` ids were announced and never made yet.

    ``pending`` keys are destroyed, their receipts not on the topic yet. ``unaccounted`` is 0 but for keys that expired
    or were lost since the keeper's last sweep; a negative number means receipts without an announcement.
    """

    issued: int
    made: int
    destroyed: Mapping[ErasureReason, int]
    expired: int
    unused: int
    alive: int
    reserved: int
    pending: int

    @property
    def receipts(self) -> int:
        """Key ids with a receipt on the topic."""
        return sum(self.destroyed.values()) + self.expired + self.unused

    @property
    def unaccounted(self) -> int:
        """Key ids that are neither receipted nor alive, nor on the way to either."""
        return self.issued - self.receipts - self.alive - self.reserved - self.pending


def account(
    ledger: Ledger, *, states: Sequence[BlockState], alive: int, pending: Sequence[PendingReceipt]
) -> Accounts:
    """The sum, from the topic (``ledger``) and what the keyring said: its blocks, keys alive, and outbox."""
    known = {state.block_id: state for state in states}
    reasons: Counter[ErasureReason] = Counter()
    issued = made = reserved = 0
    for block_id, block in ledger.blocks.items():
        reasons += block.reasons
        issued += block.announced
        state = known.get(block_id)
        if state is not None:
            made += state.made
            reserved += 0 if state.closed else max(0, block.announced - state.made)
        else:
            made += block.reasons.total() - block.reasons[ErasureReason.UNUSED]
            # Announced and not opened yet: a moment's matter, or the keeper buries it.
            reserved += block.announced if not block.receipted else 0
    waiting = sum(
        part.count for entry in pending for part in ledger.fresh(entry.block_id, entry.receipt)
    )
    expired, unused = reasons.pop(ErasureReason.EXPIRED, 0), reasons.pop(ErasureReason.UNUSED, 0)
    return Accounts(
        issued=issued,
        made=made,
        destroyed=dict(reasons),
        expired=expired,
        unused=unused,
        alive=alive,
        reserved=reserved,
        pending=waiting,
    )


@dataclass(frozen=True, slots=True)
class ChainHead:
    """Where the chain ends: the next link's sequence number, and the hash it must follow."""

    sequence: int = 0
    hash: bytes = GENESIS


BodyOf = Callable[[Erasure], bytes]
Sign = Callable[[bytes], Signature]
Trusted = Callable[[Signature, bytes], bool]


def link(
    content: "BlockReceipts", head: ChainHead, *, body_of: BodyOf, sign: Sign
) -> tuple[Erasure, ChainHead]:
    """The chain's next record, signed, and the head after it."""
    blank = Receipts(
        sequence=head.sequence,
        receipts=tuple(content.receipts),
        previous_hash=head.hash,
        chain_hash=b"",
        signature=UNSIGNED,
    )
    record = Erasure(
        deployment_id=content.deployment_id,
        block_id=content.block_id,
        kind=ErasureKind.RECEIPTS,
        issued=None,
        receipts=blank,
    )
    digest = chain_hash(record, blank, body_of)
    linked = replace(blank, chain_hash=digest, signature=sign(digest))
    return replace(record, receipts=linked), ChainHead(head.sequence + 1, digest)


def chain_hash(record: Erasure, receipts: Receipts, body_of: BodyOf) -> bytes:
    """SHA-256 over the previous hash and the record's Avro body with chain hash and signature blank."""
    blank = replace(receipts, chain_hash=b"", signature=UNSIGNED)
    return hashlib.sha256(
        receipts.previous_hash + body_of(replace(record, receipts=blank))
    ).digest()


class Verdict(StrEnum):
    """What a record of receipts is to the chain.

    A `STRAY` is authentic, but its place was taken: written by a keeper that did not know yet that another had taken
    over. It counts for nothing; its receipts are in the chain by the other's hand. A `GAP` is authentic and does not
    follow: something before it was removed, altered or reordered. `ALTERED` and `UNTRUSTED` are nobody's word.
    """

    LINKED = "linked"
    REPEATED = "repeated"
    STRAY = "stray"
    GAP = "gap"
    ALTERED = "altered"
    UNTRUSTED = "untrusted"


class Chain:
    """Follows the chain through the topic, and judges every record of receipts."""

    def __init__(self, *, body_of: BodyOf, trusted: Trusted) -> None:
        """``trusted`` tells whether a signature over a message is of a listed keeper."""
        self._body_of = body_of
        self._trusted = trusted
        # The latest links and strays by hash: True for a link. Older ones are told by their sequence number alone.
        self._seen: OrderedDict[bytes, bool] = OrderedDict()
        self.head = ChainHead()

    def judge(self, record: Erasure, receipts: Receipts) -> Verdict:
        """What the record is. After a gap the chain goes on from there, so that each break is told once."""
        if chain_hash(record, receipts, self._body_of) != receipts.chain_hash:
            return Verdict.ALTERED
        if not self._trusted(receipts.signature, receipts.chain_hash):
            return Verdict.UNTRUSTED
        if receipts.chain_hash in self._seen:
            return Verdict.REPEATED
        follows_stray = self._seen.get(receipts.previous_hash) is False
        if receipts.sequence < self.head.sequence or follows_stray:
            self._remember(receipts.chain_hash, linked=False)
            return Verdict.STRAY
        continues = ChainHead(receipts.sequence, receipts.previous_hash) == self.head
        self.head = ChainHead(receipts.sequence + 1, receipts.chain_hash)
        self._remember(receipts.chain_hash, linked=True)
        return Verdict.LINKED if continues else Verdict.GAP

    def _remember(self, digest: bytes, *, linked: bool) -> None:
        self._seen[digest] = linked
        if len(self._seen) > _REMEMBERED_LINKS:
            self._seen.popitem(last=False)


@dataclass(frozen=True, slots=True)
class ChainProblem:
    """A record that breaks the chain: its place among the records given, its sequence number, and what is wrong."""

    place: int
    sequence: int
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """What checking the topic found. ``ledger`` counts what is in the chain, and nothing else."""

    links: int
    strays: int
    head: ChainHead
    problems: tuple[ChainProblem, ...]
    ledger: Ledger

    @property
    def unbroken(self) -> bool:
        """Whether nothing was removed from the middle, altered, reordered or put in by somebody else."""
        return not self.problems


def verify_chain(records: Iterable[Erasure], *, body_of: BodyOf, trusted: Trusted) -> ChainReport:
    """Check every record of the topic, in its order.

    Links cut from the end leave a shorter chain that is whole: who wants to notice that compares ``head`` with one
    written down elsewhere, or the account with the keyring.
    """
    chain, ledger = Chain(body_of=body_of, trusted=trusted), Ledger()
    counts: Counter[Verdict] = Counter()
    problems: list[ChainProblem] = []
    wrong = {Verdict.GAP, Verdict.ALTERED, Verdict.UNTRUSTED}
    for place, record in enumerate(records):
        if record.receipts is None:
            ledger.apply(record)
            continue
        verdict = chain.judge(record, record.receipts)
        counts[verdict] += 1
        if verdict in wrong:
            problems.append(ChainProblem(place, record.receipts.sequence, verdict))
        if verdict in {Verdict.LINKED, Verdict.GAP}:
            ledger.apply(record)
    return ChainReport(
        links=counts[Verdict.LINKED] + counts[Verdict.GAP],
        strays=counts[Verdict.STRAY],
        head=chain.head,
        problems=tuple(problems),
        ledger=ledger,
    )


@dataclass(frozen=True, slots=True)
class BlockReceipts:
    """What one record of receipts will say."""

    deployment_id: str
    block_id: str
    receipts: Sequence[Receipt]

    @property
    def keys(self) -> int:
        """How many key ids it receipts."""
        return sum(receipt.count for receipt in self.receipts)


def by_block(pending: Iterable[PendingReceipt], ledger: Ledger) -> list[BlockReceipts]:
    """Receipts from the outbox that are not on the topic yet, by block, neighbours of one kind put together."""
    parts: dict[tuple[str, str], list[Receipt]] = {}
    for entry in pending:
        fresh = ledger.fresh(entry.block_id, entry.receipt)
        if fresh:
            parts.setdefault((entry.deployment_id, entry.block_id), []).extend(fresh)
    return [BlockReceipts(*block, merged(receipts)) for block, receipts in parts.items()]


def merged(receipts: Iterable[Receipt]) -> list[Receipt]:
    """Receipts by id, those of adjacent ids that say the same put together."""
    result: list[Receipt] = []
    for receipt in sorted(receipts, key=lambda one: one.first):
        last = result[-1] if result else None
        if last and receipt == replace(last, first=last.first + last.count, count=receipt.count):
            result[-1] = replace(last, count=last.count + receipt.count)
        else:
            result.append(receipt)
    return result


def expired(counters: Iterable[int], *, at: datetime, by: str) -> list[Receipt]:
    """Receipts for keys that are gone without one, ascending. Nobody knows when and what of: ``at`` is the finding."""
    return [
        Receipt(
            first=first,
            count=count,
            reason=ErasureReason.EXPIRED,
            captured_at=None,
            destroyed_at=at,
            destroyed_by=by,
        )
        for first, count in _runs(counters)
    ]


def _mask(receipt: Receipt) -> int:
    return ((1 << receipt.count) - 1) << receipt.first


def _bits(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _runs(counters: Iterable[int]) -> Iterator[tuple[int, int]]:
    first, count = -1, 0
    for counter in counters:
        if count and counter == first + count:
            count += 1
        else:
            if count:
                yield first, count
            first, count = counter, 1
    if count:
        yield first, count
