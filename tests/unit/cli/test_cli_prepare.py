"""Secrets of a stack of containers: made once, complete, read by those they are for, and never shown."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from lookout.sealing.signing import TrustStore
from lookout.sealing.vault import FileVault, read_secret_file
from lookout_cli.__main__ import app
from typer.testing import CliRunner


def _prepare(folder: Path) -> str:
    done = CliRunner().invoke(
        app, ["prepare", "secrets", str(folder / "stores"), "--state", str(folder / "state")]
    )
    assert done.exit_code == 0, done.output
    return done.output


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_secrets_are_made_once_and_stay(tmp_path: Path) -> None:
    _prepare(tmp_path)
    first = _contents(tmp_path / "stores")
    assert "every secret is there" in _prepare(tmp_path)
    assert _contents(tmp_path / "stores") == first


def test_no_secret_is_printed(tmp_path: Path) -> None:
    said = _prepare(tmp_path)
    for name in ("keyring/password", "database/password", "qdrant/api-key"):
        secret = (tmp_path / "stores" / name).read_text()
        assert len(secret) >= 32
        assert secret not in said


def test_vault_and_trust_hold_the_keys_of_keeper_console_and_demonstration(tmp_path: Path) -> None:
    _prepare(tmp_path)
    state = tmp_path / "state"
    vault = FileVault(state / "vault", read_secret_file(state / "vault.secret"))
    assert {f"signing/{name}" for name in ("keeper", "console", "demonstration")} <= set(
        vault.names()
    )
    assert TrustStore.load(state / "trust.json") is not None
    assert (state / "vault.secret").stat().st_mode & 0o077 == 0


def test_the_keyring_keeps_nothing_on_disk_and_asks_for_its_password(tmp_path: Path) -> None:
    _prepare(tmp_path)
    folder = tmp_path / "stores" / "keyring"
    said = dict(
        line.split(maxsplit=1) for line in (folder / "valkey.conf").read_text().splitlines()
    )
    assert said["requirepass"] == (folder / "password").read_text()
    assert (said["save"], said["appendonly"], said["maxmemory-policy"]) == (
        '""',
        "no",
        "noeviction",
    )


def test_qdrant_has_its_key_and_a_certificate_in_its_own_name(tmp_path: Path) -> None:
    _prepare(tmp_path)
    folder = tmp_path / "stores" / "qdrant"
    told = yaml.safe_load((folder / "production.yaml").read_text())
    assert told["service"]["api_key"] == (folder / "api-key").read_text()
    assert told["service"]["enable_tls"] is True
    certificate = x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["qdrant"]
    assert certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=364)


@pytest.mark.parametrize(
    ("link", "why"),
    [("other", "wrote no first sign-in link"), ("first-link", "holds no picture")],
)
def test_a_demonstration_that_cannot_begin_says_what_is_missing(
    tmp_path: Path, link: str, why: str
) -> None:
    (tmp_path / link).write_text("/sign-in/link/none")
    done = CliRunner().invoke(
        app,
        ["prepare", "demonstration", "--console", "http://127.0.0.1:1", "--first-link", str(tmp_path / "first-link"),
         "--pictures", str(tmp_path)],
    )  # fmt: skip
    assert done.exit_code == 1
    assert why in " ".join(done.output.split())
