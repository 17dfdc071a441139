"""A small pipeline stage on a broker in memory: frames in, faces out, the frame's key destroyed. And ways to break it."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from lookout.codec import Codec
from lookout.events import DeadLetter, ErasureReason, Event, Face, Frame, Sealed
from lookout.schema_ids import LockedSchemaIds
from lookout.sealing.ports import Destruction
from lookout.stream.dead_letters import DeadLetterLimit, DeadLetters
from lookout.stream.memory import MemoryBroker
from lookout.stream.ports import (
    Broker,
    Consumer,
    Message,
    Outgoing,
    Partition,
    Position,
    Producer,
    Reader,
    Rebalance,
    TopicSpec,
)
from lookout.stream.processor import Delivery, Outcome
from lookout.stream.runner import Rhythm, Runner
from lookout.telemetry.metrics import StreamMetrics
from lookout.topics import Catalogue, load_catalogue
from prometheus_client import CollectorRegistry
from support.keyrings import MemoryKeyring

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DEPLOYMENT = "deployment-1"
GROUP = "stage"
_BLOCK = "block-1"


class CrashError(Exception):
    """The process ends here."""


def a_frame(number: int, key_id: str) -> Frame:
    """The ``number``-th frame of a camera; three cameras take turns."""
    return Frame(
        deployment_id=DEPLOYMENT,
        frame_id=f"frame-{number}",
        camera_id=f"camera-{number % 3}",
        sequence=number,
        captured_at=NOW - timedelta(seconds=1),
        width=640,
        height=480,
        image=Sealed(key_id=key_id, nonce=bytes(12), ciphertext=b"sealed"),
    )


def a_face(frame: Frame, size: int = 16) -> Face:
    """The face of a frame, under the frame's key."""
    sealed = Sealed(key_id=frame.image.key_id, nonce=bytes(12), ciphertext=bytes(size))
    return Face(
        deployment_id=frame.deployment_id,
        face_id=f"face of {frame.frame_id}",
        track_id=frame.camera_id,
        camera_id=frame.camera_id,
        frame_id=frame.frame_id,
        captured_at=frame.captured_at,
        shot=1,
        box=(0.0, 0.0, 1.0, 1.0),
        landmarks=(0.0,) * 10,
        quality=0.5,
        pack_sha256="0" * 64,
        chip_size=112,
        chip=sealed,
        thumbnail=sealed,
    )


def processed(frame: Frame) -> Destruction:
    """The order to destroy a frame's key."""
    return Destruction(
        key_id=frame.image.key_id,
        reason=ErasureReason.PROCESSED,
        deployment_id=frame.deployment_id,
        captured_at=frame.captured_at,
    )


@dataclass(slots=True)
class FaceStage:
    """Makes a face of each frame. A test may have it do something else."""

    work: Callable[[Sequence[Delivery[Frame]]], Outcome] | None = None
    on_tick: Callable[[], Outcome] = Outcome
    on_drain: Callable[[], Outcome] = Outcome
    lost: list[Partition] = field(default_factory=list)

    def process(self, batch: Sequence[Delivery[Frame]]) -> Outcome:
        """See `Processor.process`."""
        if self.work is not None:
            return self.work(batch)
        frames = [delivery.event for delivery in batch]
        return Outcome(
            produce=[a_face(frame) for frame in frames],
            destroy=[processed(frame) for frame in frames],
        )

    def tick(self, now: datetime) -> Outcome:
        """See `Processor.tick`."""
        return self.on_tick()

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """See `Processor.revoked`."""
        self.lost += partitions

    def drain(self) -> Outcome:
        """See `Processor.drain`."""
        return self.on_drain()


