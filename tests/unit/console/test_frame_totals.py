"""The record's count of frames shed: from receipts, each counted once, of frames alone."""

from collections.abc import Sequence
from datetime import UTC, datetime

from lookout.events import (
    UNSIGNED,
    Erasure,
    ErasureKind,
    ErasureReason,
    Issued,
    Receipt,
    Receipts,
)
from lookout_console.actions.frames import Frames, FrameTotals

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def _issued(block: str, purpose: str, deployment: str = "d1") -> Erasure:
    return Erasure(
        deployment_id=deployment,
        block_id=block,
        kind=ErasureKind.ISSUED,
        issued=Issued(service="capture", purpose=purpose, count=100, issued_at=NOW),
        receipts=None,
    )


def _receipted(
    sequence: int, block: str, counts: Sequence[tuple[ErasureReason, int]], deployment: str = "d1"
) -> Erasure:
    receipts = tuple(
        Receipt(
            first=0,
            count=count,
            reason=reason,
            captured_at=None,
            destroyed_at=NOW,
            destroyed_by="detection",
        )
        for reason, count in counts
    )
    return Erasure(
        deployment_id=deployment,
        block_id=block,
        kind=ErasureKind.RECEIPTS,
        issued=None,
        receipts=Receipts(
            sequence=sequence,
            receipts=receipts,
            previous_hash=b"",
            chain_hash=b"",
            signature=UNSIGNED,
        ),
    )


TOPIC = [
    _issued("frames-1", "frame"),
    _issued("faces-1", "face"),
    _issued("frames-2", "frame", "d2"),
    _receipted(0, "frames-1", [(ErasureReason.PROCESSED, 7), (ErasureReason.STALE, 2)]),
    _receipted(1, "faces-1", [(ErasureReason.STALE, 5)]),
    _receipted(2, "frames-2", [(ErasureReason.STALE, 4)], "d2"),
    _receipted(3, "frames-1", [(ErasureReason.STALE, 1), (ErasureReason.UNUSED, 90)]),
]


def _heard(*topic: Erasure) -> FrameTotals:
    totals = FrameTotals()
    for erasure in topic:
        totals.heard(erasure)
    return totals


def test_frames_looked_at_and_shed_are_counted_by_deployment() -> None:
    totals = _heard(*TOPIC)
    assert totals.of("d1") == Frames(looked_at=7, shed=3)
    assert totals.of("d2") == Frames(looked_at=0, shed=4)
    assert totals.of("d3") == Frames(looked_at=0, shed=0)


def test_a_topic_that_is_read_again_counts_once() -> None:
    assert _heard(*TOPIC, *TOPIC).of("d1") == Frames(looked_at=7, shed=3)
