"""What the pipeline adds to the bare loop, part by part: Avro, sealing, the keyring and Kafka, each measured alone.

Everything is measured in processor time of this process, on records of the size that the footage gives; a part's share of a
frame is its cost times how often a frame needs it.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import numpy as np
from lookout.events import ErasureReason, Frame
from lookout.hosting.platform import Platform
from lookout.sealing.envelope import open_sealed, seal
from lookout.sealing.ports import Destruction

_ROUNDS = 200
_IDLE_S = 0.5
_BATCH = 8
_DEPLOYMENT = "bench-costs"
_TTL = timedelta(seconds=60)


def measure(platform: Platform, *, jpeg_bytes: int) -> Mapping[str, float]:
    """Milliseconds of processor time a frame for each part, on a running stack. Blocks for a few seconds.

    A frame is encoded and decoded once, sealed and opened once, has one key made, fetched and destroyed (in batches of
    eight), and is produced and consumed once. Faces and templates are few and small beside it.
    """
    issuer = platform.issuer(purpose="frame", ttl=_TTL)
    platform.closing(lambda: issuer.retire(_DEPLOYMENT))
    (key,) = issuer.make(_DEPLOYMENT, 1)
    jpeg = np.random.default_rng(7).integers(0, 256, jpeg_bytes, dtype=np.uint8).tobytes()
    frame = Frame(
        deployment_id=_DEPLOYMENT,
        frame_id=str(uuid.uuid4()),
        camera_id="bench",
        sequence=1,
        captured_at=platform.clock(),
        width=1280,
        height=720,
        image=seal(key, jpeg, what="frame", whose="bench"),
    )
    topic = platform.topic(Frame)

    def avro() -> None:
        platform.codec.decode(topic, platform.codec.outgoing(frame).value)

    def sealing() -> None:
        open_sealed(key, seal(key, jpeg, what="frame", whose="bench"), what="frame", whose="bench")

    def keyring() -> None:
        made = issuer.make(_DEPLOYMENT, _BATCH)
        platform.keyring.get([one.key_id for one in made])
        platform.keyring.destroy(
            [
                Destruction(
                    key_id=one.key_id,
                    reason=ErasureReason.PROCESSED,
                    deployment_id=_DEPLOYMENT,
                    captured_at=None,
                )
                for one in made
            ],
            by="bench",
            at=platform.clock(),
        )

    return {
        "avro": _cpu_ms(avro),
        "sealing": _cpu_ms(sealing),
        "keyring": _cpu_ms(keyring) / _BATCH,
        "kafka_client": _kafka_ms(platform, frame),
    }


def _kafka_ms(platform: Platform, frame: Frame) -> float:
    """Producing and consuming, librdkafka's own threads included. On a topic of its own, so that no service sees it."""
    message = platform.codec.outgoing(frame)
    topic = f"{platform.catalogue.prefix}bench-costs"
    spec = platform.catalogue.topic_of(Frame).spec
    platform.broker.create_topics([replace(spec, name=topic)])
    producer = platform.broker.producer()
    reader = platform.broker.reader([topic])
    outgoing = replace(message, topic=topic)
    try:
        producer.produce(outgoing)
        producer.flush()
        # Other threads of this process go on meanwhile: what they take by themselves is taken off.
        idle = _idle_share()
        wall, cpu = time.monotonic(), time.process_time()
        for _ in range(_ROUNDS):
            producer.produce(outgoing)
        producer.flush()
        read, deadline = 0, time.monotonic() + 30
        while read <= _ROUNDS and time.monotonic() < deadline:
            read += len(reader.poll(_ROUNDS, 0.1))
        spent = time.process_time() - cpu - idle * (time.monotonic() - wall)
        return 1000 * max(0.0, spent) / _ROUNDS
    finally:
        reader.close()
        producer.close()


def _idle_share() -> float:
    """Processor seconds a second that this process takes while this thread does nothing."""
    wall, cpu = time.monotonic(), time.process_time()
    time.sleep(_IDLE_S)
    return (time.process_time() - cpu) / (time.monotonic() - wall)


def _cpu_ms(work: Callable[[], None]) -> float:
    work()
    began = time.process_time()
    for _ in range(_ROUNDS):
        work()
    return 1000 * (time.process_time() - began) / _ROUNDS
