"""How Faust is configured: what it must not do by itself, and how it is let in."""

import asyncio
import ssl
from pathlib import Path

import faust
import pytest
from lookout.stream.kafka import KafkaSettings
from lookout_alerting.adapters.faust_app import FaustNames, FaustParts, build_app, credentials_of

PLAIN = KafkaSettings(bootstrap="127.0.0.1:9092", client_id="alerting")


async def _unused(*_: object) -> None:
    raise AssertionError("nothing is consumed here")


def _app(settings: KafkaSettings, folder: Path) -> FaustParts:
    parts = build_app(
        settings,
        names=FaustNames(prefix="lookout."),
        folder=folder,
        topic="lookout.matches",
        partitions=4,
        consume=_unused,
        on_error=_unused,
    )
    parts.app.finalize()
    return parts


def _build(settings: KafkaSettings, folder: Path) -> FaustParts:
    async def build() -> FaustParts:
        return _app(settings, folder)

    return asyncio.run(build())


def test_faust_opens_no_port_declares_no_topic_and_elects_no_leader(tmp_path: Path) -> None:
    conf = _build(PLAIN, tmp_path).app.conf
    assert not conf.web_enabled
    assert not conf.topic_allow_declare
    assert conf.topic_disable_leader
    assert conf.table_standby_replicas == 0


def test_changelog_has_the_name_that_the_catalogue_can_hold(tmp_path: Path) -> None:
    parts = _build(PLAIN, tmp_path)
    assert parts.table.changelog_topic_name == "lookout.alerting-entries-changelog"
    assert parts.table.changelog_topic_name == FaustNames(prefix="lookout.").changelog
    assert parts.app.conf.id == FaustNames(prefix="lookout.").group == "lookout.alerting"


def test_what_was_fetched_during_a_recovery_stays_in_the_queue(tmp_path: Path) -> None:
    async def kept() -> int:
        app = _app(PLAIN, tmp_path).app
        queue = next(iter(app.agents.values())).channel.queue
        app.flow_control.suspend()
        queue.put_nowait("a match")
        app.flow_control.resume()
        return int(queue.qsize())

    assert asyncio.run(kept()) == 1


def test_every_broker_address_is_used(tmp_path: Path) -> None:
    settings = KafkaSettings(bootstrap="one:9092, two:9093", client_id="alerting")
    brokers = [(url.host, url.port) for url in _build(settings, tmp_path).app.conf.broker]
    assert brokers == [("one", 9092), ("two", 9093)]


def test_cluster_without_security_needs_no_credentials() -> None:
    assert credentials_of(PLAIN) is None


@pytest.mark.parametrize(("protocol", "encrypted"), [("SASL_PLAINTEXT", False), ("SASL_SSL", True)])
def test_sasl_is_passed_on_and_the_password_stays_out_of_the_repr(
    protocol: str, *, encrypted: bool
) -> None:
    credentials = credentials_of(
        KafkaSettings(
            bootstrap="b:1",
            client_id="alerting",
            security_protocol=protocol,
            sasl_mechanism="SCRAM-SHA-256",
            sasl_username="alerting",
            sasl_password="hush",
        )
    )
    assert isinstance(credentials, faust.SASLCredentials)
    assert credentials.protocol.value == protocol
    assert credentials.mechanism.value == "SCRAM-SHA-256"
    assert (credentials.username, credentials.password) == ("alerting", "hush")
    assert (credentials.ssl_context is not None) is encrypted
    assert "hush" not in repr(credentials)


def test_tls_verifies_the_broker() -> None:
    credentials = credentials_of(
        KafkaSettings(bootstrap="b:1", client_id="alerting", security_protocol="SSL")
    )
    assert isinstance(credentials, faust.SSLCredentials)
    assert credentials.context.verify_mode is ssl.CERT_REQUIRED
    assert credentials.context.check_hostname
