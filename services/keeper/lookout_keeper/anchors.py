"""Anchors: where the chain of receipts ended at a moment, signed, and kept where whoever holds the broker cannot reach.

A chain alone shows what was removed from its middle, altered or reordered. It does not show that its end was cut off, or
that all of it was written anew by somebody who has the keeper's key: an anchor taken away before does.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from lookout.events import UNSIGNED, Erasure, Signature

from lookout_keeper.domain import GENESIS, BodyOf, Chain, ChainHead, Sign, Trusted, Verdict

# Signed together with what it says, so that no anchor can pass for a link of the chain, nor a link for an anchor.
_MEANING = b"lookout.v1|anchor|"
_HASH_BYTES = len(GENESIS)


class AnchorError(ValueError):
    """A line is no anchor. Says what was wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """At ``at`` the chain had ``sequence`` links, the last of which had this hash (`GENESIS` for an empty chain)."""

    at: datetime
    sequence: int
    chain_hash: bytes
    signature: Signature

    @property
    def message(self) -> bytes:
        """What is signed."""
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        return _MEANING + f"{self.sequence}|{self.chain_hash.hex()}|{at}".encode()

    @property
    def line(self) -> str:
        """The anchor as one line of JSON, without the line end."""
        return json.dumps(
            {
                "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
                "sequence": self.sequence,
                "chain_hash": self.chain_hash.hex(),
                "signer": self.signature.signer,
                "signature": base64.b64encode(self.signature.value).decode(),
            }
        )


def anchored(head: ChainHead, *, at: datetime, sign: Sign) -> Anchor:
    """The anchor of a chain's head."""
    blank = Anchor(at=at, sequence=head.sequence, chain_hash=head.hash, signature=UNSIGNED)
    return Anchor(
        at=at, sequence=head.sequence, chain_hash=head.hash, signature=sign(blank.message)
    )


def read_anchor(line: str) -> Anchor:
    """The anchor of a line that `Anchor.line` wrote. Raises `AnchorError`."""
    try:
        said = json.loads(line)
        anchor = Anchor(
            at=datetime.fromisoformat(said["at"]),
            sequence=int(said["sequence"]),
            chain_hash=bytes.fromhex(said["chain_hash"]),
            signature=Signature(
                signer=str(said["signer"]),
                value=base64.b64decode(said["signature"], validate=True),
            ),
        )
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise AnchorError(
            f"no anchor: wanted a line of JSON with at, sequence, chain_hash (hex), signer and signature (base64), "
            f"got {type(error).__name__}"
        ) from error
    if anchor.sequence < 0:
        raise AnchorError("no anchor: the sequence must be a number of links, 0 or more")
    if anchor.at.tzinfo is None or len(anchor.chain_hash) != _HASH_BYTES:
        raise AnchorError(
            f"no anchor: the time must have a zone, and the hash {_HASH_BYTES} bytes, but got {len(anchor.chain_hash)}"
        )
    return anchor


class AnchorVerdict(StrEnum):
    """What is wrong with an anchor, or with the chain it speaks of.

    `CUT`: the chain is shorter than it was; links were removed from its end. `REWRITTEN`: it had another link at this
    place; what is there now was put there later, however well it is signed. `UNTRUSTED`: no listed keeper made the
    anchor, or it was altered: it says nothing.
    """

    CUT = "cut"
    REWRITTEN = "rewritten"
    UNTRUSTED = "untrusted"


@dataclass(frozen=True, slots=True)
class AnchorProblem:
    """An anchor that does not hold: its place among those given, its sequence number, and what is wrong."""

    place: int
    sequence: int
    verdict: AnchorVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorReport:
    """What comparing anchors with the chain found. ``confirmed`` anchors are in the chain, at their place."""

    confirmed: int
    latest: Anchor | None
    problems: tuple[AnchorProblem, ...]

    @property
    def holds(self) -> bool:
        """Whether every anchor given is in the chain."""
        return not self.problems


def check_anchors(
    records: Iterable[Erasure],
    anchors: Sequence[Anchor],
    *,
    body_of: BodyOf,
    trusted: Trusted,
) -> AnchorReport:
    """Compare anchors with the chain on the topic, given in its order.

    ``trusted`` is asked of links and of anchors: both are of a listed keeper. ``latest`` is the confirmed anchor of
    most links: up to it the chain is what it was when the anchor was taken away.
    """
    hashes = _hashes(records, body_of, trusted)
    problems: list[AnchorProblem] = []
    latest: Anchor | None = None
    for place, anchor in enumerate(anchors):
        verdict = _problem(anchor, hashes, trusted)
        if verdict is not None:
            problems.append(AnchorProblem(place, anchor.sequence, verdict))
        elif latest is None or anchor.sequence >= latest.sequence:
            latest = anchor
    return AnchorReport(
        confirmed=len(anchors) - len(problems), latest=latest, problems=tuple(problems)
    )


def _hashes(records: Iterable[Erasure], body_of: BodyOf, trusted: Trusted) -> dict[int, bytes]:
    """The chain's hash by its number of links."""
    chain = Chain(body_of=body_of, trusted=trusted)
    hashes = {0: GENESIS}
    for record in records:
        if record.receipts is None:
            continue
        if chain.judge(record, record.receipts) in {Verdict.LINKED, Verdict.GAP}:
            hashes[chain.head.sequence] = chain.head.hash
    return hashes


def _problem(anchor: Anchor, hashes: dict[int, bytes], trusted: Trusted) -> AnchorVerdict | None:
    if not trusted(anchor.signature, anchor.message):
        return AnchorVerdict.UNTRUSTED
    if anchor.sequence > max(hashes):
        return AnchorVerdict.CUT
    # None where links were removed from the middle: then what follows is not what followed.
    if hashes.get(anchor.sequence) != anchor.chain_hash:
        return AnchorVerdict.REWRITTEN
    return None
