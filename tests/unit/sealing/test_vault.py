import stat
import threading
from pathlib import Path

import pytest
from lookout.sealing.ports import DataKey, KeyGoneError, VaultError
from lookout.sealing.vault import FileVault, generate_secret_file, read_secret_file

SECRET = b"s" * 64
NAME = "watchlist/3f0e"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "vault"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def vault(folder: Path) -> FileVault:
    return FileVault(folder, SECRET)


def test_an_empty_vault_has_no_names_and_no_keys(vault: FileVault) -> None:
    assert list(vault.names()) == []
    with pytest.raises(KeyGoneError, match=NAME):
        vault.get(NAME)


def test_a_key_outlives_the_process_that_made_it(vault: FileVault, folder: Path) -> None:
    made = vault.create(NAME)

    assert (made.key_id, len(made.secret)) == (NAME, 32)
    assert FileVault(folder, SECRET).get(NAME) == made
    assert vault.get_or_create(NAME) == made
    assert list(vault.names()) == [NAME]


def test_a_name_is_taken_once(vault: FileVault) -> None:
    made = vault.create(NAME)

    with pytest.raises(VaultError, match="already"):
        vault.create(NAME)
    assert vault.get(NAME) == made


def test_a_destroyed_key_is_gone_and_a_new_one_of_its_name_is_another(vault: FileVault) -> None:
    made = vault.create(NAME)

    vault.destroy(NAME)
    vault.destroy(NAME)

    with pytest.raises(KeyGoneError):
        vault.get(NAME)
    assert list(vault.names()) == []
    assert vault.get_or_create(NAME).secret != made.secret


def test_no_file_holds_the_key_and_all_are_for_their_owner_alone(
    vault: FileVault, folder: Path
) -> None:
    made = vault.create(NAME)

    (file,) = [path for path in folder.rglob("*") if path.is_file()]
    assert made.secret not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_destroying_overwrites_what_other_links_still_show(vault: FileVault, folder: Path) -> None:
    vault.create(NAME)
    other = folder / "kept"
    (path,) = folder.rglob("*.key")
    other.hardlink_to(path)
    before = other.read_bytes()

    vault.destroy(NAME)

    assert other.read_bytes() != before
    assert len(other.read_bytes()) == len(before)


def test_another_secret_opens_nothing_and_is_told_apart_from_a_missing_key(
    vault: FileVault, folder: Path
) -> None:
    vault.create(NAME)

    with pytest.raises(VaultError, match="secret is another one"):
        FileVault(folder, b"t" * 64).get(NAME)


def test_a_file_under_another_name_does_not_open(vault: FileVault, folder: Path) -> None:
    vault.create(NAME)
    (folder / f"{NAME}.key").rename(folder / "watchlist" / "other.key")

    with pytest.raises(VaultError, match="renamed"):
        vault.get("watchlist/other")


@pytest.mark.parametrize("content", [b"", b"LKV1", b"x" * 64])
def test_a_damaged_file_is_said_to_be_damaged(
    vault: FileVault, folder: Path, content: bytes
) -> None:
    vault.create(NAME)
    (folder / f"{NAME}.key").write_bytes(content)

    with pytest.raises(VaultError, match="damaged"):
        vault.get(NAME)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "watchlist",
        "watchlist/",
        "other/x",
        "watchlist/../x",
        "watchlist/.x",
        "watchlist/a/b",
        "/x",
    ],
)
def test_a_name_that_could_lead_elsewhere_is_refused(vault: FileVault, name: str) -> None:
    with pytest.raises(VaultError, match="vault name"):
        vault.create(name)


def test_a_vault_needs_its_folder_and_a_secret_worth_the_name(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="create it"):
        FileVault(tmp_path / "missing", SECRET)
    with pytest.raises(VaultError, match="at least 32 bytes, but got 5"):
        FileVault(tmp_path, b"short")


def test_processes_that_race_for_a_key_get_the_same(vault: FileVault) -> None:
    keys: list[DataKey] = []
    threads = [
        threading.Thread(target=lambda: keys.append(vault.get_or_create("signing/keeper")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(keys) == 8
    assert len({key.secret for key in keys}) == 1


def test_a_generated_secret_is_its_owners_alone_and_never_overwritten(
    tmp_path: Path, folder: Path
) -> None:
    path = tmp_path / "vault.secret"
    generate_secret_file(path)
    secret = read_secret_file(path)

    with pytest.raises(VaultError, match="stays"):
        generate_secret_file(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_secret_file(path) == secret
    assert FileVault(folder, secret).create(NAME).key_id == NAME


def test_a_missing_secret_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="make one, or mount it"):
        read_secret_file(tmp_path / "none")
