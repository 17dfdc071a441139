"""Chain, signatures and sum, on what a real keeper writes; and every way in which they can be false."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from lookout.events import Erasure, ErasureReason
from lookout.sealing.ports import DataKey
from lookout.sealing.signing import Signer
from lookout_keeper.domain import BlockReceipts, link
from lookout_verifier.account import add_up, judge_with_keyring, judge_without_keyring
from lookout_verifier.anchors import check_anchors
from lookout_verifier.chain import Erasures, read_erasures
from lookout_verifier.keyring import BlockState, Pending, Snapshot
from lookout_verifier.promises import Verdict
from lookout_verifier.schemas import Schemas
from lookout_verifier.segments import Message
from lookout_verifier.trust import RECEIPTS, Trust, TrustError
from support.keeping import SIGNER, TRUST, Bench

NOTHING = Snapshot(blocks={}, alive=frozenset(), pending=())


@pytest.fixture(name="trust")
def trust_fixture(tmp_path: Path) -> Trust:
    TRUST.save(tmp_path / "trust.json")
    return Trust(tmp_path / "trust.json")


@pytest.fixture(name="bench")
def bench_fixture() -> Bench:
    """Ten ids: four keys, of which three are destroyed in two links; the rest receipted as unused in a third."""
    bench = Bench()
    issuer = bench.issuer()
    keys = issuer.make("d1", 4)
    keeper = bench.keeper()
    bench.destroy(keys[:2])
    keeper.turn()
    bench.destroy(keys[2:3])
    keeper.turn()
    issuer.close()
    keeper.turn()
    return bench


def follow(bench: Bench, records: Sequence[Erasure], trust: Trust | None) -> Erasures:
    messages = [
        Message(topic="e", partition=0, offset=at, key=None, value=bench.codec.encode(record))
        for at, record in enumerate(records)
    ]
    signed = (
        None
        if trust is None
        else lambda signer, said, value: trust.signed(signer, said, value, role=RECEIPTS)
    )
    return read_erasures(messages, Schemas(), signed)


def snapshot(bench: Bench) -> Snapshot:
    """What the keyring in memory would say over its protocol."""
    states = {
        state.block_id: BlockState(state.count, state.made, not state.closed)
        for state in bench.keyring.blocks()
    }
    ids = [f"{name}:{number}" for name, state in states.items() for number in range(state.count)]
    alive = frozenset(
        name for name, here in zip(ids, bench.keyring.alive(ids), strict=True) if here
    )
    pending = tuple(
        Pending(one.block_id, one.receipt.first, one.receipt.count)
        for one in bench.keyring.pending_receipts(1000)
    )
    return Snapshot(states, alive, pending)


def test_an_empty_topic_has_an_empty_chain_and_a_sum_of_nothing(trust: Trust) -> None:
    found = follow(Bench(), [], trust)

    assert (found.links, found.broken, found.untrusted) == (0, [], [])
    assert judge_without_keyring(found.ledger).verdict is Verdict.KEPT


def test_what_a_keeper_writes_holds_and_balances(bench: Bench, trust: Trust) -> None:
    found = follow(bench, bench.records(), trust)
    total = add_up(found.ledger, snapshot(bench))

    assert (found.links, found.broken, found.untrusted) == (3, [], [])
    assert found.head == bench.report().head.hash
    assert total.numbers == {
        "issued": 10,
        "receipts": 9,
        "alive": 1,
        "reserved": 0,
        "pending": 0,
        "unaccounted": 0,
    }
    assert (total.wrong, total.missing) == ([], [])


def test_keys_on_their_way_are_counted_where_they_are(trust: Trust) -> None:
    bench = Bench()
    keys = bench.issuer().make("d1", 4)
    bench.destroy(keys[:1])

    total = add_up(follow(bench, bench.records(), trust).ledger, snapshot(bench))

    assert (total.pending, total.alive, total.reserved, total.unaccounted) == (1, 3, 6, 0)


def _cut_out(records: list[Erasure]) -> list[Erasure]:
    return [*records[:2], *records[3:]]


def _swap(records: list[Erasure]) -> list[Erasure]:
    return [*records[:1], records[2], records[1], *records[3:]]


def _alter(records: list[Erasure]) -> list[Erasure]:
    said = records[1].receipts
    assert said is not None
    worse = replace(said.receipts[0], reason=ErasureReason.PROCESSED)
    return [
        records[0],
        replace(records[1], receipts=replace(said, receipts=(worse,))),
        *records[2:],
    ]


@pytest.mark.parametrize("falsify", [_cut_out, _swap, _alter])
def test_whatever_is_done_to_the_middle_of_the_chain_shows(
    bench: Bench, trust: Trust, falsify: Callable[[list[Erasure]], list[Erasure]]
) -> None:
    assert follow(bench, falsify(bench.records()), trust).broken


def forged(bench: Bench) -> Erasure:
    """The chain's next link, in the keeper's name, by somebody else."""
    said = bench.records()[1].receipts
    assert said is not None
    content = BlockReceipts("d1", "block", said.receipts)
    forger = Signer(SIGNER.name, DataKey("signing/keeper", b"f" * 32))
    record, _ = link(content, bench.report().head, body_of=bench.codec.body, sign=forger.sign)
    return record


def test_a_forged_receipt_counts_for_nothing_and_is_named(bench: Bench, trust: Trust) -> None:
    found = follow(bench, [*bench.records(), forged(bench)], trust)

    assert len(found.untrusted) == 1
    assert "no listed keeper" in found.untrusted[0]
    assert found.links == 3
    assert "block" not in found.ledger.blocks


def test_a_repeated_record_and_a_stray_change_nothing(bench: Bench, trust: Trust) -> None:
    records = bench.records()
    said = records[1].receipts
    assert said is not None
    head = replace(bench.report().head, sequence=0, hash=bytes(32))
    stray, _ = link(
        BlockReceipts("other", records[1].block_id, said.receipts),
        head,
        body_of=bench.codec.body,
        sign=SIGNER.sign,
    )

    found = follow(bench, [*records, records[1], stray], trust)

    assert (found.links, found.repeated, found.strays) == (3, 1, 1)
    assert add_up(found.ledger, snapshot(bench)).wrong == []


def test_a_key_gone_without_a_receipt_is_missed(bench: Bench, trust: Trust) -> None:
    silent = replace(snapshot(bench), alive=frozenset())

    total = add_up(follow(bench, bench.records(), trust).ledger, silent)

    assert total.unaccounted == 1
    assert "3 first" in total.missing[0]


def test_a_key_alive_that_was_never_announced_shows(bench: Bench, trust: Trust) -> None:
    more = replace(snapshot(bench), alive=frozenset({"nobodys:0"}))

    assert add_up(follow(bench, bench.records(), trust).ledger, more).wrong


def test_two_receipts_for_one_key_show(bench: Bench, trust: Trust) -> None:
    records = bench.records()
    said = records[1].receipts
    assert said is not None
    content = BlockReceipts("d1", records[1].block_id, said.receipts)
    again, _ = link(content, bench.report().head, body_of=bench.codec.body, sign=SIGNER.sign)

    total = add_up(follow(bench, [*records, again], trust).ledger, snapshot(bench))

    assert "two receipts" in total.wrong[0]


def test_receipts_of_a_block_that_was_never_announced_show(bench: Bench, trust: Trust) -> None:
    found = follow(bench, bench.records()[1:], trust)

    assert judge_without_keyring(found.ledger).verdict is Verdict.BROKEN


def test_without_a_keyring_missing_receipts_are_left_open(trust: Trust) -> None:
    bench = Bench()
    bench.issuer().make("d1", 1)

    finding = judge_without_keyring(follow(bench, bench.records(), trust).ledger)

    assert finding.verdict is Verdict.SKIPPED
    assert finding.numbers["unaccounted"] == 10


def test_a_key_alive_after_its_receipt_is_read_is_told(bench: Bench, trust: Trust) -> None:
    ledger = follow(bench, bench.records(), trust).ledger
    (block_id,) = ledger.blocks
    risen = replace(snapshot(bench), alive=frozenset({f"{block_id}:0", f"{block_id}:3"}))

    balance = judge_with_keyring(lambda: ledger, lambda: risen, settle_s=0)

    assert balance.risen == {f"{block_id}:0"}
    assert balance.finding.verdict is Verdict.KEPT


def test_a_receipt_on_its_way_gets_time_to_arrive(bench: Bench, trust: Trust) -> None:
    ledger = follow(bench, bench.records(), trust).ledger
    answers = [NOTHING, snapshot(bench)]

    balance = judge_with_keyring(lambda: ledger, lambda: answers.pop(0), settle_s=30)

    assert balance.finding.verdict is Verdict.KEPT
    assert answers == []


def test_an_anchor_shows_that_the_end_was_cut_off(bench: Bench, trust: Trust) -> None:
    head = bench.report().head
    message = (
        f"lookout.v1|anchor|{head.sequence}|{head.hash.hex()}|2026-06-01T12:00:00.000000+00:00"
    )
    line = json.dumps(
        {
            "at": "2026-06-01T12:00:00.000000+00:00",
            "sequence": head.sequence,
            "chain_hash": head.hash.hex(),
            "signer": SIGNER.name,
            "signature": base64.b64encode(SIGNER.sign(message.encode()).value).decode(),
        }
    )
    whole = follow(bench, bench.records(), trust)
    cut = follow(bench, bench.records()[:-1], trust)

    assert check_anchors([("a", line)], whole.hashes, trust).confirmed == 1
    assert "cut off" in check_anchors([("a", line)], cut.hashes, trust).wrong[0]
    assert "no anchor" in check_anchors([("a", "{}")], whole.hashes, trust).wrong[0]


def test_a_file_that_lists_no_signers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trust.json").write_text("[]")

    with pytest.raises(TrustError, match=r"trust\.json"):
        Trust(tmp_path / "trust.json")
