"""Half a protection is refused, and no secret reaches an address, an error or a log."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from lookout.hosting.platform import make_platform
from lookout.hosting.settings import KafkaSection, PlatformSettings
from lookout.sealing.ports import KeyringUnavailableError
from lookout.stream.kafka import KafkaBroker
from lookout.stream.ports import DeliveryError, Outgoing, StreamError
from lookout_console.__main__ import database_url
from lookout_console.settings import Settings as ConsoleSettings
from lookout_keeper.settings import Settings as KeeperSettings
from lookout_matching.__main__ import make_gallery
from lookout_matching.ports import GalleryError
from lookout_matching.settings import Settings as MatchingSettings
from pydantic import ValidationError

_SECRET = "correct-horse-battery"


@pytest.fixture(name="secret_file")
def secret_file_fixture(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{_SECRET}\n")
    return path


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({"security_protocol": "SASL_SSL"}, "LOOKOUT_KAFKA_PASSWORD_FILE"),
        ({"security_protocol": "SASL_SSL", "username": "u"}, "LOOKOUT_KAFKA_PASSWORD_FILE"),
        ({"security_protocol": "SSL", "certificate_file": "c"}, "LOOKOUT_KAFKA_KEY_FILE"),
        ({"ca_file": "ca.pem"}, "PLAINTEXT does not use them"),
        ({"username": "u", "password_file": "p"}, "PLAINTEXT does not use it"),
        ({"security_protocol": "TLS"}, "security_protocol"),
        ({"sasl_mechanism": "MD5"}, "sasl_mechanism"),
    ],
)
def test_half_a_protection_of_kafka_is_refused(settings: dict[str, str], missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        KafkaSection.model_validate(settings)


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({"keyring_url": "redis://k:6379", "keyring_ca_file": "ca.pem"}, "without TLS"),
        ({"keyring_certificate_file": "c"}, "LOOKOUT_KEYRING_KEY_FILE"),
        ({"keyring_url": f"redis://u:{_SECRET}@k:6379"}, "LOOKOUT_KEYRING_PASSWORD_FILE"),
        ({"registry_url": f"https://u:{_SECRET}@r"}, "LOOKOUT_REGISTRY_PASSWORD_FILE"),
    ],
)
def test_a_password_in_an_address_is_refused_without_being_repeated(
    settings: dict[str, str], missing: str
) -> None:
    with pytest.raises(ValidationError, match=missing) as caught:
        PlatformSettings.model_validate(settings)

    assert _SECRET not in str(caught.value) + repr(caught.value)


def test_the_databases_address_comes_from_a_file_or_without_a_password(
    tmp_path: Path, secret_file: Path
) -> None:
    whole = f"postgresql+pg8000://console:{_SECRET}@db/lookout"
    by_file = tmp_path / "url"
    by_file.write_text(whole + "\n")
    bare = "postgresql+pg8000://console@db/lookout"

    named = ConsoleSettings(database_url_file=by_file)
    joined = ConsoleSettings(database_url=bare, database_password_file=secret_file)

    assert database_url(named) == database_url(joined) == whole
    assert _SECRET not in repr(named) + repr(joined)
    with pytest.raises(ValueError, match="LOOKOUT_CONSOLE_DATABASE_URL_FILE") as caught:
        database_url(ConsoleSettings(database_url=whole))
    assert _SECRET not in str(caught.value)


def test_matchings_key_for_the_gallery_and_the_keepers_webhook_are_files(
    tmp_path: Path, secret_file: Path
) -> None:
    server = {"gallery": "server", "gallery_url": "https://qdrant:6333"}
    settings = MatchingSettings.model_validate({**server, "gallery_api_key_file": secret_file})

    make_gallery(settings).close()
    assert _SECRET not in repr(settings)
    assert "anchor_webhook_url_file" in KeeperSettings.model_fields
    with pytest.raises(GalleryError, match="LOOKOUT_MATCHING_GALLERY_API_KEY_FILE"):
        make_gallery(MatchingSettings.model_validate(server))
    with pytest.raises(OSError, match="gone"):
        make_gallery(
            MatchingSettings.model_validate({**server, "gallery_api_key_file": tmp_path / "gone"})
        )


def test_what_fails_with_a_secret_in_hand_does_not_tell_it(
    settings: PlatformSettings,
    secret_file: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("LOOKOUT_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("LOOKOUT_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("LOOKOUT_KAFKA_USERNAME", "lookout-test")
    monkeypatch.setenv("LOOKOUT_KAFKA_PASSWORD_FILE", str(secret_file))
    named = settings.model_dump(exclude={"kafka"}) | {
        "keyring_url": "redis://127.0.0.1:1",
        "keyring_username": "lookout-test",
        "keyring_password_file": secret_file,
    }
    platform = make_platform("test", PlatformSettings.model_validate(named))
    assert platform.kafka is not None

    with pytest.raises(KeyringUnavailableError) as keyrings:
        platform.keyring.held()
    impatient = replace(platform.kafka, request_timeout_s=0.5, delivery_timeout_s=0.5)
    with pytest.raises(StreamError) as brokers:
        KafkaBroker(impatient).create_topics([])
    producer = KafkaBroker(impatient).producer()
    producer.produce(Outgoing("topic", b"key", b"value"))
    with pytest.raises(DeliveryError) as deliveries:
        producer.close()

    raised = [keyrings.value, brokers.value, brokers.value.__cause__, deliveries.value]
    told = [*map(repr, raised), *map(str, raised), repr(impatient), caplog.text]
    assert not [text for text in told if _SECRET in text]
    assert platform.kafka.sasl_password == _SECRET, "there was a secret to tell"
