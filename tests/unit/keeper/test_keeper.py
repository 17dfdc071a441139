from collections.abc import Callable
from datetime import timedelta

import pytest
from lookout.events import UNSIGNED, Erasure, ErasureKind, ErasureReason
from lookout.sealing.ports import KeyringUnavailableError
from lookout_keeper import domain
from lookout_keeper.domain import BlockReceipts
from lookout_keeper.processor import ChainBrokenError
from support.keeping import SIGNER, TTL, Bench

EXPIRED, NO_MATCH, UNUSED = ErasureReason.EXPIRED, ErasureReason.NO_MATCH, ErasureReason.UNUSED


@pytest.fixture
def bench() -> Bench:
    return Bench()


def _receipts(bench: Bench) -> list[Erasure]:
    return [record for record in bench.records() if record.kind is ErasureKind.RECEIPTS]


def test_with_nothing_to_do_nothing_is_written(bench: Bench) -> None:
    keeper = bench.keeper()

    assert keeper.turn() == 0
    accounts = keeper.sweep()

    assert (accounts.issued, accounts.unaccounted) == (0, 0)
    assert bench.records() == []


def test_a_destroyed_key_s_receipt_goes_to_the_topic_signed_and_leaves_the_outbox(
    bench: Bench,
) -> None:
    keeper = bench.keeper()
    bench.destroy(bench.issuer().make("d1", 3)[1:2])

    assert keeper.turn() == 1

    (record,) = _receipts(bench)
    assert record.receipts
    (receipt,) = record.receipts.receipts
    assert (record.deployment_id, receipt.first, receipt.reason) == ("d1", 1, NO_MATCH)
    assert (receipt.captured_at, receipt.destroyed_by) == (bench.now(), "matching")
    assert record.receipts.signature.signer == SIGNER.name
    assert list(bench.keyring.pending_receipts(10)) == []
    assert bench.report().unbroken


def test_an_outbox_larger_than_a_turn_is_drained_whole(bench: Bench) -> None:
    keeper = bench.keeper()
    keys = bench.issuer(block_size=100).make("d1", 230)
    bench.destroy(keys)

    keeper.drain()

    assert bench.reasons() == {NO_MATCH: 230}
    assert list(bench.keyring.pending_receipts(10)) == []


def test_a_keeper_that_crashed_before_it_emptied_the_outbox_writes_nothing_twice(
    bench: Bench,
) -> None:
    bench.destroy(bench.issuer().make("d1", 3))

    def crash() -> None:
        raise KeyringUnavailableError("the process ended here")

    bench.keyring.before["drop_pending"] = crash
    with pytest.raises(KeyringUnavailableError):
        bench.keeper().turn()
    assert len(bench.keyring.pending_receipts(10)) == 3

    successor = bench.keeper()
    successor.turn()

    assert list(bench.keyring.pending_receipts(10)) == []
    assert len(_receipts(bench)) == 1
    assert bench.sample("repeated_receipts_total") == 3
    assert bench.report().unbroken


def test_an_expired_key_is_receipted_expired_exactly_once(bench: Bench) -> None:
    keeper = bench.keeper()
    bench.issuer().make("d1", 4)
    keeper.sweep()
    assert bench.reasons() == {}

    bench.keyring.advance(TTL)
    for _ in range(3):
        accounts = keeper.sweep()
    bench.keeper().sweep()

    assert bench.reasons() == {EXPIRED: 4}
    assert len(_receipts(bench)) == 1
    assert (accounts.expired, accounts.alive, accounts.reserved) == (4, 0, 6)
    assert accounts.unaccounted == 0


@pytest.mark.parametrize("when", ["before blocks", "after blocks", "before alive", "after alive"])
def test_a_key_destroyed_while_the_sweep_looks_is_never_called_expired(
    bench: Bench, when: str
) -> None:
    keeper = bench.keeper()
    keys = bench.issuer().make("d1", 4)
    side, call = when.split()
    hooks = bench.keyring.before if side == "before" else bench.keyring.after
    hooks[call] = lambda: bench.destroy(keys)

    keeper.sweep()
    keeper.drain()
    keeper.sweep()

    assert bench.reasons() == {NO_MATCH: 4}


