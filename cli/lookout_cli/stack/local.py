"""The local stack's ground: secrets, broker, keyring and topics. Services stand on it (see `supervisor`, `in_process`)."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from lookout.hosting.platform import Platform, make_platform
from lookout.hosting.settings import KafkaSection, PlatformSettings
from lookout.sealing.signing import ROLE_CONTROL, ROLE_RECEIPTS, Signer, TrustStore
from lookout.sealing.vault import FileVault, generate_secret_file, read_secret_file
from lookout.stream.memory import MemoryBroker
from lookout.stream.ports import Broker

from lookout_cli.local.kafka import LocalKafka
from lookout_cli.local.keyring import LocalKeyring
from lookout_cli.stack.folder import StateFolder

CLI_SIGNER = "demonstration"
KEEPER_SIGNER = "keeper"
CONSOLE_SIGNER = "console"
Say = Callable[[str], None]


class LocalStack:
    """Broker and keyring of one machine, from entering to leaving the context; everything it started ends with it."""

    def __init__(
        self,
        *,
        folder: StateFolder,
        with_kafka: bool,
        pack: str,
        models: Path,
        say: Say,
        kafka_port: int | None = None,
        partitions: Mapping[str, int] | None = None,
    ) -> None:
        """``with_kafka`` False takes the in-memory broker: then all services run in this process.

        ``partitions`` overrides the catalogue's, by topic without its prefix; of topics that are not there yet.
        """
        self._partitions = partitions or {}
        self.folder = folder
        self.pack, self.models = pack, models
        self._say = say
        self.kafka = LocalKafka(folder.kafka, kafka_port) if with_kafka else None
        self.keyring = LocalKeyring(folder.keyring)
        self.broker: Broker | None = None if with_kafka else MemoryBroker()

    def __enter__(self) -> Self:
        self.folder.prepare()
        prepare_secrets(self.folder)
        with contextlib.ExitStack() as started:
            if self.kafka is not None:
                self.kafka.prepare(self._say)
                self._say("starting Kafka")
                self.kafka.start()
                started.callback(self.kafka.stop)
            self._say("starting the keyring")
            self.keyring.start()
            started.callback(self.keyring.stop)
            self._create_topics()
            self._undo = started.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()

    def settings(self, service: str = "", metrics_port: int = 0) -> PlatformSettings:
        """Platform settings for a service of this stack, or for the command line itself."""
        return PlatformSettings(
            keyring_url=self.keyring.url,
            vault_folder=self.folder.vault,
            vault_secret_file=self.folder.vault_secret,
            trust_file=self.folder.trust,
            demonstration=True,
            pack=self.pack,
            models_folder=self.models,
            instance=service,
            metrics_port=metrics_port,
            kafka=KafkaSection(bootstrap=self.bootstrap),
        )

    @property
    def bootstrap(self) -> str:
        """Kafka's address; empty with the in-memory broker."""
        return self.kafka.bootstrap if self.kafka is not None else ""

    def platform(self, name: str = "cli") -> Platform:
        """A platform on this stack, for the command line's own work."""
        return make_platform(name, self.settings(name), broker=self.broker)

    def environment(self, service: str, metrics_port: int) -> Mapping[str, str]:
        """What a service's process is told of this stack. Paths and addresses; no secret."""
        settings = self.settings(service, metrics_port)
        named = settings.model_dump(exclude={"kafka"}, exclude_none=True)
        environment = {f"LOOKOUT_{name.upper()}": str(value) for name, value in named.items()}
        environment["LOOKOUT_KAFKA_BOOTSTRAP"] = self.bootstrap
        # Instances are named by their service here: one that is killed and started again need not wait.
        environment["LOOKOUT_KAFKA_STATIC_MEMBERSHIP"] = "true"
        if service == "keeper":
            environment["LOOKOUT_KEEPER_ANCHOR_FOLDER"] = str(self.folder.anchors.resolve())
        return {**environment, **_ONE_THREAD}

    def _create_topics(self) -> None:
        platform = self.platform()
        try:
            created = platform.broker.create_topics(
                [
                    replace(
                        topic.spec,
                        partitions=self._partitions.get(
                            topic.spec.name.removeprefix(platform.catalogue.prefix),
                            topic.spec.partitions,
                        ),
                    )
                    for topic in platform.catalogue.topics
                ]
            )
        finally:
            platform.close()
        if created:
            self._say(f"created {len(created)} topics")


# Services scale by processes: numeric libraries that start a thread a core would only fight over them.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def prepare_secrets(folder: StateFolder) -> None:
    """Make the vault, its secret, and the keys of the command line, the keeper and the console, where they are not there yet."""
    if not folder.vault_secret.exists():
        generate_secret_file(folder.vault_secret)
    folder.vault.mkdir(mode=0o700, exist_ok=True)
    vault = FileVault(folder.vault, read_secret_file(folder.vault_secret))
    trust = TrustStore.load(folder.trust) if folder.trust.exists() else TrustStore({})
    signers = (
        (CLI_SIGNER, [ROLE_CONTROL]),
        (KEEPER_SIGNER, [ROLE_RECEIPTS]),
        (CONSOLE_SIGNER, [ROLE_CONTROL]),
    )
    for name, roles in signers:
        signer = Signer(name, vault.get_or_create(f"signing/{name}"))
        trust = trust.adding(signer, roles=roles, demonstration=name == CLI_SIGNER)
    trust.save(folder.trust)
