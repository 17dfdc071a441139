"""Settings come from the environment; secrets come by file, and show nowhere."""

from dataclasses import replace
from pathlib import Path

import pytest
from lookout.hosting.platform import make_platform
from lookout.hosting.settings import PlatformSettings, secret_of
from lookout.sealing.ports import VaultError
from lookout.sealing.signing import TrustError
from lookout.stream.kafka import KafkaBroker
from pydantic import ValidationError

_SECRET = "correct-horse-battery"


def test_an_empty_environment_gives_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOKOUT_DEMONSTRATION", "LOOKOUT_KAFKA_BOOTSTRAP", "LOOKOUT_TOPIC_PREFIX"):
        monkeypatch.delenv(name, raising=False)

    settings = PlatformSettings()

    assert not settings.demonstration
    assert settings.kafka.bootstrap == "127.0.0.1:9092"
    assert settings.kafka.model_fields_set == set()
    assert settings.topic_prefix == "lookout."


def test_the_environment_names_every_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKOUT_KAFKA_BOOTSTRAP", "one:9092,two:9092")
    monkeypatch.setenv("LOOKOUT_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("LOOKOUT_KAFKA_USERNAME", "lookout-test")
    monkeypatch.setenv("LOOKOUT_KAFKA_PASSWORD_FILE", "/run/secrets/kafka")
    monkeypatch.setenv("LOOKOUT_KEYRING_URL", "rediss://keyring:6379")
    monkeypatch.setenv("LOOKOUT_DEMONSTRATION", "true")

    settings = PlatformSettings()

    assert settings.kafka.bootstrap == "one:9092,two:9092"
    assert settings.kafka.security_protocol == "SASL_SSL"
    assert settings.keyring_url == "rediss://keyring:6379"
    assert settings.demonstration


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOOKOUT_METRICS_PORT", ""),
        ("LOOKOUT_METRICS_PORT", "70000"),
        ("LOOKOUT_LOG_LEVEL", "LOUD"),
        ("LOOKOUT_STALLED_AFTER_S", "0"),
        ("LOOKOUT_ONNX_PROVIDER", "gpu"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError, match=name.removeprefix("LOOKOUT_").lower()):
        PlatformSettings()


def test_a_secret_is_a_files_content_without_its_line_end(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{_SECRET}\n")

    assert secret_of(None) is None
    assert secret_of(path) == _SECRET
    with pytest.raises(OSError, match="gone"):
        secret_of(tmp_path / "gone")


def test_secrets_reach_the_clients_and_no_repr(
    settings: PlatformSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{_SECRET}\n")
    monkeypatch.setenv("LOOKOUT_KAFKA_USERNAME", "lookout-test")
    monkeypatch.setenv("LOOKOUT_KAFKA_PASSWORD_FILE", str(path))
    monkeypatch.setenv("LOOKOUT_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    named = PlatformSettings(
        **{**settings.model_dump(exclude={"kafka"}), "keyring_password_file": path}
    )

    platform = make_platform("test", named)

    assert isinstance(platform.broker, KafkaBroker)
    assert platform.kafka is not None
    assert platform.kafka.sasl_password == _SECRET
    shown = [repr(part) for part in (named, named.kafka, platform.kafka, platform)]
    assert not [text for text in shown if _SECRET in text]
    assert _SECRET in repr(replace(platform.kafka, client_id=_SECRET)), "the search can find it"


def test_a_missing_vault_secret_and_trust_file_are_named(
    settings: PlatformSettings, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"

    with pytest.raises(VaultError, match="gone"):
        make_platform("test", settings.model_copy(update={"vault_secret_file": gone}))
    with pytest.raises(TrustError, match="gone"):
        make_platform("test", settings.model_copy(update={"trust_file": gone}))


def test_an_instance_without_a_name_is_named_after_service_and_process(
    settings: PlatformSettings,
) -> None:
    platform = make_platform("matching", settings.model_copy(update={"instance": ""}))

    assert platform.instance.startswith("matching-")
    assert platform.instance != "matching-"
