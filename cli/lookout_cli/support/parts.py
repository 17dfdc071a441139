"""What goes into a support bundle: versions, settings, topics and groups, metrics, status, the last lines of logs."""

import platform as machine
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import lookout
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka.admin import AdminClient
from lookout.events import ServiceStatus
from lookout.hosting.platform import Platform
from lookout.hosting.settings import PlatformSettings
from lookout.stream.ports import StreamError
from lookout.telemetry.status import StatusBoard
from pydantic import ValidationError

from lookout_cli.stack.services import STARTING_ORDER
from lookout_cli.support.bundle import as_json
from lookout_cli.support.redaction import Redaction

_LIBRARIES: Final = (
    "aiokafka",
    "av",
    "confluent-kafka",
    "cryptography",
    "faust-streaming",
    "fastavro",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "opentelemetry-sdk",
    "prometheus-client",
    "qdrant-client",
    "redis",
    "sqlalchemy",
)
_ASK_S: Final = 10.0
_STATUS_WITHIN_S: Final = 10.0
_MOST_LOG_BYTES: Final = 1 << 20


def versions() -> Mapping[str, str]:
    """What runs here."""
    found = {
        "lookout": lookout.__version__,
        "python": sys.version.split()[0],
        "machine": f"{machine.system()} {machine.release()} {machine.machine()}",
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }
    return {"versions.json": as_json(found)}


def settings(platform: PlatformSettings, redaction: Redaction) -> Mapping[str, str]:
    """The settings of this installation as this command has them, and those of each service in its environment."""
    found: dict[str, object] = {"platform": redaction.settings(platform.model_dump())}
    for service in STARTING_ORDER:
        kind = import_module(f"lookout_{service}.settings").Settings
        try:
            found[service] = redaction.settings(kind().model_dump())
        except ValidationError as error:
            wrong = sorted(str(one["loc"][0]) for one in error.errors() if one["loc"])
            found[service] = f"not valid: {', '.join(wrong)}"
    return {"settings.json": as_json(found)}


def topics(platform: Platform) -> Mapping[str, str]:
    """Each partition's offsets, and how far each group has come."""
    if platform.kafka is None:
        return {}
    names = [topic.name for topic in platform.catalogue.topics]
    ends = {
        (at.topic, at.index): marks
        for name in names
        for at, marks in platform.broker.watermarks(name).items()
    }
    told = {
        f"{topic}/{index}": {"low": low, "high": high}
        for (topic, index), (low, high) in sorted(ends.items())
    }
    try:
        groups = _groups(AdminClient(platform.kafka.client()), platform.catalogue.prefix, ends)
    except KafkaException as error:
        raise StreamError(f"the groups are not known: {error}") from error
    return {"topics.json": as_json({"partitions": told, "groups": groups})}


def metrics(addresses: Mapping[str, str]) -> Mapping[str, str]:
    """A snapshot of every service's metrics. ``addresses`` are of their endpoints, by service."""
    found: dict[str, str] = {}
    for service, address in addresses.items():
        try:
            with urllib.request.urlopen(address, timeout=_ASK_S) as answer:  # noqa: S310 - checked by the command
                found[f"metrics/{service}.txt"] = answer.read().decode("utf-8", "replace")
        except OSError as error:
            found[f"metrics/{service}.txt"] = f"no answer: {error}\n"
    return found


def status(platform: Platform) -> Mapping[str, str]:
    """The last word of every service."""
    board = StatusBoard()
    platform.follow(ServiceStatus, board.heard).wait_ready(_STATUS_WITHIN_S)
    told = [
        {
            "service": one.service,
            "instance": one.instance,
            "state": one.state,
            "reason": one.reason,
            "since": one.since,
            "reported_at": one.reported_at,
        }
        for _, one in sorted(board.latest().items())
    ]
    return {"status.json": as_json(told)}


def logs(files: Sequence[Path], lines: int) -> Mapping[str, str]:
    """The last lines of logs."""
    return {f"logs/{path.name}": _tail(path, lines) for path in files}


def _tail(path: Path, lines: int) -> str:
    with path.open("rb") as log:
        size = log.seek(0, 2)
        log.seek(max(0, size - _MOST_LOG_BYTES))
        data = log.read()
    if size > _MOST_LOG_BYTES:
        # What is cut has lost its beginning, by which it could be told.
        data = data.partition(b"\n")[2]
    last = data.decode("utf-8", "replace").split("\n")
    return "\n".join(last[-lines - 1 :])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not here"


def _groups(
    admin: AdminClient, prefix: str, ends: Mapping[tuple[str, int], tuple[int, int]]
) -> Mapping[str, Mapping[str, Mapping[str, int]]]:
    listed = admin.list_consumer_groups(request_timeout=_ASK_S).result()
    names = sorted(one.group_id for one in listed.valid if one.group_id.startswith(prefix))
    found: dict[str, dict[str, dict[str, int]]] = {}
    for name in names:
        # The library asks for one group at a time.
        asked = admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(name)], request_timeout=_ASK_S
        )
        group = asked[name].result()
        found[name] = {}
        for one in group.topic_partitions or ():
            _, high = ends.get((one.topic, one.partition), (0, 0))
            found[name][f"{one.topic}/{one.partition}"] = {
                "committed": one.offset,
                "lag": max(0, high - one.offset),
            }
    return found
