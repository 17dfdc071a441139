"""A local stack whose parts can be hurt one by one: wires that can be cut, clocks that can jump, disks that can fill."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lookout.hosting.settings import KafkaSection, PlatformSettings

from lookout_cli.chaos.disks import Disk, NoDiskError, small_disk
from lookout_cli.chaos.proxy import Proxy, TcpEnd, UnixEnd
from lookout_cli.local.kafka import LocalKafka
from lookout_cli.local.ports import free_ports
from lookout_cli.stack.folder import StateFolder
from lookout_cli.stack.local import LocalStack, Say

BROKER: Final = "broker"
KEYRING: Final = "keyring"
WIRED_TO_BROKER: Final = ("detection", "matching", "alerting")
"""Services whose way to the broker goes over a wire of their own."""
WIRED_TO_KEYRING: Final = ("detection", "matching")
CLOCKED: Final = ("capture", "matching")
"""Services that run under libfaketime where it is installed, so that their clocks can jump."""

_BROKER_DISK_MB: Final = 1024
_GALLERY_DISK_MB: Final = 64
_FAKETIME: Final = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
)


class WiredStack(LocalStack):
    """A local stack in which some services reach broker and keyring over wires of their own."""

    def __init__(
        self, *, folder: StateFolder, pack: str, models: Path, say: Say, ports: Mapping[str, int]
    ) -> None:
        """``ports`` are where the wires to the broker begin, by service."""
        super().__init__(folder=folder, with_kafka=True, pack=pack, models=models, say=say)
        self._ports = ports
        self.kafka = LocalKafka(folder.kafka, routes=ports)

    def wire_to_keyring(self, service: str) -> Path:
        """Where a service's wire to the keyring begins."""
        return (self.folder.root / f"{service}.sock").resolve()

    def settings(self, service: str = "", metrics_port: int = 0) -> PlatformSettings:
        """See `LocalStack`."""
        settings = super().settings(service, metrics_port)
        changed: dict[str, object] = {}
        if service in self._ports:
            changed["kafka"] = KafkaSection(bootstrap=f"127.0.0.1:{self._ports[service]}")
        if service in WIRED_TO_KEYRING:
            changed["keyring_url"] = f"unix://{self.wire_to_keyring(service)}"
        return settings.model_copy(update=changed)

    def environment(self, service: str, metrics_port: int) -> Mapping[str, str]:
        """See `LocalStack`."""
        environment = dict(super().environment(service, metrics_port))
        if service in self._ports:
            environment["LOOKOUT_KAFKA_BOOTSTRAP"] = f"127.0.0.1:{self._ports[service]}"
        return environment


@dataclass(kw_only=True)
class Ground:
    """What faults are done to. ``disks`` are small file systems of their own, by what lies on them, and empty where none could be made."""

    stack: WiredStack
    wires: dict[tuple[str, str], Proxy] = field(default_factory=dict)
    disks: dict[str, Disk] = field(default_factory=dict)
    clocks: dict[str, Path] = field(default_factory=dict)
    why_no_disks: str = ""
    why_no_clocks: str = "clocks were left alone"

    @property
    def kafka(self) -> LocalKafka:
        """The broker."""
        kafka = self.stack.kafka
        if kafka is None:
            raise RuntimeError("a wired stack always has a broker of its own")
        return kafka

    def environments(self) -> dict[str, dict[str, str]]:
        """What services are told more: where their small disks are, and whose clock they read."""
        more: dict[str, dict[str, str]] = {service: {} for service in CLOCKED}
        if "matching" in self.disks:
            more["matching"]["LOOKOUT_MATCHING_GALLERY_FOLDER"] = str(self.disks["matching"].path)
        for service, path in self.clocks.items():
            more[service] |= {
                "LD_PRELOAD": _faketime() or "",
                "FAKETIME_TIMESTAMP_FILE": str(path.resolve()),
                "FAKETIME_CACHE_DURATION": "1",
                # Waits are measured by the monotonic clock, which no person and no NTP sets.
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "DONT_FAKE_MONOTONIC": "1",
            }
        return {service: told for service, told in more.items() if told}


@contextmanager
def prepared(
    state: Path, *, pack: str, models: Path, say: Say, with_clocks: bool = True
) -> Iterator[Ground]:
    """A started stack with its wires, disks and clocks; everything is taken away again on leaving.

    ``with_clocks`` False leaves the clocks alone: libfaketime costs something on every look at one.
    """
    folder = StateFolder(state)
    folder.prepare()
    ports = dict(zip(WIRED_TO_BROKER, free_ports(len(WIRED_TO_BROKER)), strict=True))
    stack = WiredStack(folder=folder, pack=pack, models=models, say=say, ports=ports)
    ground = Ground(stack=stack)
    with ExitStack() as undo:
        _make_disks(ground, undo)
        if with_clocks:
            _make_clocks(ground)
        undo.enter_context(stack)
        _make_wires(ground, ports, undo.callback)
        yield ground


def _make_disks(ground: Ground, undo: ExitStack) -> None:
    folder = ground.stack.folder
    for name, path, size_mb in (
        (BROKER, folder.kafka / "data", _BROKER_DISK_MB),
        ("matching", folder.root / "gallery", _GALLERY_DISK_MB),
    ):
        try:
            ground.disks[name] = undo.enter_context(small_disk(path, size_mb))
        except NoDiskError as error:
            ground.why_no_disks = str(error)
            return


def _make_clocks(ground: Ground) -> None:
    if _faketime() is None:
        ground.why_no_clocks = "libfaketime is not installed (Debian's package faketime)"
        return
    for service in CLOCKED:
        path = ground.stack.folder.root / f"{service}.clock"
        path.write_text("+0\n")
        ground.clocks[service] = path


def _make_wires(ground: Ground, ports: Mapping[str, int], later: Callable[..., object]) -> None:
    stack = ground.stack
    ends = {
        (service, BROKER): Proxy(TcpEnd(port), TcpEnd(ground.kafka.routed_port(service)))
        for service, port in ports.items()
    } | {
        (service, KEYRING): Proxy(
            UnixEnd(stack.wire_to_keyring(service)), UnixEnd(stack.keyring.socket_path)
        )
        for service in WIRED_TO_KEYRING
    }
    for wire, proxy in ends.items():
        proxy.start()
        later(proxy.stop)
        ground.wires[wire] = proxy


def _faketime() -> str | None:
    return next((path for path in _FAKETIME if Path(path).exists()), None)
