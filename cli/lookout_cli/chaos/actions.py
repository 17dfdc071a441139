"""What can be done to a running system: each action knows how to begin, how to end, and why it cannot be had here."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType
from lookout.events import (
    Decision,
    Deployment,
    Embedding,
    Erasure,
    Event,
    Face,
    Frame,
    Match,
    ServiceStatus,
    WatchlistEntry,
)

from lookout_cli.chaos.ground import BROKER, KEYRING, Ground
from lookout_cli.chaos.proxy import Wire
from lookout_cli.stack.running import RunningServices

GROUP_OF: Final = {"detection": Frame, "embedding": Face, "matching": Embedding}
"""Services whose consumer group a stranger can join, and what they read."""
_POISONED: Final = (
    *(Frame, Face, Embedding, Match),
    *(Deployment, WatchlistEntry, Erasure, ServiceStatus, Decision),
)
_TRUNCATED: Final = b"\x00\x00\x00\x00\x01\x06abc"
_BAD: Final = (b"no avro", b"\x00\x7f\xff\xff\xffabc", _TRUNCATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where faults happen: the ground, the services on it, and how to change the watchlist."""

    ground: Ground
    services: RunningServices
    change_watchlist: Callable[[], None]

    def topic(self, kind: type[Event]) -> str:
        """The topic of a kind of event."""
        return self.services.session.platform.topic(kind)

    def pid(self, part: str) -> int:
        """The process of a part. `ProcessLookupError` if it does not run."""
        if part == BROKER:
            found = self.ground.kafka.pid
        elif part == KEYRING:
            found = self.ground.stack.keyring.pid
        else:
            found = self.services.children[part].pid
        if found is None:
            raise ProcessLookupError(part)
        return found

    def kill(self, part: str) -> None:
        """End a part with kill -9; a service is started again by its supervisor."""
        if part == BROKER:
            self.ground.kafka.kill()
        elif part == KEYRING:
            self.ground.stack.keyring.kill()
        elif self.services.supervisor is not None:
            self.services.supervisor.kill(part)

    def start(self, part: str) -> None:
        """Start broker or keyring again; services are their supervisor's."""
        if part == BROKER:
            self.ground.kafka.start()
        elif part == KEYRING:
            self.ground.stack.keyring.start()


class Action(Protocol):
    """What a fault does. A fault that is over at once does nothing in `end`."""

    def why_not(self, ground: Ground) -> str:
        """Why it cannot be had here, for people; empty when it can."""

    def begin(self, scene: Scene) -> None:
        """Do it."""

    def end(self, scene: Scene) -> None:
        """Undo it, as far as a person or a supervisor would."""


class _Possible:
    """What can be done anywhere."""

    def why_not(self, ground: Ground) -> str:  # noqa: ARG002 - the port's signature
        """See `Action`."""
        return ""


@dataclass(frozen=True, slots=True)
class Kill(_Possible):
    """Kill -9; broker and keyring are started again at the end."""

    part: str

    def begin(self, scene: Scene) -> None:
        """See `Action`."""
        scene.kill(self.part)

    def end(self, scene: Scene) -> None:
        """See `Action`."""
        scene.start(self.part)


