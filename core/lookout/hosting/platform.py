"""What a service stands on, made once from its settings: broker, codec, keyring, vault, authority, metrics, health."""

import os
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar, cast

import httpx
from prometheus_client import CollectorRegistry

import lookout
from lookout.codec import Codec
from lookout.events import Deployment, Erasure, Event
from lookout.hosting.authority import FollowedAuthority, signature_check
from lookout.hosting.certificates import CertificateMetrics, certificate_files
from lookout.hosting.footing import Footing, KeyringWatch, Limits
from lookout.hosting.metrics import KeyringWatchMetrics, ServiceMetrics, tell_model
from lookout.hosting.settings import PlatformSettings, secret_of
from lookout.schema_ids import LockedSchemaIds, RegistrySchemaIds, SchemaIdError, SchemaIds
from lookout.sealing.issuer import BlockIssuer
from lookout.sealing.keyring import KeyringAddress, RedisKeyring
from lookout.sealing.metrics import KeyMetrics
from lookout.sealing.ports import Keyring
from lookout.sealing.signing import TrustStore
from lookout.sealing.vault import FileVault, read_secret_file
from lookout.stream.dead_letters import DeadLetters
from lookout.stream.follower import Follower
from lookout.stream.kafka import KafkaBroker, KafkaSettings
from lookout.stream.ports import Broker, Clock, Producer
from lookout.stream.processor import Processor
from lookout.stream.runner import Rhythm, Runner
from lookout.stream.tracing import StageTracing, Traced, Untraced
from lookout.telemetry.health import Health
from lookout.telemetry.metrics import StreamMetrics
from lookout.topics import Catalogue, load_catalogue

if TYPE_CHECKING:
    from lookout.vision.manifest import ModelPack
    from lookout.vision.pack import LoadedPack

E = TypeVar("E", bound=Event)
_REGISTRY_TIMEOUT_S = 5.0
_TURN_S = 0.2
_READING = "reading the control topics"
_WATCH_TIMEOUT = timedelta(seconds=0.4)


def utc_now() -> datetime:
    """The system's clock."""
    return datetime.now(UTC)


