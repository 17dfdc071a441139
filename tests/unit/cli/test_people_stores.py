"""The command line's sealed stores: people by deployment, evidence by day."""

import stat
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from secrets import token_bytes

import pytest
from lookout.enrolment.person import Person
from lookout.events import Alert, Category, Response, Sealed, Sighting
from lookout.sealing.ports import DataKey, KeyGoneError, VaultError
from lookout_cli.people.evidence import EvidenceStore, EvidenceStoreError
from lookout_cli.people.store import PeopleStore, PeopleStoreError


class MemoryVault:
    """The vault in memory."""

    def __init__(self) -> None:
        self._keys: dict[str, DataKey] = {}

    def get(self, name: str) -> DataKey:
        try:
            return self._keys[name]
        except KeyError:
            raise KeyGoneError(name) from None

    def create(self, name: str) -> DataKey:
        if name in self._keys:
            raise VaultError(name)
        return self._keys.setdefault(name, DataKey(name, token_bytes(32)))

    def get_or_create(self, name: str) -> DataKey:
        return self._keys.get(name) or self.create(name)

    def destroy(self, name: str) -> None:
        self._keys.pop(name, None)

    def names(self) -> Sequence[str]:
        return sorted(self._keys)


ANNA = Person(
    reference="R-1",
    name="Anna Müller",
    category=Category.MISSING_AT_RISK,
    response=Response.GREEN,
    reason="Left home without medicine",
    image_jpeg=b"\xff\xd8 a picture \x00",
)
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def alert(*, revision: int = 1, at: datetime = NOON, alert_id: str = "alert-1") -> Alert:
    sightings = tuple(
        Sighting(
            match_id=f"m{i}",
            face_id=f"f{i}",
            track_id=f"t{i}",
            camera_id=f"c{i}",
            captured_at=at,
            score=0.6,
        )
        for i in range(revision)
    )
    return Alert(
        deployment_id="dep",
        alert_id=alert_id,
        revision=revision,
        entry_id="entry",
        category=Category.VICTIM,
        response=Response.AMBER,
        threshold=0.4,
        margin=None,
        captured_at=at,
        alerted_at=at + timedelta(seconds=1),
        sightings=sightings,
        demonstration=False,
        thumbnail=Sealed(key_id="k:0", nonce=b"n" * 12, ciphertext=b"c" * 16),
    )


def test_an_empty_store_has_nobody(tmp_path: Path) -> None:
    store = PeopleStore(root=tmp_path, vault=MemoryVault())

    assert store.entries("dep") == []
    assert store.get("dep", "entry") is None
    assert store.purge("dep") == 0


def test_a_person_comes_back_as_put_and_the_latest_counts(tmp_path: Path) -> None:
    store = PeopleStore(root=tmp_path, vault=MemoryVault())
    store.put("dep", "entry", ANNA)
    store.put("dep", "entry", replace(ANNA, reason="Found"))

    assert store.get("dep", "entry") == replace(ANNA, reason="Found")
    assert store.entries("dep") == ["entry"]


def test_nothing_of_a_person_is_on_disk_in_the_clear(tmp_path: Path) -> None:
    PeopleStore(root=tmp_path, vault=MemoryVault()).put("dep", "entry", ANNA)

    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in ("R-1", "Anna", "ller", "medicine", "missing"):
        assert secret.encode() not in written
    assert b"a picture" not in written


def test_files_are_their_owners_only_and_no_part_is_left(tmp_path: Path) -> None:
    root = tmp_path / "people"
    PeopleStore(root=root, vault=MemoryVault()).put("dep", "entry", ANNA)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [root, *root.rglob("*")]}
    assert modes == {"people": 0o700, "dep": 0o700, "entry.sealed": 0o600}


def test_another_vault_says_so_and_names_nobody(tmp_path: Path) -> None:
    PeopleStore(root=tmp_path, vault=MemoryVault()).put("dep", "entry", ANNA)
    stranger = MemoryVault()
    stranger.create("people/dep")

    with pytest.raises(PeopleStoreError, match="this vault is not the one") as caught:
        PeopleStore(root=tmp_path, vault=stranger).get("dep", "entry")
    assert "Anna" not in str(caught.value)


def test_an_entry_renamed_to_another_does_not_open(tmp_path: Path) -> None:
    store = PeopleStore(root=tmp_path, vault=MemoryVault())
    store.put("dep", "entry", ANNA)
    (tmp_path / "dep" / "entry.sealed").rename(tmp_path / "dep" / "other.sealed")

    with pytest.raises(PeopleStoreError, match="does not open"):
        store.get("dep", "other")


