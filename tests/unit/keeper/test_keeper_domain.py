import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lookout.codec import Codec
from lookout.events import Erasure, ErasureKind, ErasureReason, Issued, Receipt, Signature
from lookout.schema_ids import LockedSchemaIds
from lookout.sealing.ports import BlockState, DataKey, PendingReceipt
from lookout.sealing.signing import Signer
from lookout.topics import load_catalogue
from lookout_keeper.domain import (
    GENESIS,
    BlockReceipts,
    ChainHead,
    Ledger,
    Verdict,
    account,
    by_block,
    link,
    merged,
    verify_chain,
)
from support.keeping import SIGNER, Bench, reasons_in

AT = datetime(2026, 6, 1, tzinfo=UTC)
BODY = Codec(catalogue=load_catalogue(), ids=LockedSchemaIds()).body


def _receipt(first: int, count: int = 1, reason: ErasureReason = ErasureReason.NO_MATCH) -> Receipt:
    return Receipt(
        first=first,
        count=count,
        reason=reason,
        captured_at=None,
        destroyed_at=AT,
        destroyed_by="matching",
    )


def _issued(block_id: str = "b1", count: int = 10) -> Erasure:
    return Erasure(
        deployment_id="d1",
        block_id=block_id,
        kind=ErasureKind.ISSUED,
        issued=Issued(service="detection", purpose="face", count=count, issued_at=AT),
        receipts=None,
    )


def _chain(number: int, signer: Signer = SIGNER, head: ChainHead | None = None) -> list[Erasure]:
    at, records = head or ChainHead(), list[Erasure]()
    for _ in range(number):
        content = BlockReceipts("d1", "b1", [_receipt(at.sequence)])
        record, at = link(content, at, body_of=BODY, sign=signer.sign)
        records.append(record)
    return records


def _verdicts(records: list[Erasure]) -> list[tuple[int, Verdict]]:
    report = verify_chain(records, body_of=BODY, trusted=Bench.trusted)
    return [(problem.place, problem.verdict) for problem in report.problems]


def test_an_empty_topic_is_an_unbroken_chain_of_nothing() -> None:
    report = verify_chain([], body_of=BODY, trusted=Bench.trusted)

    assert report.unbroken
    assert (report.links, report.strays, report.head) == (0, 0, ChainHead(0, GENESIS))
    nothing = account(report.ledger, states=[], alive=0, pending=[])
    assert (nothing.issued, nothing.receipts, nothing.unaccounted) == (0, 0, 0)


def test_a_link_s_hash_is_over_the_previous_hash_and_the_blank_body() -> None:
    first, second = _chain(2)
    assert first.receipts
    assert second.receipts

    blank = replace(second.receipts, chain_hash=b"", signature=Signature(signer="", value=b""))
    body = BODY(replace(second, receipts=blank))

    expected = hashlib.sha256(first.receipts.chain_hash + body).digest()
    assert second.receipts.chain_hash == expected
    assert second.receipts.previous_hash == first.receipts.chain_hash


def test_a_chain_as_written_is_unbroken_among_announcements() -> None:
    records = [_issued(), *_chain(3), _issued("b2")]

    report = verify_chain(records, body_of=BODY, trusted=Bench.trusted)

    assert report.unbroken
    assert (report.links, report.head.sequence) == (3, 3)
    assert reasons_in(report.ledger) == {ErasureReason.NO_MATCH: 3}


def test_a_removed_receipt_is_detected_once() -> None:
    records = _chain(5)

    assert _verdicts(records[:2] + records[3:]) == [(2, Verdict.GAP)]


def test_a_removed_beginning_is_detected() -> None:
    assert _verdicts(_chain(3)[1:]) == [(0, Verdict.GAP)]


def test_reordered_receipts_are_detected() -> None:
    first, second, third = _chain(3)

    assert _verdicts([first, third, second]) == [(1, Verdict.GAP)]


def test_an_altered_receipt_is_detected_and_so_is_the_hole_it_leaves() -> None:
    first, second, third = _chain(3)
    assert second.receipts
    altered = replace(second, receipts=replace(second.receipts, receipts=(_receipt(7),)))

    assert _verdicts([first, altered, third]) == [(1, Verdict.ALTERED), (2, Verdict.GAP)]


def test_a_receipt_of_another_deployment_or_block_cannot_be_passed_off() -> None:
    (record,) = _chain(1)

    assert _verdicts([replace(record, block_id="b2")]) == [(0, Verdict.ALTERED)]
    assert _verdicts([replace(record, deployment_id="d2")]) == [(0, Verdict.ALTERED)]


