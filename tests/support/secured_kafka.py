"""A Kafka node as an installation has it: SCRAM over TLS, mutual TLS, an authorizer that allows nothing unless it was granted."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from lookout.stream.kafka import KafkaBroker, KafkaSettings
from lookout.topics import Catalogue, load_catalogue
from lookout_cli.local.kafka import LocalKafka
from lookout_cli.local.ports import free_ports
from lookout_cli.production.acls import USER_PREFIX, principals, roles
from lookout_cli.production.granting import grant_all
from lookout_cli.production.kafka_users import make_users
from support.certificates import Authority
from support.polling import until

ADMIN = "admin"
_SCRAM_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


class SecuredKafka(LocalKafka):
    """Listens twice: SCRAM-SHA-512 over TLS at ``bootstrap``, mutual TLS at ``mtls_bootstrap``."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        super().__init__(folder)
        self._authority = authority
        (self._mtls_port,) = free_ports(1)
        self.admin_password = secrets.token_hex(16)

    @property
    def mtls_bootstrap(self) -> str:
        """Where clients show a certificate."""
        return f"127.0.0.1:{self._mtls_port}"

    def admin(self) -> KafkaSettings:
        """The administrator's way in."""
        return KafkaSettings(
            bootstrap=self.bootstrap,
            client_id="admin",
            security_protocol="SASL_SSL",
            sasl_username=ADMIN,
            sasl_password=self.admin_password,
            ca_file=self._authority.ca_file,
        )

    def _write_properties(self) -> Path:
        path = super()._write_properties()
        certificate, key = self._authority.issue("broker")
        store = self._folder / "broker.pem"
        store.touch(mode=0o600)
        store.write_text(key.read_text() + certificate.read_text())
        settings = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
        settings |= {
            "listeners": f"BROKER://127.0.0.1:{self._port},MTLS://{self.mtls_bootstrap},"
            f"CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"BROKER://127.0.0.1:{self._port},MTLS://{self.mtls_bootstrap}",
            "inter.broker.listener.name": "MTLS",
            "listener.security.protocol.map": "BROKER:SASL_SSL,MTLS:SSL,CONTROLLER:SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.broker.scram-sha-512.sasl.jaas.config": _SCRAM_MODULE,
            "listener.name.mtls.ssl.client.auth": "required",
            "listener.name.controller.ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(store),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self._authority.ca_file),
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": f"User:{ADMIN};User:broker",
            "delete.topic.enable": "false",
        }
        path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        return path

    def _java(self, main_class: str, *arguments: str) -> Sequence[str]:
        if "format" in arguments:
            scram = f"SCRAM-SHA-512=[name={ADMIN},password={self.admin_password}]"
            arguments = (*arguments, "--add-scram", scram)
        return super()._java(main_class, *arguments)

    def _wait_ready(self) -> None:
        admin = AdminClient({**self.admin().client(), "log_level": 0})

        def answers() -> bool:
            assert self.pid is not None, f"Kafka ended while starting: {self._log_tail()}"
            try:
                return bool(admin.list_topics(timeout=1.0).brokers)
            except KafkaException:
                return False

        until(answers, "the secured node", 90.0)


@dataclass(frozen=True, slots=True)
class Secured:
    """A running node whose users and rights are those that the catalogue gives."""

    node: SecuredKafka
    authority: Authority
    catalogue: Catalogue
    passwords: Path

    def password_file(self, role: str) -> Path:
        """Where a role's password lies."""
        return self.passwords / f"{role}.password"

    def settings(self, role: str, *, password: str | None = None) -> KafkaSettings:
        """A role's way in by SCRAM."""
        return KafkaSettings(
            bootstrap=self.node.bootstrap,
            client_id=f"{role}-client",
            reader_group=f"{self.catalogue.prefix}{role}-reader",
            security_protocol="SASL_SSL",
            sasl_username=f"{USER_PREFIX}{role}",
            sasl_password=password or self.password_file(role).read_text().strip(),
            ca_file=self.authority.ca_file,
            request_timeout_s=10.0,
        )

    def environment(self, role: str) -> Mapping[str, str]:
        """The same for a service's process, secrets by file."""
        return {
            "LOOKOUT_KAFKA_BOOTSTRAP": self.node.bootstrap,
            "LOOKOUT_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "LOOKOUT_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "LOOKOUT_KAFKA_USERNAME": f"{USER_PREFIX}{role}",
            "LOOKOUT_KAFKA_PASSWORD_FILE": str(self.password_file(role)),
            "LOOKOUT_KAFKA_CA_FILE": str(self.authority.ca_file),
        }

    def certified(self, certificate: Path | None, key: Path | None) -> KafkaSettings:
        """A way in by certificate."""
        return KafkaSettings(
            bootstrap=self.node.mtls_bootstrap,
            client_id="certified",
            security_protocol="SSL",
            ca_file=self.authority.ca_file,
            certificate_file=certificate,
            key_file=key,
            request_timeout_s=5.0,
        )


@contextmanager
def secured_kafka(folder: Path) -> Iterator[Secured]:
    """A node with every role's user and rights, and the topics that the topics' job has made."""
    authority = Authority(folder / "certificates")
    node = SecuredKafka(folder / "node", authority)
    node.start()
    try:
        catalogue = load_catalogue()
        everybody = principals(catalogue, only=roles(catalogue))
        passwords = folder / "passwords"
        passwords.mkdir(mode=0o700)
        secured = Secured(node, authority, catalogue, passwords)
        for principal in everybody:
            secured.password_file(principal.role).write_text(f"{secrets.token_hex(16)}\n")
        make_users(node.admin(), everybody, passwords)
        grant_all(node.admin(), everybody)
        topics = KafkaBroker(secured.settings("topics"))
        topics.create_topics([topic.spec for topic in catalogue.topics])
        yield secured
    finally:
        node.stop()