class World:
    """Topics, keys and metrics of a stage."""

    def __init__(self) -> None:
        self.catalogue: Catalogue = load_catalogue(prefix=f"test-{uuid4().hex[:8]}.")
        self.codec = Codec(catalogue=self.catalogue, ids=LockedSchemaIds())
        self.broker = MemoryBroker()
        self.broker.create_topics(
            [self.catalogue.topic_of(k).spec for k in (Frame, Face, DeadLetter)]
        )
        self.keyring = MemoryKeyring()
        self.keyring.open_block(
            block_id=_BLOCK, deployment_id=DEPLOYMENT, service="test", count=10_000
        )
        self.registry = CollectorRegistry()
        self.metrics = StreamMetrics(self.registry)
        self.troubles: list[str | None] = []
        self.turns = 0

    def send_frames(self, count: int) -> list[Frame]:
        """Produce frames, each with a living key of its own."""
        keys = self.keyring.make(_BLOCK, count, timedelta(hours=1))
        frames = [a_frame(number, key.key_id) for number, key in enumerate(keys)]
        self.send(*(self.codec.outgoing(frame) for frame in frames))
        return frames

    def send(self, *messages: Outgoing) -> None:
        """Produce messages as they are."""
        producer = self.broker.producer()
        for message in messages:
            producer.produce(message)
        producer.close()

    def send_garbage(self, count: int = 1) -> None:
        """Produce what no codec can read, to the frames."""
        garbage = Outgoing(
            self.catalogue.topic_of(Frame).name,
            b"camera-0",
            b"garbage",
            (("ce_deploymentid", DEPLOYMENT.encode()),),
        )
        self.send(*([garbage] * count))

    def events(self, kind: type[Event]) -> list[Event]:
        """All that is on a kind's topic."""
        topic = self.catalogue.topic_of(kind).name
        reader = self.broker.reader([topic])
        return [self.codec.decode(topic, message.value) for message in reader.poll(100_000, 0.0)]

    def face_ids(self) -> list[str]:
        """The ids of all faces produced, repeated ones too."""
        return [face.face_id for face in self.events(Face) if isinstance(face, Face)]

    def dead_letters(self) -> list[DeadLetter]:
        """All dead letters."""
        return [letter for letter in self.events(DeadLetter) if isinstance(letter, DeadLetter)]

    def uncommitted(self) -> int:
        """How many frames a successor would get."""
        consumer = self.broker.consumer(group=GROUP, topics=[self.catalogue.topic_of(Frame).name])
        left = len(consumer.poll(100_000, 0.0))
        consumer.close()
        return left

    def runner(
        self,
        stage: FaceStage,
        *,
        broker: Broker | None = None,
        keyring: MemoryKeyring | None = None,
        limit: DeadLetterLimit | None = None,
        batch_max: int = 4,
        why_not: Callable[[], str] = lambda: "",
    ) -> Runner[Frame]:
        """A runner of the stage."""
        broker = broker or self.broker
        producer = broker.producer()
        return Runner(
            name="stage",
            broker=broker,
            group=GROUP,
            topics=[self.catalogue.topic_of(Frame).name],
            producer=producer,
            codec=self.codec,
            processor=stage,
            keyring=keyring or self.keyring,
            instance="stage-1",
            metrics=self.metrics,
            clock=lambda: NOW,
            dead_letters=DeadLetters(
                producer=producer,
                codec=self.codec,
                service="stage",
                clock=lambda: NOW,
                metrics=self.metrics,
                limit=limit,
            ),
            on_turn=self._turned,
            on_trouble=self._troubled,
            why_not=why_not,
            rhythm=Rhythm(batch_max=batch_max, tick_s=0.01, commit_s=0.0),
        )

    def sample(self, name: str, **labels: str) -> float | None:
        """A metric's value."""
        return self.registry.get_sample_value(name, labels)

    def _turned(self) -> None:
        self.turns += 1

    def _troubled(self, reason: str | None) -> None:
        if not self.troubles or self.troubles[-1] != reason:
            self.troubles.append(reason)


@contextmanager
def at_work(run: Callable[[threading.Event], None]) -> Iterator[Callable[[], bool]]:
    """Something that runs until the context ends. Yields whether it still does; what it raised is raised at the end."""
    stop = threading.Event()
    raised: list[BaseException] = []

    def work() -> None:
        try:
            run(stop)
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread, whatever it is
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread.is_alive
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive(), "it did not stop"
    if raised:
        raise raised[0]


class FailingKeyring(MemoryKeyring):
    """Crashes before or after it destroys."""

    crash_before = False
    crash_after = False

    def destroy(self, destructions: Sequence[Destruction], *, by: str, at: datetime) -> int:
        """See `Keyring.destroy`."""
        if self.crash_before:
            raise CrashError
        count = super().destroy(destructions, by=by, at=at)
        if self.crash_after:
            raise CrashError
        return count


class KillableBroker:
    """A broker whose clients crash at a step, and whose consumers then vanish as with `kill -9`: nothing is committed."""

    def __init__(self, broker: MemoryBroker, crash_at: str) -> None:
        self._broker, self.crash_at = broker, crash_at

    def reached(self, step: str) -> None:
        """Crash if this is the step to crash at."""
        if step == self.crash_at:
            raise CrashError

    def consumer(
        self, *, group: str, topics: Sequence[str], rebalance: Rebalance | None = None
    ) -> Consumer:
        """See `Broker.consumer`."""
        return _KillableConsumer(self, self._broker, group, topics, rebalance)

    def producer(self) -> Producer:
        """See `Broker.producer`."""
        return _KillableProducer(self, self._broker.producer())

    def reader(self, topics: Sequence[str], *, from_end: bool = False) -> Reader:
        """See `Broker.reader`."""
        return self._broker.reader(topics, from_end=from_end)

    def create_topics(self, specs: Sequence[TopicSpec]) -> Sequence[str]:
        """See `Broker.create_topics`."""
        return self._broker.create_topics(specs)

    def delete_records(self, before: Mapping[Partition, int]) -> None:
        """See `Broker.delete_records`."""
        self._broker.delete_records(before)

    def watermarks(self, topic: str) -> Mapping[Partition, tuple[int, int]]:
        """See `Broker.watermarks`."""
        return self._broker.watermarks(topic)


class _KillableConsumer:
    def __init__(
        self,
        killer: KillableBroker,
        broker: MemoryBroker,
        group: str,
        topics: Sequence[str],
        rebalance: Rebalance | None,
    ) -> None:
        self._killer = killer
        self._member = broker.member(group=group, topics=topics, rebalance=rebalance)

    def poll(self, max_messages: int, timeout_s: float) -> Sequence[Message]:
        return self._member.poll(max_messages, timeout_s)

    def stage(self, positions: Sequence[Position]) -> None:
        self._killer.reached("before stage")
        self._member.stage(positions)
        self._killer.reached("after stage")

    def commit(self) -> None:
        self._member.commit()
        self._killer.reached("after commit")

    def lag(self) -> Mapping[Partition, int]:
        return self._member.lag()

    def close(self) -> None:
        self._member.abandon()


class _KillableProducer:
    def __init__(self, killer: KillableBroker, producer: Producer) -> None:
        self._killer, self._producer = killer, producer

    def produce(self, message: Outgoing) -> None:
        self._killer.reached("before produce")
        self._producer.produce(message)
        self._killer.reached("after produce")

    def flush(self, timeout_s: float = 30.0) -> None:
        self._producer.flush(timeout_s)
        self._killer.reached("after flush")

    def close(self) -> None:
        self._producer.close()
