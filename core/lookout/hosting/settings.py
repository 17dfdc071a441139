"""Settings that every service shares. Read from the environment (``LOOKOUT_…``) in ``__main__`` and nowhere else.

Secrets are files, named here by path, so that they show neither in a process list nor in a dump of the environment.
"""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lookout.vision.execution import ExecutionProvider


class KafkaSection(BaseSettings):
    """Where Kafka is and how to be let in. Environment: ``LOOKOUT_KAFKA_…``."""

    model_config = SettingsConfigDict(
        env_prefix="LOOKOUT_KAFKA_", frozen=True, hide_input_in_errors=True
    )

    bootstrap: str = Field(
        default="127.0.0.1:9092", description="host:port of some brokers, comma separated"
    )
    security_protocol: str = Field(
        default="PLAINTEXT",
        pattern="^(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)$",
        description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
    )
    sasl_mechanism: str | None = Field(
        default=None,
        pattern="^(SCRAM-SHA-512|SCRAM-SHA-256|PLAIN)$",
        description="SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN",
    )
    username: str | None = Field(default=None, description="SASL user")
    password_file: Path | None = Field(default=None, description="file with the SASL password")
    ca_file: Path | None = Field(default=None, description="CA certificates (PEM)")
    certificate_file: Path | None = Field(
        default=None, description="client certificate (PEM), for mTLS"
    )
    static_membership: bool = Field(
        default=False,
        description="instance names are stable and unique: one that is started again goes on with its partitions at once",
    )
    key_file: Path | None = Field(default=None, description="client key (PEM), for mTLS")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Half of a setting is a service that fails later, or one that is less protected than somebody thinks."""
        if self.security_protocol.startswith("SASL") and not (self.username and self.password_file):
            raise ValueError(
                f"{self.security_protocol} needs LOOKOUT_KAFKA_USERNAME and LOOKOUT_KAFKA_PASSWORD_FILE"
            )
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError(
                "mTLS needs both LOOKOUT_KAFKA_CERTIFICATE_FILE and LOOKOUT_KAFKA_KEY_FILE"
            )
        if not self.security_protocol.endswith("SSL") and (self.ca_file or self.certificate_file):
            raise ValueError(
                f"certificates are named, but {self.security_protocol} does not use them: set "
                "LOOKOUT_KAFKA_SECURITY_PROTOCOL to SSL or SASL_SSL"
            )
        if not self.security_protocol.startswith("SASL") and self.password_file:
            raise ValueError(
                f"a password is named, but {self.security_protocol} does not use it: set "
                "LOOKOUT_KAFKA_SECURITY_PROTOCOL to SASL_SSL"
            )
        return self


class PlatformSettings(BaseSettings):
    """What a service stands on. Environment: ``LOOKOUT_…``."""

    model_config = SettingsConfigDict(env_prefix="LOOKOUT_", frozen=True, hide_input_in_errors=True)

    instance: str = Field(
        default="",
        description="name of this instance; by default made from service, host and process",
    )
    topic_prefix: str = Field(default="lookout.", description="what every topic's name begins with")
    registry_url: str | None = Field(
        default=None, description="schema registry (Confluent REST API); without, the lock file"
    )
    registry_username: str | None = Field(default=None, description="user of the registry")
    registry_password_file: Path | None = Field(
        default=None, description="file with the registry's password"
    )
    registry_ca_file: Path | None = Field(
        default=None, description="CA certificates (PEM) that sign the registry's"
    )
    keyring_url: str = Field(
        default="", description="redis://, rediss:// or unix:// address of the keyring"
    )
    keyring_username: str | None = Field(default=None, description="user of the keyring")
    keyring_password_file: Path | None = Field(
        default=None, description="file with the keyring's password"
    )
    keyring_ca_file: Path | None = Field(
        default=None, description="CA certificates (PEM) that sign the keyring's; with rediss://"
    )
    keyring_certificate_file: Path | None = Field(
        default=None, description="client certificate (PEM) for the keyring, for mTLS"
    )
    keyring_key_file: Path | None = Field(
        default=None, description="client key (PEM) for the keyring, for mTLS"
    )
    keyring_timeout_s: float = Field(
        default=0.5,
        gt=0,
        le=5,
        description="how long a call of the keyring may take: nothing waits longer for one that hangs",
    )
    clocks_differ_s: float = Field(
        default=2.0,
        gt=0,
        description="a clock that differs more from the keyring's stops the service until it is set right",
    )
    vault_folder: Path = Field(
        default=Path("vault"), description="folder of wrapped long-lived keys"
    )
    vault_secret_file: Path = Field(
        default=Path("vault.secret"), description="file with the secret that unwraps the vault"
    )
    trust_file: Path = Field(
        default=Path("trust.json"), description="public keys of those who may sign control records"
    )
    demonstration: bool = Field(
        default=False, description="accept the command line's own key; every alert then says so"
    )
    pack: str = Field(default="mobile", description="model pack: a name, or a path to a manifest")
    models_folder: Path = Field(
        default=Path("models"), description="folder of model files (`lookout models pull`)"
    )
    onnx_threads: int = Field(default=1, ge=1, description="threads inside one inference")
    onnx_provider: ExecutionProvider = Field(
        default=ExecutionProvider.CPU,
        description="what computes the models: cpu, or cuda (with onnxruntime-gpu); absent, the service does not start",
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="address for /metrics, /livez and /readyz"
    )
    metrics_port: int = Field(
        default=0, ge=0, le=65535, description="port for them; 0 takes a free one"
    )
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="least level to log"
    )
    traces_endpoint: str = Field(
        default="",
        pattern="^(https?://.+)?$",
        description="OTLP collector over HTTP, such as http://127.0.0.1:4318; without, no traces are made",
    )
    traces_sample: float = Field(
        default=1.0, ge=0, le=1, description="share of images whose way is traced"
    )
    traces_ca_file: Path | None = Field(
        default=None, description="CA certificates (PEM) of the collector"
    )
    stalled_after_s: float = Field(
        default=30.0, gt=0, description="a loop silent this long makes /livez fail"
    )
    kafka: KafkaSection = Field(default_factory=KafkaSection)

    @model_validator(mode="after")
    def _no_secret_in_an_address(self) -> Self:
        for name, address in (("keyring", self.keyring_url), ("registry", self.registry_url or "")):
            if urlsplit(address).password:
                raise ValueError(
                    f"the {name}'s address holds a password: put it into a file, and name that in "
                    f"LOOKOUT_{name.upper()}_PASSWORD_FILE"
                )
        return self

    @model_validator(mode="after")
    def _keyrings_certificates(self) -> Self:
        if (self.keyring_certificate_file is None) != (self.keyring_key_file is None):
            raise ValueError(
                "mTLS needs both LOOKOUT_KEYRING_CERTIFICATE_FILE and LOOKOUT_KEYRING_KEY_FILE"
            )
        if self.keyring_ca_file and not self.keyring_url.startswith("rediss://"):
            raise ValueError(
                "a CA is named for the keyring, but its address is not rediss://: it would be reached without TLS"
            )
        return self


def secret_of(path: Path | None) -> str | None:
    """The secret in a file, without its line end; None where no file is named. An unreadable file raises `OSError`."""
    return None if path is None else path.read_text().strip()
