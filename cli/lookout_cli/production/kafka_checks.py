"""Whether the cluster lets in whoever asks, and whether it holds everybody to the catalogue."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
)
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from lookout.stream.kafka import KafkaSettings

from lookout_cli.production.acls import Principal
from lookout_cli.production.findings import Check, Subject
from lookout_cli.production.granting import bindings

_TLS = Subject(
    "Kafka: TLS",
    "sealed records, names of cameras and alerts would be seen on the network",
    "LOOKOUT_KAFKA_SECURITY_PROTOCOL=SASL_SSL (or SSL with a certificate), LOOKOUT_KAFKA_CA_FILE",
)
_LOGIN = Subject(
    "Kafka: authentication",
    "without, the broker cannot tell services apart, and rights mean nothing",
    "give every service a user of its own (`lookout topics acls --apply --passwords`) or a certificate",
)
_STRANGERS = Subject(
    "Kafka: strangers",
    "whoever reaches the port reads and writes what they like",
    "close or protect that listener",
)
_AUTHORIZER = Subject(
    "Kafka: authorizer",
    "without one every user may do everything",
    "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer on brokers and controllers",
)
_DEFAULTS = {
    "allow.everyone.if.no.acl.found": Subject(
        "Kafka: topics without rights",
        "a topic that nobody was granted would be everybody's",
        "allow.everyone.if.no.acl.found=false",
    ),
    "delete.topic.enable": Subject(
        "Kafka: deleting topics",
        "the right to delete records, which the keeper needs, is also one to delete their topic",
        "delete.topic.enable=false",
    ),
    "auto.create.topics.enable": Subject(
        "Kafka: topics made by use",
        "a topic that is made by accident has no retention of ours",
        "auto.create.topics.enable=false",
    ),
}
_RIGHTS = Subject(
    "Kafka: rights",
    "every service may do what the catalogue says, and no one else may",
    "lookout topics acls --apply; remove what is said to be too much",
)
_WAIT_S = 5.0
_MOST_NAMED = 4
_ANY = cast(str, None)  # what the library takes for any; its stubs know of names alone


def kafka_checks(settings: KafkaSettings, wanted: list[Principal]) -> Iterator[Check]:
    """Ask the cluster, by these credentials and by none. ``wanted`` are all whose rights should be there."""
    protocol = settings.security_protocol
    yield _TLS.judged(protocol.endswith("SSL"), protocol)
    known = protocol.startswith("SASL") or settings.certificate_file is not None
    yield _LOGIN.judged(known, settings.sasl_mechanism if known else "none")
    yield _strangers(settings)
    admin = AdminClient(dict(settings.client()))
    config = _broker_settings(admin)
    if isinstance(config, str):
        yield _AUTHORIZER.unknown(config)
        yield from (subject.unknown(config) for subject in _DEFAULTS.values())
        yield _RIGHTS.unknown(config)
        return
    name = config.get("authorizer.class.name", "")
    yield _AUTHORIZER.judged(name, name or "none")
    for key, subject in _DEFAULTS.items():
        value = config.get(key, "false")
        # Kafka does not list a setting that its authorizer alone reads; it is off unless somebody turned it on.
        yield subject.judged(value == "false", f"{key}={value}")
    yield _rights(admin, wanted)


def _strangers(settings: KafkaSettings) -> Check:
    bare = replace(
        settings,
        security_protocol="PLAINTEXT",
        ca_file=None,
        certificate_file=None,
        key_file=None,
        request_timeout_s=_WAIT_S,
    )
    try:
        AdminClient({**bare.client(), "log_level": 0}).list_topics(timeout=_WAIT_S)
    except KafkaException:
        return _STRANGERS.ok(f"{settings.bootstrap} answers nobody without credentials")
    return _STRANGERS.open(f"{settings.bootstrap} answers without credentials and without TLS")


def _broker_settings(admin: AdminClient) -> Mapping[str, str] | str:
    """A broker's settings, or why they are not to be had."""
    try:
        brokers = admin.list_topics(timeout=_WAIT_S).brokers
        asked = ConfigResource(ConfigResource.Type.BROKER, str(min(brokers)))
        (answer,) = admin.describe_configs([asked], request_timeout=_WAIT_S).values()
        return {name: entry.value or "" for name, entry in answer.result(_WAIT_S).items()}
    except KafkaException as error:
        return _plainly(error)


def _rights(admin: AdminClient, wanted: list[Principal]) -> Check:
    anything = AclBindingFilter(
        ResourceType.ANY,
        _ANY,
        ResourcePatternType.ANY,
        _ANY,
        _ANY,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    try:
        found = set(admin.describe_acls(anything, request_timeout=_WAIT_S).result(_WAIT_S))
    except KafkaException as error:
        if error.args[0].code() == KafkaError.SECURITY_DISABLED:
            return _RIGHTS.open("none can be granted: the cluster has no authorizer")
        return _RIGHTS.unknown(_plainly(error))
    said = {binding for principal in wanted for binding in bindings(principal)}
    ours = {f"User:{principal.user}" for principal in wanted}
    missing = [_named(one) for one in said - found]
    allowed = [one for one in found - said if one.permission_type is AclPermissionType.ALLOW]
    excess = [
        _named(one) for one in allowed if one.principal in {*ours, "User:*", "User:ANONYMOUS"}
    ]
    if missing or excess:
        return _RIGHTS.open(
            "; ".join(
                f"{len(names)} {what}: {', '.join(sorted(names)[:_MOST_NAMED])}"
                for names, what in ((missing, "missing"), (excess, "too much"))
                if names
            )
        )
    return _RIGHTS.ok(f"{len(said)} granted, as the catalogue says")


def _named(binding: AclBinding) -> str:
    operation = AclOperation(binding.operation).name
    return f"{binding.principal} {operation} {binding.name}"


def _plainly(error: KafkaException) -> str:
    cause: KafkaError = error.args[0]
    return f"the cluster refuses or does not answer ({cause.name()}); ask as lookout-monitor"