@dataclass(kw_only=True)
class Platform:
    """The parts that every service needs. Whoever makes it closes it."""

    service: str
    instance: str
    settings: PlatformSettings
    catalogue: Catalogue
    codec: Codec
    broker: Broker
    keyring: Keyring
    keyring_watch: KeyringWatch
    vault: FileVault
    trust: TrustStore
    registry: CollectorRegistry
    told: ServiceMetrics
    health: Health
    kafka: KafkaSettings | None
    clock: Clock = utc_now
    trouble: str = ""
    footing: Footing = field(default_factory=Footing)
    _closers: list[Callable[[], None]] = field(default_factory=list)
    _followers: list[Follower] = field(default_factory=list)
    _once_followed: list[Callable[[], str]] = field(default_factory=list)
    _shared: Producer | None = None
    _metrics: StreamMetrics | None = None
    _key_metrics: KeyMetrics | None = None
    _authority: FollowedAuthority | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def topic(self, kind: type[object]) -> str:
        """The full name of the topic that carries a kind of event."""
        return self.catalogue.topic_of(kind).name

    def producer(self) -> Producer:
        """The producer of status and accounts: small records, flushed one by one, apart from the main stream."""
        with self._lock:
            if self._shared is None:
                self._shared = self.broker.producer()
                self._closers.append(self._shared.close)
            return self._shared

    def load_pack(self) -> "LoadedPack":
        """The model pack of the settings, its files verified, and named in the metrics. `PackError` if it cannot be."""
        # Imported here: services that open no model are installed without the libraries for it.
        import cv2  # noqa: PLC0415

        from lookout.vision.pack import load_pack  # noqa: PLC0415

        # As onnxruntime's: OpenCV's own threads wait by spinning, on the processors that other workers want.
        cv2.setNumThreads(self.settings.onnx_threads)
        loaded = load_pack(
            self.settings.pack, self.settings.models_folder, provider=self.settings.onnx_provider
        )
        self._tell_pack(loaded.pack, loaded.provider)
        return loaded

    def read_pack(self) -> "ModelPack":
        """The manifest alone, named in the metrics, for who opens no model. `PackError` if it cannot be read."""
        from lookout.vision.manifest import read_pack  # noqa: PLC0415 - as above

        pack = read_pack(self.settings.pack)
        self._tell_pack(pack, "none")
        return pack

    def _tell_pack(self, pack: "ModelPack", provider: str) -> None:
        tell_model(
            self.registry,
            pack=pack.name,
            version=pack.version,
            sha256=pack.sha256,
            provider=provider,
        )

    def metrics(self) -> StreamMetrics:
        """The stream's metrics of this service."""
        with self._lock:
            if self._metrics is None:
                self._metrics = StreamMetrics(self.registry)
            return self._metrics

    def tracing(self) -> StageTracing:
        """The traces of this service, for the one thread that asks; none unless the settings name a collector."""
        settings = self.settings
        if not settings.traces_endpoint:
            return Untraced()
        # Imported here: a service without traces does not load the library.
        from lookout.telemetry.otlp import OtlpTracer, otlp_exporter  # noqa: PLC0415

        ca_file = settings.traces_ca_file
        tracer = OtlpTracer(
            exporter=otlp_exporter(
                settings.traces_endpoint, ca_file=str(ca_file) if ca_file else None
            ),
            service=self.service,
            instance=self.instance,
            version=lookout.__version__,
            sample=settings.traces_sample,
        )
        self._closers.append(tracer.close)
        return Traced(tracer, self.service)

    def emit(self, event: Event) -> None:
        """Produce an event and wait for the acknowledgement."""
        producer = self.producer()
        producer.produce(self.codec.outgoing(event))
        producer.flush()

    def retract(self, event: Event) -> None:
        """Take an event's key out of its compacted topic (a tombstone), and wait for the acknowledgement."""
        producer = self.producer()
        producer.produce(self.codec.tombstone(event))
        producer.flush()

    def announce(self, erasure: Erasure) -> None:
        """Produce an account of keys and wait for the acknowledgement."""
        self.emit(erasure)

    def issuer(self, *, purpose: str, ttl: timedelta) -> BlockIssuer:
        """A supply of fresh keys, each alive for ``ttl`` at most."""
        issuer = BlockIssuer(
            keyring=self.keyring,
            announce=self.announce,
            service=self.service,
            purpose=purpose,
            ttl=ttl,
            clock=self.clock,
            metrics=self._keys_metered(),
        )
        self._closers.append(issuer.close)
        return issuer

    def _keys_metered(self) -> KeyMetrics:
        with self._lock:
            if self._key_metrics is None:
                self._key_metrics = KeyMetrics(self.registry)
            return self._key_metrics

    def follow(
        self, kind: type[E], handler: Callable[[E], None], *, signed: bool = False
    ) -> Follower:
        """Follow a control topic from its beginning on a thread of its own."""
        verify = (
            signature_check(self.codec, self.trust, demonstration=self.settings.demonstration)
            if signed
            else None
        )
        follower = Follower(
            broker=self.broker,
            topics=[self.topic(kind)],
            codec=self.codec,
            handler=cast(Callable[[Event], None], handler),
            verify=verify,
            metrics=self.metrics(),
        )
        # Known before the first status is said: until all is read, the service does not run.
        self.trouble = _READING
        follower.start()
        self._followers.append(follower)
        self._closers.append(follower.close)
        return follower

    def wait_keyring(self, stop: threading.Event) -> None:
        """Wait until there is a keyring that keeps nothing on disk: nothing starts without one."""
        while self.keyring_watch.why_not() and not stop.wait(_TURN_S):
            self.health.turned()

    def wait_followed(self, stop: threading.Event) -> None:
        """Wait until all that is followed has been read to its end: before that, everybody would look unauthorised."""
        for follower in self._followers:
            while not follower.wait_ready(_TURN_S) and not stop.is_set():
                self.trouble = _READING
                self.health.turned()
        self.trouble = ""
        for why_unknown in self._once_followed:
            self.footing.rely_on(why_unknown)

    def authority(self) -> FollowedAuthority:
        """The deployments in force. Once they have been read, nothing is begun while they are not known any more.

        What a service that was stopped for seconds judged by them would be judged "not in force", and destroyed.
        """
        known: list[Follower] = []
        authority = FollowedAuthority(known=lambda: bool(known) and known[0].healthy())
        known.append(self.follow(Deployment, authority.heard, signed=True))
        self._authority = authority
        self._once_followed.append(authority.why_unknown)
        return authority

    def nothing_in_force(self) -> bool:
        """Whether it is known, of a service that works by authority, that no deployment is in force."""
        authority = self._authority
        return authority is not None and authority.known() and not authority.in_force(self.clock())

    def runner(
        self,
        kind: type[E],
        processor: Processor[E],
        *,
        batch_max: int,
    ) -> Runner[E]:
        """The loop that feeds a processor from its topic, in the service's consumer group."""
        producer = self.broker.producer()
        self._closers.append(producer.close)
        return Runner(
            name=self.service,
            topics=[self.topic(kind)],
            broker=self.broker,
            group=f"{self.catalogue.prefix}{self.service}",
            producer=producer,
            codec=self.codec,
            processor=processor,
            keyring=self.keyring,
            instance=self.instance,
            metrics=self.metrics(),
            clock=self.clock,
            dead_letters=DeadLetters(
                producer=producer,
                codec=self.codec,
                service=self.service,
                clock=self.clock,
                metrics=self.metrics(),
            ),
            rhythm=Rhythm(batch_max=batch_max),
            on_turn=self.health.turned,
            on_trouble=self.troubled,
            why_not=self.footing.why_not,
            tracing=self.tracing(),
        )

    def closing(self, close: Callable[[], None]) -> None:
        """Have ``close`` called when the platform is closed."""
        self._closers.append(close)

    def troubled(self, reason: str | None) -> None:
        """Told by the runner while it waits for something that does not answer."""
        self.trouble = reason or ""

    def close(self) -> None:
        """Let go of everything, last made first."""
        while self._closers:
            self._closers.pop()()


