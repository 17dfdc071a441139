"""Evidence is kept before its key is destroyed, and never the other way round."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from lookout.events import Alert, ErasureReason
from lookout.sealing.ports import CannotOpenError, Destruction
from lookout.sealing.vault import FileVault
from lookout_cli.people.evidence import EvidenceStore, EvidenceStoreError
from lookout_cli.people.taking import EvidenceTaker
from support.keyrings import START, MemoryKeyring
from support.sealed_alerts import sealed_alert

_JPEG = b"\xff\xd8\xff a thumbnail"


class WatchedStore(EvidenceStore):
    """Notes whether the key was alive when something was kept; refuses if told to."""

    keyring: MemoryKeyring
    refuses = False
    alive_at_save: list[int]

    def save(self, alert: Alert, thumbnail_jpeg: bytes | None) -> None:
        if self.refuses:
            raise EvidenceStoreError("the disk is full")
        self.alive_at_save.append(self.keyring.held())
        super().save(alert, thumbnail_jpeg)


@pytest.fixture(name="keyring")
def keyring_fixture() -> MemoryKeyring:
    return MemoryKeyring()


@pytest.fixture(name="store")
def store_fixture(tmp_path: Path, keyring: MemoryKeyring) -> WatchedStore:
    vault = tmp_path / "vault"
    vault.mkdir()
    store = WatchedStore(root=tmp_path / "evidence", vault=FileVault(vault, b"s" * 32))
    store.keyring, store.alive_at_save = keyring, []
    return store


@pytest.fixture(name="taker")
def taker_fixture(keyring: MemoryKeyring, store: WatchedStore) -> EvidenceTaker:
    return EvidenceTaker(keyring=keyring, store=store, clock=lambda: START, name="watch")


@pytest.fixture(name="alert")
def alert_fixture(keyring: MemoryKeyring) -> Alert:
    """An alert with a sealed thumbnail whose key is alive."""
    return sealed_alert(keyring, _JPEG)


def _reasons(keyring: MemoryKeyring) -> Sequence[ErasureReason]:
    return [pending.receipt.reason for pending in keyring.pending_receipts(100)]


def test_an_alert_without_a_picture_is_kept_and_destroys_nothing(
    taker: EvidenceTaker, store: WatchedStore, keyring: MemoryKeyring, alert: Alert
) -> None:
    assert taker.take(replace(alert, thumbnail=None)) is None

    assert store.get(alert.alert_id) is not None
    assert keyring.held() == 1


def test_evidence_is_kept_while_its_key_lives_and_then_the_key_is_destroyed(
    taker: EvidenceTaker, store: WatchedStore, keyring: MemoryKeyring, alert: Alert
) -> None:
    assert taker.take(alert) == _JPEG

    assert store.alive_at_save == [1]
    assert keyring.held() == 0
    assert _reasons(keyring) == [ErasureReason.EVIDENCE_TAKEN]
    kept = store.get(alert.alert_id)
    assert kept is not None
    assert kept.thumbnail_jpeg == _JPEG


def test_a_store_that_refuses_leaves_the_key(
    taker: EvidenceTaker, store: WatchedStore, keyring: MemoryKeyring, alert: Alert
) -> None:
    store.refuses = True

    with pytest.raises(EvidenceStoreError, match="the disk is full"):
        taker.take(alert)

    assert keyring.held() == 1
    assert taker.open(alert) == _JPEG
    store.refuses = False
    assert taker.take(alert) == _JPEG


def test_taking_again_keeps_the_picture_and_writes_no_second_receipt(
    taker: EvidenceTaker, store: WatchedStore, keyring: MemoryKeyring, alert: Alert
) -> None:
    taker.take(alert)

    assert taker.take(alert) is None

    kept = store.get(alert.alert_id)
    assert kept is not None
    assert kept.thumbnail_jpeg == _JPEG
    assert len(_reasons(keyring)) == 1


def test_a_crash_between_keeping_and_destroying_is_mended_by_taking_again(
    taker: EvidenceTaker,
    store: WatchedStore,
    keyring: MemoryKeyring,
    alert: Alert,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def crash(
        _self: MemoryKeyring, _orders: Sequence[Destruction], *, by: str, at: datetime
    ) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as crashing:
        crashing.setattr(MemoryKeyring, "destroy", crash)
        with pytest.raises(KeyboardInterrupt):
            taker.take(alert)

    assert taker.take(alert) == _JPEG
    assert keyring.held() == 0
    assert _reasons(keyring) == [ErasureReason.EVIDENCE_TAKEN]


def test_looking_takes_nothing(taker: EvidenceTaker, keyring: MemoryKeyring, alert: Alert) -> None:
    assert taker.open(alert) == _JPEG

    assert keyring.held() == 1
    assert _reasons(keyring) == []


def test_a_thumbnail_of_another_face_does_not_open_and_its_key_lives(
    taker: EvidenceTaker, keyring: MemoryKeyring, alert: Alert
) -> None:
    other = replace(alert, sightings=(replace(alert.sightings[0], face_id="face-2"),))

    with pytest.raises(CannotOpenError):
        taker.take(other)

    assert keyring.held() == 1