def test_a_key_made_while_the_sweep_looks_is_never_called_expired(bench: Bench) -> None:
    keeper, issuer = bench.keeper(), bench.issuer()
    issuer.make("d1", 1)
    bench.keyring.after["blocks"] = lambda: issuer.make("d1", 3)

    keeper.sweep()

    assert bench.reasons() == {}


def test_after_a_restart_of_the_keyring_every_id_without_a_receipt_is_receipted_expired(
    bench: Bench,
) -> None:
    keeper = bench.keeper()
    keys = bench.issuer().make("d1", 6)
    bench.destroy(keys[:2])
    keeper.turn()
    bench.destroy(keys[2:3])
    bench.keyring.restart()

    keeper.sweep()
    assert bench.reasons() == {NO_MATCH: 2}
    bench.keyring.advance(timedelta(seconds=10))
    accounts = keeper.sweep()

    assert bench.reasons() == {NO_MATCH: 2, EXPIRED: 8}
    assert accounts.unaccounted == 0
    assert accounts.issued == accounts.receipts == 10


def test_a_block_announced_and_never_opened_is_buried_and_cannot_be_opened_late(
    bench: Bench,
) -> None:
    keeper, issuer = bench.keeper(), bench.issuer()
    bench.keyring.available = False
    with pytest.raises(KeyringUnavailableError):
        issuer.make("d1", 1)
    bench.keyring.available = True
    keeper.sweep()
    bench.keyring.advance(timedelta(seconds=10))
    keeper.sweep()

    (key,) = issuer.make("d1", 1)
    keeper.sweep()

    first, second = [record for record in bench.records() if record.issued]
    assert key.key_id.startswith(second.block_id)
    assert bench.reasons() == {EXPIRED: 10}
    assert keeper.accounts().unaccounted == 0
    assert first.block_id not in {state.block_id for state in bench.keyring.blocks()}


def test_a_block_opened_just_before_it_would_be_buried_lives(bench: Bench) -> None:
    keeper, issuer = bench.keeper(), bench.issuer()
    bench.keyring.available = False
    with pytest.raises(KeyringUnavailableError):
        issuer.make("d1", 1)
    bench.keyring.available = True
    keeper.sweep()
    bench.keyring.advance(timedelta(seconds=10))
    bench.keyring.after["blocks"] = lambda: issuer.make("d1", 1)

    keeper.sweep()

    assert bench.reasons() == {}
    assert len(issuer.make("d1", 1)) == 1


def test_a_block_whose_service_is_gone_is_closed_and_its_rest_receipted_unused(
    bench: Bench,
) -> None:
    keeper = bench.keeper()
    keys = bench.issuer(ttl=timedelta(hours=1)).make("d1", 4)
    bench.destroy(keys)
    bench.keyring.advance(timedelta(minutes=11))

    for _ in range(2):
        keeper.sweep()

    assert bench.reasons() == {NO_MATCH: 4, UNUSED: 6}
    keeper.sweep()
    assert list(bench.keyring.blocks()) == []


def test_a_finished_block_is_forgotten_and_an_unfinished_one_is_not(bench: Bench) -> None:
    keeper, issuer = bench.keeper(), bench.issuer(block_size=3)
    keys = issuer.make("d1", 4)
    bench.destroy(keys[:3])

    keeper.sweep()

    (state,) = bench.keyring.blocks()
    assert keys[3].key_id.startswith(state.block_id)


def test_a_receipt_for_a_block_never_announced_is_written_and_the_block_shown(
    bench: Bench,
) -> None:
    bench.keyring.open_block(block_id="rogue", deployment_id="d1", service="x", count=3)
    keeper = bench.keeper()
    keeper.sweep()
    assert bench.sample("unannounced_blocks") == 1

    bench.destroy(bench.keyring.make("rogue", 1, TTL))
    keeper.turn()

    assert [record.block_id for record in _receipts(bench)] == ["rogue"]
    assert keeper.accounts().unaccounted < 0


