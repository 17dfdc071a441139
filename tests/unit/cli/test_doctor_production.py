"""The look at an installation: what the machine, the keyring and the settings say is judged, and told with a remedy."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from lookout.sealing.keyring import KeyringAddress
from lookout.sealing.signing import TrustStore
from lookout_cli.__main__ import app
from lookout_cli.production.findings import Check, Verdict, any_open, as_json
from lookout_cli.production.host_checks import Machine, file_checks, host_checks
from lookout_cli.production.part_checks import (
    console_checks,
    gallery_checks,
    keyring_checks,
    trust_checks,
)
from lookout_cli.stack.folder import StateFolder
from lookout_cli.stack.local import prepare_secrets
from lookout_console.settings import Settings as ConsoleSettings
from lookout_matching.settings import Settings as MatchingSettings
from support.redis_node import running_keyring
from typer.testing import CliRunner

_SWAPS = "Filename Type Size Used Priority\n"


def machine(root: Path, *, clock: int | None = 0, **files: str) -> Machine:
    """A machine that says what ``files`` say, by the last part of their paths."""
    places = {
        "core_pattern": "proc/sys/kernel/core_pattern",
        "swaps": "proc/swaps",
        "state": "sys/power/state",
        "disk": "sys/power/disk",
    }
    for name, text in files.items():
        path = root / places[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Machine(root=root, clock_state=clock)


def verdicts(checks: list[Check]) -> dict[str, Verdict]:
    return {check.what: check.verdict for check in checks}


def test_a_closed_machine_is_well(tmp_path: Path) -> None:
    closed = machine(tmp_path, core_pattern="", swaps=_SWAPS, state="freeze mem", disk="platform")

    assert set(verdicts(list(host_checks(closed))).values()) == {Verdict.OK}


def test_what_an_open_machine_could_write_to_a_disk_is_named(tmp_path: Path) -> None:
    swaps = f"{_SWAPS}/dev/sda2 partition 8 0 -2\n"
    exposed = machine(
        tmp_path,
        clock=5,
        core_pattern="|/usr/lib/systemd/systemd-coredump %P",
        swaps=swaps,
        state="freeze mem disk",
        disk="[platform] shutdown",
    )
    found = list(host_checks(exposed))

    assert set(verdicts(found).values()) == {Verdict.OPEN}
    assert [check.found for check in found] == [
        "piped to /usr/lib/systemd/systemd-coredump",
        "/dev/sda2",
        "possible",
        "not synchronised",
    ]
    assert all(check.why and check.remedy for check in found)


def test_what_a_machine_does_not_say_is_not_called_well(tmp_path: Path) -> None:
    found = verdicts(list(host_checks(machine(tmp_path, clock=None, core_pattern="core"))))

    assert found["core dumps"] is Verdict.UNKNOWN
    assert found["swap"] is Verdict.UNKNOWN
    assert found["clock"] is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("mode", "verdict"), [(0o600, Verdict.OK), (0o640, Verdict.OK), (0o644, Verdict.OPEN)]
)
def test_a_file_of_a_secret_that_others_may_read_is_open(
    tmp_path: Path, mode: int, verdict: Verdict
) -> None:
    secret = tmp_path / "password"
    secret.touch()
    secret.chmod(mode)

    (check,) = file_checks([secret, tmp_path / "gone"])

    assert check.verdict is verdict
    assert (str(secret) in check.found) == (verdict is Verdict.OPEN)


@pytest.mark.redis
def test_a_keyring_that_anybody_may_use_is_open_and_one_that_writes_to_a_disk_too(
    tmp_path: Path,
) -> None:
    import redis  # noqa: PLC0415 - only here is a raw client needed

    with running_keyring(tmp_path) as node:
        address = KeyringAddress(url=node.url)
        before = verdicts(list(keyring_checks(address, clocks_differ=timedelta(seconds=2))))
        client = redis.Redis(unix_socket_path=str(node.socket_path))
        client.config_set("appendonly", "yes")
        client.acl_setuser("default", enabled=True, passwords=["+opensesame"], reset_passwords=True)
        client.close()
        known = KeyringAddress(url=node.url, username="default", password="opensesame")
        after = verdicts(list(keyring_checks(known, clocks_differ=timedelta(seconds=2))))

    assert before == {
        "keyring: TLS": Verdict.OK,
        "keyring: users": Verdict.OPEN,
        "keyring: nothing on a disk": Verdict.OK,
        "keyring: clock": Verdict.OK,
    }
    assert after["keyring: users"] is Verdict.OK
    assert after["keyring: nothing on a disk"] is Verdict.OPEN


def test_a_keyring_that_does_not_answer_is_not_known_and_its_plain_address_open() -> None:
    address = KeyringAddress(url="redis://127.0.0.1:1")

    found = verdicts(list(keyring_checks(address, clocks_differ=timedelta(seconds=2))))

    assert found.pop("keyring: TLS") is Verdict.OPEN
    assert set(found.values()) == {Verdict.UNKNOWN}


def test_the_consoles_settings_are_judged(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.touch()
    loose = ConsoleSettings(first_link_file=link, database_url="postgresql+pg8000://u@db/c")
    tight = ConsoleSettings(
        tls=True,
        local_accounts=False,
        database_url="postgresql+pg8000://u@db/c",
        database_ca_file=tmp_path / "ca.pem",
    )

    assert set(verdicts(list(console_checks(loose))).values()) == {Verdict.OPEN}
    assert set(verdicts(list(console_checks(tight))).values()) == {Verdict.OK}
    assert set(verdicts(list(console_checks(ConsoleSettings()))).values()) == {Verdict.UNKNOWN}


def test_a_gallery_by_plain_http_is_open_and_one_in_the_process_well() -> None:
    plain = MatchingSettings.model_validate(
        {"gallery": "server", "gallery_url": "http://qdrant:6333"}
    )

    assert [c.verdict for c in gallery_checks(plain)] == [Verdict.OPEN]
    assert [c.verdict for c in gallery_checks(MatchingSettings())] == [Verdict.OK]


def test_demonstration_keys_are_open_by_setting_or_by_trust(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.prepare()
    prepare_secrets(folder)
    trust = TrustStore.load(folder.trust)

    assert [c.verdict for c in trust_checks(TrustStore({}), demonstration=False)] == [Verdict.OK]
    assert [c.verdict for c in trust_checks(None, demonstration=False)] == [Verdict.UNKNOWN]
    assert [c.verdict for c in trust_checks(None, demonstration=True)] == [Verdict.OPEN]
    (by_trust,) = trust_checks(trust, demonstration=False)
    assert (by_trust.verdict, by_trust.found) == (Verdict.OPEN, "trusted: demonstration")


def test_json_holds_every_check_and_one_open_is_enough() -> None:
    well = Check("a", Verdict.OK, "b", "c")

    assert not any_open([well])
    assert any_open([well, Check("a", Verdict.OPEN, "b", "c", "d")])
    assert json.loads(as_json([well])) == [
        {"what": "a", "verdict": "ok", "found": "b", "why": "c", "remedy": ""}
    ]


def test_without_an_installation_the_command_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOOKOUT_KAFKA_BOOTSTRAP", raising=False)

    done = CliRunner().invoke(app, ["doctor", "--production", "--state", str(tmp_path)])

    assert done.exit_code == 1
    assert "lookout up" in done.stderr
