"""What every keyring does, run on the fake and on a real server."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lookout.events import ErasureReason, Receipt
from lookout.sealing.ports import BlockClosedError, Destruction, Keyring
from support.keyrings import MemoryKeyring, issuer_over
from support.redis_node import connected, running_keyring

TTL = timedelta(minutes=1)
SOON = timedelta(milliseconds=30)
AT = datetime(2026, 6, 1, 12, 0, 1, 234567, tzinfo=UTC)
CAPTURED = datetime(2026, 6, 1, 12, 0, 0, 1, tzinfo=UTC)


@dataclass
class Subject:
    keyring: Keyring
    wait_until: Callable[[Callable[[], bool]], None]


def _advancing(keyring: MemoryKeyring) -> Callable[[Callable[[], bool]], None]:
    def wait_until(condition: Callable[[], bool]) -> None:
        keyring.advance(SOON)
        assert condition()

    return wait_until


def _polling(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    if request.param == "memory":
        fake = MemoryKeyring()
        yield Subject(fake, _advancing(fake))
        return
    with running_keyring(tmp_path / "keyring") as node, connected(node) as real:
        yield Subject(real, _polling)


def _open(keyring: Keyring, block_id: str = "b1", count: int = 10) -> None:
    keyring.open_block(block_id=block_id, deployment_id="d1", service="capture", count=count)


def _order(key_id: str, reason: ErasureReason = ErasureReason.NO_MATCH) -> Destruction:
    return Destruction(key_id=key_id, reason=reason, deployment_id="d1", captured_at=CAPTURED)


def test_asking_for_nothing_answers_nothing(subject: Subject) -> None:
    keyring = subject.keyring
    _open(keyring)

    assert list(keyring.make("b1", 0, TTL)) == []
    assert list(keyring.get([])) == []
    assert list(keyring.extend([], TTL)) == []
    assert list(keyring.alive([])) == []
    assert keyring.destroy([], by="matching", at=AT) == 0
    assert list(keyring.pending_receipts(10)) == []
    assert keyring.held() == 0


def test_a_keyring_as_it_must_be_passes_the_check(subject: Subject) -> None:
    subject.keyring.check()


def test_made_keys_are_distinct_counted_from_zero_and_can_be_got(subject: Subject) -> None:
    keyring = subject.keyring
    _open(keyring)

    made = [*keyring.make("b1", 2, TTL), *keyring.make("b1", 1, TTL)]

    assert [key.key_id for key in made] == ["b1:0", "b1:1", "b1:2"]
    assert {len(key.secret) for key in made} == {32}
    assert len({key.secret for key in made}) == 3
    assert list(keyring.get(["b1:2", "b1:9", "b1:0"])) == [made[2], None, made[0]]
    assert keyring.held() == 3


def test_a_block_gives_no_more_keys_than_it_has(subject: Subject) -> None:
    _open(subject.keyring, count=3)

    assert len(subject.keyring.make("b1", 5, TTL)) == 3
    assert len(subject.keyring.make("b1", 5, TTL)) == 0


def test_a_large_batch_is_made_and_destroyed_whole(subject: Subject) -> None:
    keyring = subject.keyring
    _open(keyring, count=2000)

    keys = keyring.make("b1", 1700, TTL)
    destroyed = keyring.destroy([_order(key.key_id) for key in keys], by="m", at=AT)

    assert [key.key_id for key in keys] == [f"b1:{n}" for n in range(1700)]
    assert destroyed == 1700
    assert len(keyring.pending_receipts(5000)) == 1700
    assert keyring.held() == 0


def test_a_block_nobody_opened_gives_no_keys(subject: Subject) -> None:
    with pytest.raises(BlockClosedError, match="b1"):
        subject.keyring.make("b1", 1, TTL)


def test_a_destroyed_key_is_gone_and_receipted_with_everything_said_of_it(subject: Subject) -> None:
    keyring = subject.keyring
    _open(keyring)
    keyring.make("b1", 3, TTL)

    assert keyring.destroy([_order("b1:1")], by="matching", at=AT) == 1

    assert list(keyring.alive(["b1:0", "b1:1"])) == [True, False]
    (entry,) = keyring.pending_receipts(10)
    assert (entry.deployment_id, entry.block_id) == ("d1", "b1")
    assert entry.receipt == Receipt(
        first=1,
        count=1,
        reason=ErasureReason.NO_MATCH,
        captured_at=CAPTURED,
        destroyed_at=AT,
        destroyed_by="matching",
    )


def test_a_key_destroyed_twice_gets_one_receipt(subject: Subject) -> None:
    keyring = subject.keyring
    _open(keyring)
    keyring.make("b1", 1, TTL)

    assert keyring.destroy([_order("b1:0"), _order("b1:0")], by="m", at=AT) == 1
    assert keyring.destroy([_order("b1:0")], by="m", at=AT) == 0

    assert len(keyring.pending_receipts(10)) == 1


@pytest.mark.parametrize("foreign", ["", "watchlist/d1", "b1:", "b1:x", "b1:-1", "outbox", "b1:9"])
def test_an_id_that_names_no_key_is_a_key_that_is_gone(subject: Subject, foreign: str) -> None:
    _open(subject.keyring)

    assert list(subject.keyring.get([foreign])) == [None]
    assert subject.keyring.destroy([_order(foreign)], by="m", at=AT) == 0
    assert list(subject.keyring.pending_receipts(10)) == []


def test_a_key_expires_without_a_receipt(subject: Subject) -> None:
    keyring = subject.keyring
    _open(keyring)
    keyring.make("b1", 1, SOON)

    subject.wait_until(lambda: keyring.held() == 0)

    assert keyring.destroy([_order("b1:0")], by="m", at=AT) == 0
    assert list(keyring.pending_receipts(10)) == []


def test_an_extended_key_outlives_its_first_time_and_a_dead_one_does_not_return(
    subject: Subject,
) -> None:
    keyring = subject.keyring
    _open(keyring)
    keyring.make("b1", 2, SOON)

    assert list(keyring.extend(["b1:1", "b1:7"], TTL)) == [True, False]
    subject.wait_until(lambda: keyring.held() == 1)

    assert list(keyring.alive(["b1:0", "b1:1"])) == [False, True]


def test_closing_a_block_receipts_what_was_never_made_once(subject: Subject) -> None:
    keyring = subject.keyring
    _open(keyring, count=5)
    keyring.make("b1", 2, TTL)

    keyring.close_block("b1", by="capture", at=AT)
    keyring.close_block("b1", by="capture", at=AT)

    (entry,) = keyring.pending_receipts(10)
    assert entry.deployment_id == "d1"
    assert (entry.receipt.first, entry.receipt.count) == (2, 3)
    assert (entry.receipt.reason, entry.receipt.captured_at) == (ErasureReason.UNUSED, None)
    assert entry.receipt.destroyed_by == "capture"
    assert keyring.held() == 2
    with pytest.raises(BlockClosedError):
        keyring.make("b1", 1, TTL)
    with pytest.raises(BlockClosedError):
        _open(keyring)


def test_closing_a_block_that_is_used_up_receipts_nothing(subject: Subject) -> None:
    _open(subject.keyring, count=2)
    subject.keyring.make("b1", 2, TTL)

    subject.keyring.close_block("b1", by="capture", at=AT)

    assert list(subject.keyring.pending_receipts(10)) == []


def test_opening_a_block_again_does_not_begin_it_anew(subject: Subject) -> None:
    _open(subject.keyring)
    subject.keyring.make("b1", 2, TTL)

    _open(subject.keyring)

    assert [key.key_id for key in subject.keyring.make("b1", 1, TTL)] == ["b1:2"]


def test_blocks_tell_how_far_they_are(subject: Subject) -> None:
    keyring = subject.keyring
    _open(keyring, "b1", 5)
    _open(keyring, "b2", 7)
    keyring.make("b1", 2, TTL)
    keyring.close_block("b2", by="capture", at=AT)

    first, second = sorted(keyring.blocks(), key=lambda state: state.block_id)

    assert (first.deployment_id, first.service) == ("d1", "capture")
    assert (first.count, first.made, first.closed) == (5, 2, False)
    assert (second.count, second.made, second.closed) == (7, 0, True)
    assert first.idle_for >= timedelta(0)


def test_a_buried_block_cannot_be_opened_and_is_not_listed(subject: Subject) -> None:
    assert subject.keyring.bury_block("b1")
    assert subject.keyring.bury_block("b1")

    with pytest.raises(BlockClosedError, match="b1"):
        _open(subject.keyring)
    with pytest.raises(BlockClosedError):
        subject.keyring.make("b1", 1, TTL)
    assert list(subject.keyring.blocks()) == []


def test_a_known_block_is_not_buried(subject: Subject) -> None:
    _open(subject.keyring)

    assert not subject.keyring.bury_block("b1")

    assert len(subject.keyring.make("b1", 1, TTL)) == 1


def test_a_forgotten_block_is_listed_no_more(subject: Subject) -> None:
    _open(subject.keyring)
    subject.keyring.forget_block("b1")
    subject.keyring.forget_block("b1")

    assert list(subject.keyring.blocks()) == []


def test_receipts_are_taken_oldest_first_and_dropping_again_drops_nothing(subject: Subject) -> None:
    keyring = subject.keyring
    _open(keyring)
    keyring.make("b1", 4, TTL)
    for number in range(3):
        keyring.destroy([_order(f"b1:{number}")], by="m", at=AT)

    taken = keyring.pending_receipts(2)
    assert [entry.receipt.first for entry in taken] == [0, 1]
    assert [entry.receipt.first for entry in keyring.pending_receipts(2)] == [0, 1]

    for _ in range(2):
        keyring.drop_pending(taken[-1].ordinal)
        assert [entry.receipt.first for entry in keyring.pending_receipts(9)] == [2]

    keyring.destroy([_order("b1:3")], by="m", at=AT)
    keyring.drop_pending(taken[-1].ordinal)
    assert [entry.receipt.first for entry in keyring.pending_receipts(9)] == [2, 3]


def test_two_issuers_at_once_never_get_the_same_key(subject: Subject) -> None:
    issuers = [issuer_over(subject.keyring, block_size=7) for _ in range(2)]
    made: list[list[str]] = [[], []]

    def work(number: int) -> None:
        for _ in range(20):
            made[number] += [key.key_id for key in issuers[number].make("d1", 3)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [len(ids) for ids in made] == [60, 60]
    assert len({*made[0], *made[1]}) == 120
    assert subject.keyring.held() == 120


def test_two_that_destroy_the_same_keys_at_once_leave_one_receipt_each(subject: Subject) -> None:
    keyring = subject.keyring
    _open(keyring, count=200)
    orders = [_order(key.key_id) for key in keyring.make("b1", 200, TTL)]
    destroyed: list[int] = []

    def work() -> None:
        destroyed.extend(
            keyring.destroy(orders[start : start + 20], by="m", at=AT)
            for start in range(0, 200, 20)
        )

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(destroyed) == 200
    assert sorted(e.receipt.first for e in keyring.pending_receipts(1000)) == list(range(200))


def test_what_a_key_has_left_to_live_is_told_and_none_for_one_that_is_gone(
    subject: Subject,
) -> None:
    keyring = subject.keyring
    _open(keyring)
    kept, extended, destroyed = keyring.make("b1", 3, TTL)
    keyring.extend([extended.key_id], 10 * TTL)
    keyring.destroy([_order(destroyed.key_id)], by="matching", at=AT)

    assert list(keyring.remaining([])) == []
    left = keyring.remaining([kept.key_id, extended.key_id, destroyed.key_id, "b1:9"])

    assert left[0] is not None
    assert left[1] is not None
    assert TTL / 2 < left[0] <= TTL < 9 * TTL < left[1] <= 10 * TTL
    assert list(left[2:]) == [None, None]