def make_platform(
    service: str, settings: PlatformSettings, *, broker: Broker | None = None
) -> Platform:
    """The platform of a service; ``broker`` overrides the Kafka cluster that the settings name.

    Raises:
        SchemaIdError, VaultError, OSError, ValueError: a setting does not hold; the text says which and what to do.
    """
    instance = settings.instance or f"{service}-{socket.gethostname()}-{os.getpid()}"
    catalogue = load_catalogue(prefix=settings.topic_prefix)
    registry = CollectorRegistry()
    CertificateMetrics(registry).show(certificate_files(settings))
    kafka = None if broker is not None else kafka_settings(settings, service, instance)
    return Platform(
        service=service,
        instance=instance,
        settings=settings,
        catalogue=catalogue,
        codec=Codec(catalogue=catalogue, ids=_schema_ids(settings), source=f"/lookout/{service}"),
        broker=broker or KafkaBroker(kafka_settings(settings, service, instance)),
        kafka=kafka,
        keyring=RedisKeyring(
            keyring_address(settings, timedelta(seconds=settings.keyring_timeout_s))
        ),
        keyring_watch=_keyring_watch(settings, registry),
        vault=FileVault(settings.vault_folder, read_secret_file(settings.vault_secret_file)),
        trust=TrustStore.load(settings.trust_file),
        registry=registry,
        told=ServiceMetrics(registry, service=service),
        health=Health(stalled_after_s=settings.stalled_after_s),
    )


def keyring_address(settings: PlatformSettings, timeout: timedelta) -> KeyringAddress:
    """Where the keyring is, and the way in: the password is read from its file."""
    return KeyringAddress(
        url=settings.keyring_url,
        username=settings.keyring_username,
        password=secret_of(settings.keyring_password_file),
        timeout=timeout,
        ca_file=settings.keyring_ca_file,
        certificate_file=settings.keyring_certificate_file,
        key_file=settings.keyring_key_file,
    )


def _keyring_watch(settings: PlatformSettings, registry: CollectorRegistry) -> KeyringWatch:
    # A client of its own: it must not stand in line behind the service's calls.
    client = RedisKeyring(keyring_address(settings, _WATCH_TIMEOUT))
    return KeyringWatch(
        ask_time=client.time,
        check=client.check,
        clock=utc_now,
        limits=Limits(clocks_differ=timedelta(seconds=settings.clocks_differ_s)),
        metrics=KeyringWatchMetrics(registry),
    )


def kafka_settings(
    settings: PlatformSettings, service: str, instance: str, *, request_timeout_s: float = 15.0
) -> KafkaSettings:
    """Where the cluster is, and the way in: the password is read from its file."""
    kafka = settings.kafka
    return KafkaSettings(
        bootstrap=kafka.bootstrap,
        client_id=instance,
        reader_group=f"{settings.topic_prefix}{service}-reader",
        group_instance_id=instance if kafka.static_membership else None,
        security_protocol=kafka.security_protocol,
        sasl_mechanism=kafka.sasl_mechanism or "SCRAM-SHA-512",
        sasl_username=kafka.username or "",
        sasl_password=secret_of(kafka.password_file) or "",
        ca_file=kafka.ca_file,
        certificate_file=kafka.certificate_file,
        key_file=kafka.key_file,
        request_timeout_s=request_timeout_s,
    )


def _schema_ids(settings: PlatformSettings) -> SchemaIds:
    if not settings.registry_url:
        return LockedSchemaIds()
    return RegistrySchemaIds(registry_client(settings))


def registry_client(settings: PlatformSettings) -> httpx.Client:
    """A client of the registry that the settings name. `SchemaIdError` if they name none."""
    if not settings.registry_url:
        raise SchemaIdError("no schema registry is named: set LOOKOUT_REGISTRY_URL")
    password = secret_of(settings.registry_password_file)
    auth = (
        (settings.registry_username, password) if settings.registry_username and password else None
    )
    ca = settings.registry_ca_file
    return httpx.Client(
        base_url=settings.registry_url,
        auth=auth,
        timeout=_REGISTRY_TIMEOUT_S,
        verify=True if ca is None else ssl.create_default_context(cafile=str(ca)),
    )
