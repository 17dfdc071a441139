"""Settings that every service shares. Read from the environment (``LOOKOUT_…``) in ``__main__`` and nowhere else.

Secrets are files, named here by path, so that they show neither in a process list nor in a dump of the environment.
"""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from lookout.vision.sessions import ExecutionProvider


class KafkaSection(BaseSettings):
    """Where Kafka is and how to be let in. Environment: ``LOOKOUT_KAFKA_…``."""

    model_config = SettingsConfigDict(env_prefix="LOOKOUT_KAFKA_", frozen=True)

    bootstrap: str = Field(
        default="127.0.0.1:9092", description="host:port of some brokers, comma separated"
    )
    security_protocol: str = Field(
        default="PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )
    sasl_mechanism: str | None = Field(
        default=None, description="SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN"
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


class PlatformSettings(BaseSettings):
    """What a service stands on. Environment: ``LOOKOUT_…``."""

    model_config = SettingsConfigDict(env_prefix="LOOKOUT_", frozen=True)

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
    keyring_url: str = Field(
        default="", description="redis://, rediss:// or unix:// address of the keyring"
    )
    keyring_username: str | None = Field(default=None, description="user of the keyring")
    keyring_password_file: Path | None = Field(
        default=None, description="file with the keyring's password"
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


def secret_of(path: Path | None) -> str | None:
    """The secret in a file, without its line end; None where no file is named. An unreadable file raises `OSError`."""
    return None if path is None else path.read_text().strip()