@pytest.mark.parametrize("content", [b"", b"LKS1\x00\x00\x00\x04ke", b"something else entirely"])
def test_a_damaged_file_says_so(tmp_path: Path, content: bytes) -> None:
    store = PeopleStore(root=tmp_path, vault=MemoryVault())
    store.put("dep", "entry", ANNA)
    (tmp_path / "dep" / "entry.sealed").write_bytes(content)

    with pytest.raises(PeopleStoreError, match="is damaged"):
        store.get("dep", "entry")


def test_purging_forgets_one_deployment_even_for_who_copied_the_files(tmp_path: Path) -> None:
    vault = MemoryVault()
    store = PeopleStore(root=tmp_path, vault=vault)
    store.put("dep", "entry", ANNA)
    store.put("other", "entry", ANNA)
    copy = (tmp_path / "dep" / "entry.sealed").read_bytes()

    assert store.purge("dep") == 1

    assert not (tmp_path / "dep").exists()
    assert store.get("other", "entry") == ANNA
    (tmp_path / "dep").mkdir()
    (tmp_path / "dep" / "entry.sealed").write_bytes(copy)
    with pytest.raises(PeopleStoreError, match="no key"):
        store.get("dep", "entry")


@pytest.mark.parametrize("bad", ["", "..", "../dep", "a/b", ".hidden"])
def test_ids_that_climb_out_of_the_folder_are_refused(tmp_path: Path, bad: str) -> None:
    store = PeopleStore(root=tmp_path, vault=MemoryVault())

    with pytest.raises(ValueError, match="must be letters"):
        store.put(bad, "entry", ANNA)
    with pytest.raises(ValueError, match="must be letters"):
        store.put("dep", bad, ANNA)


def test_a_person_does_not_show_in_a_repr() -> None:
    assert "Anna" not in repr(ANNA)


def test_no_evidence_is_none(tmp_path: Path) -> None:
    store = EvidenceStore(root=tmp_path / "evidence", vault=MemoryVault())

    assert store.get("alert-1") is None
    assert list(store.alerts()) == []
    assert store.purge_before(date(2027, 1, 1)) == 0


def test_evidence_comes_back_without_the_sealed_thumbnail(tmp_path: Path) -> None:
    store = EvidenceStore(root=tmp_path, vault=MemoryVault())
    store.save(alert(), b"\xff\xd8 face")

    kept = store.get("alert-1")
    assert kept is not None
    assert kept.alert == replace(alert(), thumbnail=None)
    assert kept.thumbnail_jpeg == b"\xff\xd8 face"
    assert list(store.alerts()) == ["alert-1"]


def test_a_later_revision_keeps_the_thumbnail_and_the_day(tmp_path: Path) -> None:
    store = EvidenceStore(root=tmp_path, vault=MemoryVault())
    store.save(alert(), b"face")
    store.save(alert(revision=2, at=NOON + timedelta(days=1)), None)

    kept = store.get("alert-1")
    assert kept is not None
    assert (kept.alert.revision, kept.thumbnail_jpeg) == (2, b"face")
    assert [path.name for path in tmp_path.iterdir()] == ["2026-05-04"]


def test_a_replayed_older_revision_changes_nothing(tmp_path: Path) -> None:
    store = EvidenceStore(root=tmp_path, vault=MemoryVault())
    store.save(alert(), b"face")
    store.save(alert(revision=2), None)
    store.save(alert(), b"face")

    kept = store.get("alert-1")
    assert kept is not None
    assert kept.alert.revision == 2


def test_evidence_is_under_the_key_of_its_day_and_goes_with_it(tmp_path: Path) -> None:
    vault = MemoryVault()
    store = EvidenceStore(root=tmp_path, vault=vault)
    store.save(alert(alert_id="old"), b"face")
    store.save(alert(alert_id="new", at=NOON + timedelta(days=2)), b"face")
    assert vault.names() == ["evidence/2026-05-04", "evidence/2026-05-06"]

    assert store.purge_before(date(2026, 5, 6)) == 1

    assert vault.names() == ["evidence/2026-05-06"]
    assert store.get("old") is None
    assert store.get("new") is not None


def test_evidence_whose_key_is_gone_says_so(tmp_path: Path) -> None:
    vault = MemoryVault()
    store = EvidenceStore(root=tmp_path, vault=vault)
    store.save(alert(), b"face")
    vault.destroy("evidence/2026-05-04")

    with pytest.raises(EvidenceStoreError, match="no key for that day"):
        store.get("alert-1")


def test_evidence_that_the_disk_refuses_is_not_taken_for_kept(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_bytes(b"a file where the folder should be")
    store = EvidenceStore(root=tmp_path / "evidence", vault=MemoryVault())

    with pytest.raises(EvidenceStoreError, match="not kept"):
        store.save(alert(), b"face")
