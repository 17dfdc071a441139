"""``lookout doctor --production`` on a real open installation, and on a real closed one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from lookout_cli.__main__ import app
from support.kafka_node import KafkaNode, why_no_kafka
from support.redis_node import running_keyring
from support.secured_kafka import secured_kafka
from support.secured_keyring import SecuredKeyring
from typer.testing import CliRunner

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(300)]


def look(environment: dict[str, str], *, well: bool | None = None) -> dict[str, str]:
    """Verdicts by what was looked at; ``well`` is what the exit code has to say, where the machine does not decide it."""
    done = CliRunner().invoke(app, ["doctor", "--production", "--json"], env=environment)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    found = {check["what"]: check["verdict"] for check in json.loads(done.stdout)}
    assert done.exit_code == (1 if "OPEN" in found.values() else 0)
    assert well is None or well == (done.exit_code == 0)
    return found


def test_an_open_installation_is_called_open(
    kafka: KafkaNode, tmp_path: Path, figures: Callable[[str, object], None]
) -> None:
    with running_keyring(tmp_path) as keyring:
        found = look(
            {
                "LOOKOUT_KAFKA_BOOTSTRAP": kafka.bootstrap,
                "LOOKOUT_KEYRING_URL": keyring.url,
                "LOOKOUT_DEMONSTRATION": "true",
                "LOOKOUT_CONSOLE_TLS": "false",
            },
            well=False,
        )

    expected = {
        "Kafka: TLS",
        "Kafka: authentication",
        "Kafka: strangers",
        "Kafka: authorizer",
        "Kafka: topics without rights",
        "Kafka: deleting topics",
        "Kafka: rights",
        "keyring: users",
        "console: https",
        "console: accounts",
        "demonstration keys",
    }
    flagged = [what for what, verdict in found.items() if verdict == "OPEN"]
    assert expected.issubset(flagged)
    figures("doctor --production: flagged as open in an open installation", "; ".join(flagged))


def test_a_closed_installation_is_called_closed(tmp_path: Path) -> None:
    reason = why_no_kafka()
    if reason is not None:
        pytest.skip(reason)
    with secured_kafka(tmp_path / "kafka") as secured:
        keyring = SecuredKeyring(tmp_path / "keyring", secured.authority)
        keyring.start()
        try:
            for path in secured.passwords.iterdir():
                path.chmod(0o600)
            found = look({**secured.environment("monitor"), **keyring.environment("monitor")})
        finally:
            keyring.stop()

    ours = {what: v for what, v in found.items() if what.startswith(("Kafka", "keyring", "files"))}
    assert not [what for what, verdict in ours.items() if verdict != "ok"]
