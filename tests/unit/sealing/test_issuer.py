from collections.abc import Callable
from datetime import timedelta

import pytest
from lookout.events import Erasure, ErasureKind, ErasureReason
from lookout.sealing.issuer import BlockIssuer
from lookout.sealing.metrics import KeyMetrics
from lookout.sealing.ports import KeyringUnavailableError
from lookout.stream.ports import DeliveryError
from prometheus_client import CollectorRegistry
from support.keyrings import START, MemoryKeyring, issuer_over


def _block_of(key_id: str) -> str:
    return key_id.rpartition(":")[0]


def test_no_keys_wanted_announces_nothing() -> None:
    announced: list[Erasure] = []

    assert list(issuer_over(MemoryKeyring(), announced=announced).make("d1", 0)) == []
    assert announced == []


def test_a_block_is_announced_before_its_first_key_exists() -> None:
    keyring, held_at_announcement = MemoryKeyring(), list[int]()
    announced: list[Erasure] = []

    def announce(record: Erasure) -> None:
        held_at_announcement.append(keyring.held() + len(keyring.blocks()))
        announced.append(record)

    keys = _issuer(keyring, announce).make("d1", 2)

    (record,) = announced
    assert held_at_announcement == [0]
    assert {_block_of(key.key_id) for key in keys} == {record.block_id}
    assert (record.deployment_id, record.kind, record.receipts) == ("d1", ErasureKind.ISSUED, None)
    assert record.issued is not None
    assert (record.issued.service, record.issued.purpose) == ("capture", "frame")
    assert (record.issued.count, record.issued.issued_at) == (10, START)


def test_a_block_that_cannot_be_announced_gives_no_key() -> None:
    keyring = MemoryKeyring()

    def announce(record: Erasure) -> None:
        raise DeliveryError("not acknowledged")

    with pytest.raises(DeliveryError):
        _issuer(keyring, announce).make("d1", 1)

    assert list(keyring.blocks()) == []


def test_one_call_spans_blocks_and_every_key_is_its_own() -> None:
    announced: list[Erasure] = []
    issuer = issuer_over(MemoryKeyring(), announced=announced, block_size=10)

    keys = issuer.make("d1", 25)

    assert len({key.key_id for key in keys}) == 25
    assert len(announced) == 3
    assert {_block_of(key.key_id) for key in keys} == {record.block_id for record in announced}


def test_deployments_have_blocks_of_their_own() -> None:
    issuer = issuer_over(MemoryKeyring())

    (first,), (second,) = issuer.make("d1", 1), issuer.make("d2", 1)

    assert _block_of(first.key_id) != _block_of(second.key_id)


def test_a_restarted_keyring_costs_a_new_block_and_no_error() -> None:
    keyring, announced = MemoryKeyring(), list[Erasure]()
    issuer = issuer_over(keyring, announced=announced)
    issuer.make("d1", 1)
    keyring.restart()

    assert len(issuer.make("d1", 2)) == 2
    assert len(announced) == 2


def test_a_block_closed_by_the_keeper_costs_a_new_block_and_no_error() -> None:
    keyring, announced = MemoryKeyring(), list[Erasure]()
    issuer = issuer_over(keyring, announced=announced)
    issuer.make("d1", 1)
    keyring.close_block(announced[0].block_id, by="keeper", at=START)

    assert len(issuer.make("d1", 2)) == 2
    assert len(announced) == 2


def test_a_keyring_that_does_not_answer_costs_one_announced_block_however_often_it_is_tried() -> (
    None
):
    keyring, announced = MemoryKeyring(available=False), list[Erasure]()
    issuer = issuer_over(keyring, announced=announced)
    for _ in range(3):
        with pytest.raises(KeyringUnavailableError):
            issuer.make("d1", 1)

    keyring.available = True

    assert len(issuer.make("d1", 1)) == 1
    assert len(announced) == 1


def test_closing_receipts_the_unused_of_every_block_and_ends_the_supply() -> None:
    keyring = MemoryKeyring()
    issuer = issuer_over(keyring, block_size=10)
    issuer.make("d1", 4)
    issuer.make("d2", 10)
    issuer.make("d3", 9)

    issuer.close()

    unused = {entry.deployment_id: entry.receipt for entry in keyring.pending_receipts(10)}
    assert {name: (receipt.first, receipt.count) for name, receipt in unused.items()} == {
        "d1": (4, 6),
        "d3": (9, 1),
    }
    assert {receipt.reason for receipt in unused.values()} == {ErasureReason.UNUSED}
    with pytest.raises(KeyringUnavailableError, match="stopping"):
        issuer.make("d1", 1)


def test_retiring_a_deployment_leaves_the_others_alone() -> None:
    keyring = MemoryKeyring()
    issuer = issuer_over(keyring, block_size=10)
    issuer.make("d1", 1)
    (before,) = issuer.make("d2", 1)

    issuer.retire("d1")
    issuer.retire("unknown")

    (entry,) = keyring.pending_receipts(10)
    (after,) = issuer.make("d2", 1)
    assert entry.deployment_id == "d1"
    assert _block_of(before.key_id) == _block_of(after.key_id)


def test_keys_are_counted_by_purpose() -> None:
    registry = CollectorRegistry()
    issuer = _issuer(MemoryKeyring(), lambda record: None, KeyMetrics(registry))

    issuer.make("d1", 12)

    labels = {"purpose": "frame"}
    assert registry.get_sample_value("lookout_keys_made_total", labels) == 12
    assert registry.get_sample_value("lookout_key_blocks_announced_total", labels) == 2


def _issuer(
    keyring: MemoryKeyring,
    announce: Callable[[Erasure], None],
    metrics: KeyMetrics | None = None,
) -> BlockIssuer:
    return BlockIssuer(
        keyring=keyring,
        announce=announce,
        service="capture",
        purpose="frame",
        ttl=timedelta(seconds=30),
        clock=lambda: START,
        metrics=metrics or KeyMetrics(CollectorRegistry()),
        block_size=10,
    )