@dataclass(frozen=True, slots=True)
class Freeze(_Possible):
    """SIGSTOP, and SIGCONT at the end."""

    part: str

    def begin(self, scene: Scene) -> None:
        """See `Action`."""
        os.kill(scene.pid(self.part), signal.SIGSTOP)

    def end(self, scene: Scene) -> None:
        """See `Action`."""
        os.kill(scene.pid(self.part), signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class Restart(_Possible):
    """Ended in order, and started again."""

    part: str

    def begin(self, scene: Scene) -> None:
        """See `Action`."""
        if self.part == BROKER:
            scene.ground.kafka.stop()
        elif self.part == KEYRING:
            scene.ground.stack.keyring.stop()
        elif scene.services.supervisor is not None:
            scene.services.supervisor.restart(self.part)

    def end(self, scene: Scene) -> None:
        """See `Action`."""
        scene.start(self.part)


@dataclass(frozen=True, slots=True)
class FillDisk:
    """Every byte that is left on a part's small disk is taken; at the end they are given back, and a broker that gave up is started."""

    part: str

    def why_not(self, ground: Ground) -> str:
        """See `Action`."""
        return "" if self.part in ground.disks else ground.why_no_disks

    def begin(self, scene: Scene) -> None:
        """See `Action`."""
        scene.ground.disks[self.part].fill()

    def end(self, scene: Scene) -> None:
        """See `Action`."""
        scene.ground.disks[self.part].empty()
        if self.part == BROKER and scene.ground.kafka.pid is None:
            scene.start(BROKER)


@dataclass(frozen=True, slots=True)
class SlowDisk:
    """Every write of a part waits for its small disk, which does only so many a second."""

    part: str
    writes_a_second: int

    def why_not(self, ground: Ground) -> str:
        """See `Action`."""
        disk = ground.disks.get(self.part)
        return ground.why_no_disks if disk is None else disk.why_never_slow

    def begin(self, scene: Scene) -> None:
        """See `Action`."""
        scene.ground.disks[self.part].slow(scene.pid(self.part), self.writes_a_second)

    def end(self, scene: Scene) -> None:
        """See `Action`."""
        scene.ground.disks[self.part].quicken()


@dataclass(frozen=True, slots=True)
class RefuseWrites(_Possible):
    """The broker refuses what is produced to a topic: it asks for more replicas than there are."""

    kind: type[Event]

    def begin(self, scene: Scene) -> None:
        """See `Action`."""
        self._alter(scene, AlterConfigOpType.SET)

    def end(self, scene: Scene) -> None:
        """See `Action`."""
        self._alter(scene, AlterConfigOpType.DELETE)

    def _alter(self, scene: Scene, how: AlterConfigOpType) -> None:
        entry = ConfigEntry("min.insync.replicas", "2", incremental_operation=how)
        topic = ConfigResource(
            ResourceType.TOPIC, scene.topic(self.kind), incremental_configs=[entry]
        )
        admin = AdminClient({"bootstrap.servers": scene.ground.stack.bootstrap})
        for done in admin.incremental_alter_configs([topic]).values():
            done.result(10)


@dataclass(frozen=True, slots=True)
class Disturb(_Possible):
    """A wire between two is cut, silent or slow."""

    service: str
    to: str
    wire: Wire

    def begin(self, scene: Scene) -> None:
        """See `Action`."""
        scene.ground.wires[self.service, self.to].set(self.wire)

    def end(self, scene: Scene) -> None:
        """See `Action`."""
        scene.ground.wires[self.service, self.to].set(Wire.WHOLE)


@dataclass(frozen=True, slots=True)
class ClockJump:
    """One process's clock jumps by some seconds, and back."""

    service: str
    by_s: int

    def why_not(self, ground: Ground) -> str:
        """See `Action`."""
        return "" if self.service in ground.clocks else ground.why_no_clocks

    def begin(self, scene: Scene) -> None:
        """See `Action`."""
        scene.ground.clocks[self.service].write_text(f"{self.by_s:+d}\n")

    def end(self, scene: Scene) -> None:
        """See `Action`."""
        scene.ground.clocks[self.service].write_text("+0\n")


@dataclass(frozen=True, slots=True)
class RebalanceStorm(_Possible):
    """A stranger joins a service's group and leaves it again, several times: partitions go away and come back."""

    service: str
    times: int = 5

    def begin(self, scene: Scene) -> None:
        """See `Action`."""
        kind = GROUP_OF[self.service]
        prefix = scene.services.session.platform.catalogue.prefix
        for _ in range(self.times):
            member = Consumer(
                {
                    "bootstrap.servers": scene.ground.stack.bootstrap,
                    "group.id": f"{prefix}{self.service}",
                    "enable.auto.commit": False,
                    "session.timeout.ms": 6000,
                    "partition.assignment.strategy": "cooperative-sticky",
                    "log_level": 0,
                }
            )
            try:
                member.subscribe([scene.topic(kind)])
                member.poll(0.8)
            finally:
                member.close()

    def end(self, scene: Scene) -> None:
        """See `Action`: the last one has left."""


@dataclass(frozen=True, slots=True)
class Poison(_Possible):
    """Messages that nobody can read, on every topic that a service reads."""

    def begin(self, scene: Scene) -> None:
        """See `Action`."""
        producer = Producer({"bootstrap.servers": scene.ground.stack.bootstrap})
        for kind in _POISONED:
            for value in _BAD:
                producer.produce(scene.topic(kind), value=value, key=b"poison")
        producer.flush(10)

    def end(self, scene: Scene) -> None:
        """See `Action`: they stay where they are."""


@dataclass(frozen=True, slots=True)
class ChangeWatchlist:
    """The watchlist changes (one person withdrawn, another enrolled) in the middle of another fault."""

    during: Action

    def why_not(self, ground: Ground) -> str:
        """See `Action`."""
        return self.during.why_not(ground)

    def begin(self, scene: Scene) -> None:
        """See `Action`."""
        self.during.begin(scene)
        scene.change_watchlist()

    def end(self, scene: Scene) -> None:
        """See `Action`."""
        self.during.end(scene)


class Nothing(_Possible):
    """The row to compare the others with."""

    def begin(self, scene: Scene) -> None:
        """See `Action`."""

    def end(self, scene: Scene) -> None:
        """See `Action`."""