def test_a_link_signed_by_a_stranger_counts_for_nothing() -> None:
    genuine = _chain(2)
    stranger = Signer("keeper", DataKey("signing/keeper", b"x" * 32))
    forged = _chain(3, signer=stranger)

    report = verify_chain([*genuine, forged[2]], body_of=BODY, trusted=Bench.trusted)

    assert [problem.verdict for problem in report.problems] == [Verdict.UNTRUSTED]
    assert report.head.sequence == 2
    assert reasons_in(report.ledger) == {ErasureReason.NO_MATCH: 2}


def test_a_repeated_record_is_no_problem_and_counts_once() -> None:
    records = _chain(3)

    report = verify_chain([*records, records[1]], body_of=BODY, trusted=Bench.trusted)

    assert report.unbroken
    assert report.links == 3


def test_what_a_replaced_keeper_still_wrote_is_stray_and_the_chain_goes_on() -> None:
    common = _chain(2)
    report = verify_chain(common, body_of=BODY, trusted=Bench.trusted)
    by_new = _chain(3, head=report.head)
    content = BlockReceipts("d1", "b9", [_receipt(1)])
    stray, after = link(content, report.head, body_of=BODY, sign=SIGNER.sign)
    stray_too, _ = link(content, after, body_of=BODY, sign=SIGNER.sign)

    records = [*common, by_new[0], stray, stray_too, *by_new[1:]]
    found = verify_chain(records, body_of=BODY, trusted=Bench.trusted)

    assert found.unbroken
    assert (found.links, found.strays) == (5, 2)
    assert "b9" not in found.ledger.blocks


def test_a_second_receipt_for_a_key_changes_nothing() -> None:
    ledger = Ledger()
    ledger.apply(_issued(count=10))
    first, second = _chain(2)
    ledger.apply(first)
    ledger.apply(second)

    assert ledger.fresh("b1", _receipt(0)) == []
    assert ledger.fresh("b1", _receipt(0, 5)) == [_receipt(2, 3)]
    ledger.apply(first)
    assert reasons_in(ledger) == {ErasureReason.NO_MATCH: 2}


@pytest.mark.parametrize(("first", "count"), [(0, 0), (-1, 2), (0, -1), (0, 2**31 - 1)])
def test_a_receipt_for_ids_no_block_can_have_is_no_receipt(first: int, count: int) -> None:
    assert Ledger().fresh("b1", _receipt(first, count)) == []


def test_an_announcement_of_more_ids_than_a_block_can_have_counts_for_nothing() -> None:
    ledger = Ledger()
    ledger.apply(_issued(count=2**31 - 1))

    assert account(ledger, states=[], alive=0, pending=[]).issued == 0


def test_receipts_may_be_read_before_their_announcement() -> None:
    ledger = Ledger()
    for record in _chain(2):
        ledger.apply(record)
    assert not ledger.finished("b1")

    ledger.apply(_issued(count=2))

    assert ledger.finished("b1")
    assert not ledger.unfinished()


def test_neighbours_that_say_the_same_become_one_receipt() -> None:
    assert merged([]) == []
    assert merged([_receipt(3), _receipt(1), _receipt(2), _receipt(5)]) == [
        _receipt(1, 3),
        _receipt(5),
    ]
    other = _receipt(2, reason=ErasureReason.DUPLICATE)
    assert merged([_receipt(1), other]) == [_receipt(1), other]


def test_receipts_of_one_record_are_of_one_block_and_deployment() -> None:
    pending = [
        PendingReceipt(ordinal=n, deployment_id=deployment, block_id=block, receipt=_receipt(n))
        for n, (deployment, block) in enumerate([("d1", "b1"), ("d1", "b2"), ("d1", "b1")])
    ]

    assert by_block(pending, Ledger()) == [
        BlockReceipts("d1", "b1", [_receipt(0), _receipt(2)]),
        BlockReceipts("d1", "b2", [_receipt(1)]),
    ]


def test_the_account_puts_every_id_in_one_place() -> None:
    ledger = Ledger()
    ledger.apply(_issued("b1", 10))
    ledger.apply(_issued("b2", 5))
    for record in _chain(2):
        ledger.apply(record)
    state = BlockState(
        block_id="b1",
        deployment_id="d1",
        service="detection",
        count=10,
        made=6,
        closed=False,
        idle_for=timedelta(0),
    )
    waiting = [
        PendingReceipt(ordinal=1, deployment_id="d1", block_id="b1", receipt=_receipt(n))
        for n in (1, 2)
    ]

    accounts = account(ledger, states=[state], alive=2, pending=waiting)

    assert (accounts.issued, accounts.made) == (15, 6)
    assert accounts.destroyed == {ErasureReason.NO_MATCH: 2}
    assert (accounts.alive, accounts.pending, accounts.reserved) == (2, 1, 9)
    assert accounts.unaccounted == 1
