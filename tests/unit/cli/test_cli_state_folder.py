"""The state folder is closed to others, and tells where a running stack is found."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from lookout.sealing.signing import ROLE_CONTROL, ROLE_RECEIPTS, TrustStore
from lookout.sealing.vault import FileVault, read_secret_file
from lookout_cli.stack.folder import RunningStack, StackError, StateFolder
from lookout_cli.stack.local import CLI_SIGNER, CONSOLE_SIGNER, KEEPER_SIGNER, prepare_secrets


def _stack(pid: int) -> RunningStack:
    return RunningStack(
        bootstrap="127.0.0.1:9092",
        keyring_url="unix:///keyring.sock",
        pack="mobile",
        pid=pid,
        metrics_ports={"keeper": 1234},
    )


def test_a_folder_that_was_never_used_has_no_stack(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "never")

    assert not folder.is_running()
    with pytest.raises(StackError, match="lookout up"):
        folder.running()
    assert not folder.root.exists()


def test_an_announced_stack_is_found_until_it_is_withdrawn(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    stack = _stack(os.getpid())

    folder.announce(stack)

    assert folder.running() == stack
    folder.withdraw()
    folder.withdraw()
    assert not folder.is_running()


def test_a_stack_whose_process_is_gone_does_not_run(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    folder = StateFolder(tmp_path)

    folder.announce(_stack(gone.pid))

    assert not folder.is_running()


@pytest.mark.parametrize("content", ["", "{", '{"pid": 1}', "[]"])
def test_a_damaged_announcement_counts_as_no_stack(tmp_path: Path, content: str) -> None:
    folder = StateFolder(tmp_path)
    (tmp_path / "stack.json").write_text(content)

    with pytest.raises(StackError, match="lookout up"):
        folder.running()


def test_what_is_prepared_is_closed_to_others(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.root.mkdir(mode=0o755)

    folder.prepare()
    folder.prepare()
    prepare_secrets(folder)

    modes = {
        path: stat.S_IMODE(path.stat().st_mode)
        for path in (folder.root, folder.people, folder.evidence, folder.logs, folder.vault)
    }
    assert modes == dict.fromkeys(modes, 0o700)
    assert stat.S_IMODE(folder.vault_secret.stat().st_mode) == 0o600


def test_secrets_are_made_once_and_each_signer_may_sign_its_own_only(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.prepare()
    prepare_secrets(folder)
    secret, trust = folder.vault_secret.read_bytes(), folder.trust.read_text()

    prepare_secrets(folder)

    assert folder.vault_secret.read_bytes() == secret
    assert folder.trust.read_text() == trust
    listed = TrustStore.load(folder.trust)
    control, keeper = listed.signer(CLI_SIGNER), listed.signer(KEEPER_SIGNER)
    console = listed.signer(CONSOLE_SIGNER)
    assert control is not None
    assert keeper is not None
    assert console is not None
    assert (set(control.roles), control.demonstration) == ({ROLE_CONTROL}, True)
    assert (set(keeper.roles), keeper.demonstration) == ({ROLE_RECEIPTS}, False)
    assert (set(console.roles), console.demonstration) == ({ROLE_CONTROL}, False)
    vault = FileVault(folder.vault, read_secret_file(folder.vault_secret))
    assert vault.names() == [
        f"signing/{name}" for name in (CONSOLE_SIGNER, CLI_SIGNER, KEEPER_SIGNER)
    ]
