"""The pipeline for tests: stacks to run its services on, as processes or in threads, and control records by hand."""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from lookout.events import (
    UNSIGNED,
    Deployment,
    DeploymentState,
    Event,
    ServiceState,
    ServiceStatus,
)
from lookout.hosting.platform import Platform, make_platform
from lookout.hosting.service import Service, serve
from lookout.hosting.settings import PlatformSettings
from lookout.sealing.ports import Keyring
from lookout.sealing.signing import Signer
from lookout.stream.memory import MemoryBroker
from lookout.stream.ports import Broker, Message, Outgoing
from lookout.telemetry.status import State
from lookout_cli.control import read_all
from lookout_cli.local.keyring import LocalKeyringError, server_binary
from lookout_cli.session import Session, session_on
from lookout_cli.stack.folder import StateFolder
from lookout_cli.stack.local import LocalStack, prepare_secrets
from lookout_cli.stack.services import Builder
from support.kafka_node import KafkaNode
from support.keyrings import MemoryKeyring
from support.polling import until
from support.scene import CAMERA

E = TypeVar("E", bound=Event)


def require_redis() -> None:
    """Skip the test where there is no keyring server."""
    try:
        server_binary()
    except LocalKeyringError as error:
        pytest.skip(str(error))


class SharedKafkaStack(LocalStack):
    """A local stack on a broker that others use too: its topics have names of their own."""

    def __init__(self, *, node: KafkaNode, folder: Path, models: Path) -> None:
        super().__init__(
            folder=StateFolder(folder),
            with_kafka=False,
            pack="mobile",
            models=models,
            say=lambda _: None,
        )
        self.broker = None
        self._node = node
        self._prefix = f"test-{uuid.uuid4().hex[:8]}."

    @property
    def bootstrap(self) -> str:
        """See `LocalStack`."""
        return self._node.bootstrap

    def settings(self, service: str = "", metrics_port: int = 0) -> PlatformSettings:
        """See `LocalStack`."""
        settings = super().settings(service, metrics_port)
        return settings.model_copy(update={"topic_prefix": self._prefix})


def memory_stack(folder: Path, models: Path = Path()) -> LocalStack:
    """A local stack on the in-memory broker, with a real keyring."""
    return LocalStack(
        folder=StateFolder(folder),
        with_kafka=False,
        pack="mobile",
        models=models,
        say=lambda _: None,
    )


@contextmanager
def memory_session(
    folder: Path, *, broker: Broker | None = None, keyring: Keyring | None = None
) -> Iterator[Session]:
    """A command's connection to a system in memory, on which no service runs."""
    state = StateFolder(folder)
    state.prepare()
    prepare_secrets(state)
    settings = PlatformSettings(
        instance="cli",
        vault_folder=state.vault,
        vault_secret_file=state.vault_secret,
        trust_file=state.trust,
        keyring_url=f"unix://{folder}/nowhere.sock",
    )
    platform = make_platform("cli", settings, broker=broker or MemoryBroker())
    platform.keyring = keyring or MemoryKeyring()
    platform.broker.create_topics([topic.spec for topic in platform.catalogue.topics])
    try:
        yield session_on(platform, state)
    finally:
        platform.close()


class Hosted:
    """A service in a thread of this process."""

    def __init__(self, platform: Platform, build: Builder) -> None:
        self.platform = platform
        self._build = build
        self._stop = threading.Event()
        self._service: Service | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=platform.service)
        self._thread.start()

    def state(self) -> State:
        """How the service says it is."""
        if self._failure is not None:
            raise self._failure
        return self._service.state() if self._service else (ServiceState.NOT_RUNNING, "built")

    def is_live(self) -> bool:
        """Whether it works."""
        return self.state()[0] is ServiceState.LIVE

    def refused(self, topic: str) -> Mapping[str, float]:
        """How many control records of a topic it ignored, by kind."""
        return {
            sample.labels["kind"]: sample.value
            for metric in self.platform.registry.collect()
            if metric.name == "lookout_control_refused"
            for sample in metric.samples
            if sample.name.endswith("_total") and sample.labels["topic"] == topic
        }

    def end(self) -> None:
        """Tell it to stop, and wait for it."""
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _build_and_keep(self, platform: Platform) -> Service:
        self._service = self._build(platform)
        return self._service

    def _run(self) -> None:
        try:
            serve(self.platform, self._build_and_keep, self._stop)
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread, whatever it is
            self._failure = error


@contextmanager
def hosted(
    stack: LocalStack, services: Mapping[str, Builder], *, demonstration: bool = True
) -> Iterator[Mapping[str, Hosted]]:
    """Services in threads, each on a platform of its own; ended in the order given."""
    running: dict[str, Hosted] = {}
    with ExitStack() as ends:
        for name, build in reversed(list(services.items())):
            settings = stack.settings(name).model_copy(update={"demonstration": demonstration})
            running[name] = Hosted(make_platform(name, settings, broker=stack.broker), build)
            ends.callback(running[name].end)
        yield running


class Pulse:
    """Says once in a while that services are live, as they would themselves, until it is told to be silent."""

    def __init__(self, platform: Platform, services: Sequence[str]) -> None:
        self.services = services
        self._platform = platform
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse")
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            now = self._platform.clock()
            for service in self.services:
                self._platform.emit(
                    ServiceStatus(
                        deployment_id="",
                        service=service,
                        instance=f"{service}-1",
                        state=ServiceState.LIVE,
                        reason="",
                        since=now,
                        reported_at=now,
                    )
                )
            self._stop.wait(0.3)


def a_deployment(
    now: datetime,
    *,
    deployment_id: str = "deployment-1",
    state: DeploymentState = DeploymentState.LIVE,
    lasts: timedelta = timedelta(hours=1),
    demonstration: bool = False,
    pack_sha256: str = "0" * 64,
    watchlist_hash: str = "0" * 64,
) -> Deployment:
    """An unsigned deployment that covers the camera from now on."""
    return Deployment(
        deployment_id=deployment_id,
        state=state,
        opens_at=now,
        closes_at=now + lasts,
        cameras=(CAMERA,),
        target_fpir=0.001,
        pack_name="mobile",
        pack_sha256=pack_sha256,
        watchlist_hash=watchlist_hash,
        confirm_shots=2,
        confirm_of=3,
        authority="test",
        demonstration=demonstration,
        updated_at=now,
        signature=UNSIGNED,
    )


def signed(platform: Platform, deployment: Deployment, signer: Signer) -> Deployment:
    """The deployment with a signature."""
    return replace(deployment, signature=signer.sign(platform.codec.unsigned_body(deployment)))


def raw_messages(platform: Platform, kind: type[Event]) -> Sequence[Message]:
    """All that is on a kind's topic, undecoded."""
    reader = platform.broker.reader([platform.topic(kind)])
    found: list[Message] = []
    try:
        while not reader.caught_up():
            found += reader.poll(500, 0.5)
    finally:
        reader.close()
    return found


def send_raw(platform: Platform, topic: str, *values: bytes) -> None:
    """Put values on a topic as they are."""
    producer = platform.producer()
    for value in values:
        producer.produce(Outgoing(topic, b"key", value))
    producer.flush()


def awaited(
    platform: Platform, kind: type[E], wanted: Callable[[E], bool], what: str, timeout_s: float = 30
) -> E:
    """The first event on a topic that is wanted, as soon as it is there."""
    found: list[E] = []

    def there() -> bool:
        found[:] = [event for event in read_all(platform, kind) if wanted(event)]
        return bool(found)

    until(there, what, timeout_s)
    return found[0]