def test_an_unavailable_keyring_is_said_and_nothing_is_lost(bench: Bench) -> None:
    keeper = bench.keeper()
    bench.destroy(bench.issuer().make("d1", 2))
    bench.keyring.available = False
    work: tuple[Callable[[], object], ...] = (keeper.turn, keeper.sweep, keeper.check_keyring)
    for call in work:
        with pytest.raises(KeyringUnavailableError):
            call()

    bench.keyring.available = True
    keeper.turn()

    assert bench.reasons() == {NO_MATCH: 2}


def test_a_new_keeper_goes_on_where_the_old_one_ended(bench: Bench) -> None:
    issuer = bench.issuer()
    bench.destroy(issuer.make("d1", 2))
    bench.keeper().turn()
    bench.destroy(issuer.make("d1", 2))
    bench.keeper().turn()

    report = bench.report()
    assert report.unbroken
    assert (report.links, report.head.sequence) == (2, 2)


def test_two_keepers_that_write_the_same_at_once_have_written_it_once(bench: Bench) -> None:
    old, new = bench.keeper(), bench.keeper()
    bench.destroy(bench.issuer().make("d1", 2))
    bench.keyring.after["pending_receipts"] = new.turn

    old.turn()

    report = bench.report()
    assert (report.unbroken, report.links, report.strays) == (True, 1, 0)
    assert bench.reasons() == {NO_MATCH: 2}


def test_a_replaced_keeper_that_does_not_know_breaks_no_chain_and_takes_nothing_unwritten(
    bench: Bench,
) -> None:
    old, new = bench.keeper(), bench.keeper(turn_size=1)
    bench.destroy(bench.issuer().make("d1", 3))

    # The old one has read three receipts and stands still; the new one takes over, and has written one of them when
    # the old one goes on.
    bench.keyring.after["pending_receipts"] = new.turn
    old.turn()
    assert [entry.receipt.first for entry in bench.keyring.pending_receipts(10)] == [1, 2]
    new.drain()

    report = bench.report()
    assert (report.unbroken, report.strays) == (True, 1)
    assert bench.reasons() == {NO_MATCH: 3}


def test_a_broken_chain_is_not_written_to(bench: Bench) -> None:
    bench.destroy(bench.issuer().make("d1", 1))
    head = domain.ChainHead(5, b"h" * 32)
    content = BlockReceipts("d1", "b", domain.expired([1], at=bench.now(), by="keeper"))
    later, _ = domain.link(content, head, body_of=bench.codec.body, sign=SIGNER.sign)
    keeper = bench.keeper()
    bench.log.append([later])
    before = len(bench.records())

    keeper.follow()
    for call in (keeper.turn, keeper.catch_up):
        with pytest.raises(ChainBrokenError, match="link 5 does not follow link -1"):
            call()

    assert len(bench.records()) == before
    assert len(bench.keyring.pending_receipts(10)) == 1


def test_a_record_nobody_signed_neither_counts_nor_stops_the_keeper(bench: Bench) -> None:
    keeper = bench.keeper()
    (key,) = bench.issuer().make("d1", 1)
    block_id = key.key_id.split(":")[0]
    receipts = domain.expired([0], at=bench.now(), by="keeper")
    content = BlockReceipts("d1", block_id, receipts)
    forged, _ = domain.link(
        content,
        domain.ChainHead(),
        body_of=bench.codec.body,
        sign=lambda digest: UNSIGNED,
    )
    bench.log.append([forged])

    bench.destroy([key])
    keeper.turn()

    assert bench.reasons() == {NO_MATCH: 1}
    assert bench.sample("judged_records_total", verdict="untrusted") == 1
    assert not bench.report().unbroken


def test_the_gauges_show_where_every_key_is(bench: Bench) -> None:
    keeper = bench.keeper()
    keys = bench.issuer().make("d1", 5)
    bench.destroy(keys[:2])

    keeper.sweep()

    shown = {
        state: bench.sample("keys", state=state)
        for state in ("issued", "receipted", "alive", "reserved", "pending", "unaccounted")
    }
    assert shown == {
        "issued": 10,
        "receipted": 2,
        "alive": 3,
        "reserved": 5,
        "pending": 0,
        "unaccounted": 0,
    }
