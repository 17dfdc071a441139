"""What is no record of ours on any topic that a service reads: set aside or refused, and the stream goes on."""

import struct
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from lookout.events import (
    Alert,
    DeadLetter,
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
from lookout.hosting.platform import Platform
from lookout.topics import schemas_folder
from lookout_cli.accounts import tally
from lookout_cli.control import read_all
from lookout_cli.people.feed import AlertFeed
from lookout_cli.session import session_on
from lookout_cli.stack.services import ENDING_ORDER, builders
from support.kafka_node import KafkaNode
from support.pipeline import SharedKafkaStack, hosted, memory_stack, require_redis, send_raw
from support.polling import until
from support.scene import Scene

pytestmark = [pytest.mark.redis, pytest.mark.models, pytest.mark.faces]

# Who sets aside what cannot be used, by the kind that it reads.
_STREAMS: Mapping[type[Event], str] = {
    Frame: "detection",
    Face: "embedding",
    Embedding: "matching",
    Match: "alerting",
}
# Who follows what, and refuses what it cannot read.
_FOLLOWED: Mapping[type[Event], tuple[str, ...]] = {
    Deployment: ("capture", "detection", "embedding", "matching", "alerting"),
    WatchlistEntry: ("matching",),
    ServiceStatus: ("capture",),
    Match: ("matching",),
}
# One message each, but for the two that are undecodable: cut short, and with bytes at the end.
_KINDS = {"not_avro": 1, "unknown_schema": 1, "foreign_schema": 1, "undecodable": 2}


# Matches are both streamed and followed, so that they get everything twice.
_TIMES: Mapping[type[Event], int] = Counter([*_STREAMS, *_FOLLOWED])


def _golden(platform: Platform, kind: type[Event]) -> bytes:
    """A released example of a record, as it travels."""
    schema = platform.catalogue.topic_of(kind).entry.versions[-1].schema_file
    examples = schemas_folder() / "examples" / schema.removesuffix(".avsc")
    return bytes.fromhex(min(examples.glob("*.hex")).read_text())


def _nonsense(platform: Platform, kind: type[Event]) -> list[bytes]:
    """Messages that are no record of this kind: see `_KINDS`."""
    good = _golden(platform, kind)
    return [
        b"garbage",
        b"\x00" + struct.pack(">I", 0x7FFFFFFF) + good[5:],
        _golden(platform, Alert if kind is not Alert else Match),
        good[: len(good) // 2],
        good + b"\x00",
    ]


def _dead_letters(platform: Platform) -> Counter[tuple[str, str, str]]:
    return Counter(
        (letter.service, letter.source_topic, letter.error)
        for letter in read_all(platform, DeadLetter)
    )


def test_nonsense_on_every_topic_is_set_aside_or_refused_and_the_person_is_still_alerted(
    scene: Scene, tmp_path: Path
) -> None:
    require_redis()
    with memory_stack(tmp_path / "state", scene.models) as stack:
        makers = builders({"cameras": scene.camera, "fps": 10.0})
        services = {name: makers[name] for name in ENDING_ORDER}
        platform = stack.platform()
        # Before the services start and while they run: neither may keep them from reading on.
        for kind in (*_STREAMS, *_FOLLOWED, Erasure, Alert):
            send_raw(platform, platform.topic(kind), *_nonsense(platform, kind)[:2])
        with hosted(stack, services) as running:
            session = session_on(platform, stack.folder)
            until(running["keeper"].is_live, "a live keeper")
            for kind in (*_STREAMS, *_FOLLOWED, Erasure, Alert):
                send_raw(platform, platform.topic(kind), *_nonsense(platform, kind)[2:])
            deployment_id = scene.enrol_and_open(session)
            until(lambda: bool(tally(platform, deployment_id).alerts), "the alert", 40)

            expected = {
                (service, platform.topic(kind), error): sent * _TIMES[kind]
                for kind, service in _STREAMS.items()
                for error, sent in _KINDS.items()
            }
            until(lambda: _dead_letters(platform) == expected, f"dead letters {expected}")
            for kind, followers in _FOLLOWED.items():
                wanted = {error: sent * _TIMES[kind] for error, sent in _KINDS.items()}
                refused = {name: running[name].refused(platform.topic(kind)) for name in followers}
                assert refused == dict.fromkeys(followers, wanted)

            feed = AlertFeed.taking(platform)
            received = [one for _ in range(5) for one in feed.poll()]
            feed.close()
            assert [one.alert.deployment_id for one in received] == [deployment_id]
            until(lambda: not tally(platform, deployment_id).keys.unaccounted, "no key unaccounted")
        platform.close()


@pytest.mark.kafka
def test_nonsense_on_kafka_is_set_aside_and_the_next_good_record_is_taken(
    kafka: KafkaNode, models_folder: Path, tmp_path: Path
) -> None:
    require_redis()
    stack = SharedKafkaStack(node=kafka, folder=tmp_path / "state", models=models_folder)
    with stack, hosted(stack, {"embedding": builders({})["embedding"]}) as running:
        platform = stack.platform()
        topic = platform.topic(Face)
        registry = running["embedding"].platform.registry
        send_raw(platform, topic, *_nonsense(platform, Face), _golden(platform, Face))
        expected = {("embedding", topic, error): sent for error, sent in _KINDS.items()}
        until(lambda: _dead_letters(platform) == expected, f"dead letters {expected}", 30)
        until(
            lambda: (
                registry.get_sample_value("lookout_stream_received_total", {"topic": topic})
                == sum(_KINDS.values()) + 1
            ),
            "the good record",
        )
        platform.close()
