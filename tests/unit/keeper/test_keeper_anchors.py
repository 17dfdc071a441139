"""Anchors tell a chain that was cut or written anew, however well its links are signed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lookout.events import Erasure, ErasureReason, Receipt
from lookout.sealing.ports import DataKey
from lookout.sealing.signing import Signer
from lookout_keeper.anchors import (
    Anchor,
    AnchorError,
    AnchorProblem,
    AnchorVerdict,
    anchored,
    check_anchors,
    read_anchor,
)
from lookout_keeper.domain import BlockReceipts, ChainHead, link, verify_chain
from support.keeping import SIGNER, Bench

AT = datetime(2026, 6, 1, 12, 0, 0, 5, tzinfo=UTC)
BODY_OF = Bench().codec.body


def _chain(links: int, by: str = "keeper") -> tuple[list[Erasure], list[ChainHead]]:
    """Records of a chain, and its head before the first and after each."""
    records: list[Erasure] = []
    heads = [ChainHead()]
    for number in range(links):
        receipt = Receipt(
            first=number,
            count=1,
            reason=ErasureReason.NO_MATCH,
            captured_at=None,
            destroyed_at=AT + timedelta(seconds=number),
            destroyed_by=by,
        )
        content = BlockReceipts("d1", "block", [receipt])
        record, head = link(content, heads[-1], body_of=BODY_OF, sign=SIGNER.sign)
        records.append(record)
        heads.append(head)
    return records, heads


def _anchors(heads: list[ChainHead]) -> list[Anchor]:
    return [anchored(head, at=AT, sign=SIGNER.sign) for head in heads]


def _problems(records: list[Erasure], anchors: list[Anchor]) -> list[AnchorProblem]:
    report = check_anchors(records, anchors, body_of=BODY_OF, trusted=Bench.trusted)
    assert report.confirmed == len(anchors) - len(report.problems)
    return list(report.problems)


def test_an_anchor_survives_being_written_down() -> None:
    (anchor,) = _anchors([_chain(1)[1][1]])

    assert read_anchor(anchor.line) == anchor
    assert "\n" not in anchor.line


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"at": "2026-06-01T12:00:00+00:00"',
        _anchors([ChainHead()])[0].line.replace("+00:00", ""),
        _anchors([ChainHead()])[0].line.replace('"chain_hash": "00', '"chain_hash": "'),
        _anchors([ChainHead()])[0].line.replace('"sequence": 0', '"sequence": -1'),
        _anchors([ChainHead()])[0].line.replace('"sequence": 0', '"sequence": null'),
    ],
)
def test_what_is_no_anchor_is_refused(line: str) -> None:
    with pytest.raises(AnchorError):
        read_anchor(line)


def test_every_head_that_a_chain_ever_had_is_confirmed() -> None:
    assert _problems([], []) == []
    records, heads = _chain(5)

    assert _problems([], _anchors(heads[:1])) == []
    assert _problems(records, _anchors(heads)) == []
    report = check_anchors(records, _anchors(heads[:3]), body_of=BODY_OF, trusted=Bench.trusted)
    assert report.latest is not None
    assert report.latest.sequence == 2


def test_links_cut_from_the_end_are_told() -> None:
    records, heads = _chain(5)
    assert verify_chain(records[:3], body_of=BODY_OF, trusted=Bench.trusted).unbroken

    assert _problems(records[:3], _anchors(heads[3:])) == [
        AnchorProblem(1, 4, AnchorVerdict.CUT),
        AnchorProblem(2, 5, AnchorVerdict.CUT),
    ]


def test_a_history_that_was_written_anew_and_signed_is_told() -> None:
    _, heads = _chain(5)
    forged, _ = _chain(5, by="somebody else")
    assert verify_chain(forged, body_of=BODY_OF, trusted=Bench.trusted).unbroken

    problems = _problems(forged, _anchors(heads))

    assert [(one.sequence, one.verdict) for one in problems] == [
        (number, AnchorVerdict.REWRITTEN) for number in range(1, 6)
    ]


def test_a_link_removed_from_the_middle_is_told_by_the_anchor_after_it() -> None:
    records, heads = _chain(5)

    problems = _problems([*records[:2], *records[3:]], _anchors(heads))

    assert [(one.sequence, one.verdict) for one in problems] == [(3, AnchorVerdict.REWRITTEN)]


@pytest.mark.parametrize(
    "change", [{"sequence": 2}, {"at": AT + timedelta(seconds=1)}, {"chain_hash": b"x" * 32}]
)
def test_an_altered_anchor_says_nothing(change: dict[str, object]) -> None:
    records, heads = _chain(3)
    altered = replace(_anchors(heads)[1], **change)  # type: ignore[arg-type]  # one of its fields

    assert _problems(records, [altered]) == [
        AnchorProblem(0, altered.sequence, AnchorVerdict.UNTRUSTED)
    ]


def test_an_anchor_of_somebody_unlisted_and_a_links_signature_say_nothing() -> None:
    records, heads = _chain(1)
    stranger = Signer("stranger", DataKey("signing/stranger", b"s" * 32))
    borrowed = replace(_anchors(heads)[1], signature=SIGNER.sign(heads[1].hash))

    problems = _problems(records, [anchored(heads[1], at=AT, sign=stranger.sign), borrowed])

    assert [one.verdict for one in problems] == [AnchorVerdict.UNTRUSTED] * 2
