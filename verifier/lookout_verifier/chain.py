"""The chain of receipts: every link follows the one before, and a listed keeper signed it.

An authentic record whose place was taken is a *stray*: written by a keeper that had just been replaced. It counts for
nothing; its receipts are in the chain by the other's hand.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lookout_verifier.avro import AvroError, Record
from lookout_verifier.ledger import Ledger
from lookout_verifier.schemas import Schemas
from lookout_verifier.segments import Message

GENESIS = bytes(32)
_BLANK_BYTES = b"\0"
_BLANK_SIGNATURE = b"\0\0"

Signed = Callable[[str, bytes, bytes], bool]
"""Whether a signer's name, a message and a signature belong together."""


@dataclass(slots=True)
class Erasures:
    """What the erasures topic says, and what is wrong with it. ``hashes`` has the chain's hash by its number of links."""

    ledger: Ledger = field(default_factory=Ledger)
    records: int = 0
    links: int = 0
    strays: int = 0
    repeated: int = 0
    head: bytes = GENESIS
    sequence: int = 0
    broken: list[str] = field(default_factory=list)
    untrusted: list[str] = field(default_factory=list)
    undecodable: list[str] = field(default_factory=list)
    hashes: dict[int, bytes] = field(default_factory=lambda: {0: GENESIS})


def read_erasures(messages: Iterable[Message], schemas: Schemas, signed: Signed | None) -> Erasures:
    """Follow the topic from its beginning. ``signed`` None leaves signatures alone."""
    found = Erasures()
    chain = _Chain(found, signed)
    for message in sorted(messages, key=lambda one: one.offset):
        if message.value is None:
            continue
        try:
            record, body = schemas.decode(message.value)
            chain.take(record, body, message.place)
        except AvroError as error:
            found.undecodable.append(f"{message.place}: {error}")
    return found


def unsigned(record: Record, body: bytes) -> bytes:
    """What the signer of a control record signed: its body with the signature blank."""
    start, end = record.spans["signature"]
    return body[:start] + _BLANK_SIGNATURE + body[end:]


def chain_hash(receipts: Record, body: bytes) -> bytes:
    """SHA-256 over the previous hash and the body with chain hash and signature blank."""
    (hash_at, hash_end), (sign_at, sign_end) = (
        receipts.spans["chain_hash"],
        receipts.spans["signature"],
    )
    blank = (
        body[:hash_at] + _BLANK_BYTES + body[hash_end:sign_at] + _BLANK_SIGNATURE + body[sign_end:]
    )
    return hashlib.sha256(receipts.octets("previous_hash") + blank).digest()


class _Chain:
    def __init__(self, found: Erasures, signed: Signed | None) -> None:
        self._found, self._signed = found, signed
        # By hash: whether it is a link, or a stray.
        self._seen: dict[bytes, bool] = {}

    def take(self, record: Record, body: bytes, place: str) -> None:
        found = self._found
        found.records += 1
        block_id = record.text("block_id")
        issued, receipts = record.optional("issued"), record.optional("receipts")
        if issued is not None:
            found.ledger.issued(block_id, issued.number("count"))
        if receipts is not None and self._links(receipts, body, place):
            found.ledger.receipts(block_id, receipts.records("receipts"))

    def _links(self, receipts: Record, body: bytes, place: str) -> bool:
        found = self._found
        digest, sequence = chain_hash(receipts, body), receipts.number("sequence")
        if digest != receipts.octets("chain_hash"):
            found.broken.append(f"{place}: link {sequence} was altered: its hash is another")
            return False
        signature = receipts.record("signature")
        signer = signature.text("signer")
        if self._signed and not self._signed(signer, digest, signature.octets("value")):
            found.untrusted.append(
                f"{place}: receipts (link {sequence}) signed as {signer!r}, by no listed keeper"
            )
            return False
        if digest in self._seen:
            found.repeated += 1
            return False
        previous = receipts.octets("previous_hash")
        if sequence < found.sequence or self._seen.get(previous) is False:
            self._seen[digest] = False
            found.strays += 1
            return False
        if (sequence, previous) != (found.sequence, found.head):
            found.broken.append(
                f"{place}: link {sequence} does not follow link {found.sequence - 1}: something was removed or reordered"
            )
        self._seen[digest] = True
        found.links += 1
        found.sequence, found.head = sequence + 1, digest
        found.hashes[found.sequence] = digest
        return True
