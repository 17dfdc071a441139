"""Footage in, one alert out, everyone else forgotten: all services as processes, on a real Kafka and a real keyring."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from lookout.events import (
    Alert,
    Embedding,
    Erasure,
    Face,
    Frame,
    Match,
    ServiceState,
    ServiceStatus,
)
from lookout.hosting.platform import Platform
from lookout.ids import entry_id
from lookout.sealing.signing import ROLE_RECEIPTS
from lookout_cli.accounts import Tally, tally
from lookout_cli.control import read_all
from lookout_cli.people.taking import EvidenceTaker
from lookout_cli.stack.running import CaptureOptions, RunningServices, running
from lookout_keeper.domain import Accounts, verify_chain
from support.kafka_node import KafkaNode
from support.pipeline import SharedKafkaStack, raw_messages, require_redis
from support.polling import until
from support.scene import WANTED, Scene

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.models, pytest.mark.faces]

_PEOPLE = 3
_UP_S = 60.0
_SETTLE_S = 40.0
# What OpenCV's JPEGs begin with: longer than the three bytes of the magic, which megabytes of noise hold by chance.
_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF"
# Noise does not get smaller; a chip's raw pixels do, by a quarter at least.
_NOISE_RATIO = 0.95
_LARGE = 4096


@contextmanager
def _pipeline(
    kafka: KafkaNode,
    scene: Scene,
    folder: Path,
    *,
    loop: bool = False,
    more: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[RunningServices]:
    require_redis()
    stack = SharedKafkaStack(node=kafka, folder=folder, models=scene.models)
    capture = CaptureOptions(cameras=scene.camera, loop=loop)
    with stack, running(stack, capture, restart=loop, more=more) as services:
        services.wait_up(_UP_S)
        yield services


class AlertLog:
    """Every alert as sent, read on as they come: reading all anew at each look would slow what is watched."""

    def __init__(self, platform: Platform) -> None:
        self._codec, self._topic = platform.codec, platform.topic(Alert)
        self._reader = platform.broker.reader([self._topic])
        platform.closing(self._reader.close)
        self._alerts: list[Alert] = []

    def alerts(self) -> Sequence[Alert]:
        """Those so far, after a moment's wait for more."""
        for message in self._reader.poll(100, 0.2):
            alert = self._codec.decode(self._topic, message.value)
            assert isinstance(alert, Alert)
            self._alerts.append(alert)
        return self._alerts

    def any_of_a_pass_after(self, moment: datetime) -> bool:
        """Whether somebody was alerted who was seen after ``moment``."""
        return any(alert.captured_at > moment for alert in self.alerts())


def _settled(platform: Platform, deployment_id: str, *, alive: int) -> Tally:
    """The account once every key but ``alive`` has its receipt."""
    found: list[Tally] = []

    def settled() -> bool:
        found[:] = [tally(platform, deployment_id)]
        keys = found[0].keys
        return keys.alive == alive and not keys.pending and not keys.unaccounted

    until(settled, f"an account with {alive} keys alive and no key unaccounted", _SETTLE_S)
    return found[0]


@pytest.mark.parametrize("gallery", ["edge", "local"])
def test_enrolled_person_is_alerted_once_and_everybody_else_is_forgotten(
    kafka: KafkaNode, scene: Scene, tmp_path: Path, gallery: str
) -> None:
    more = {"matching": {"LOOKOUT_MATCHING_GALLERY": gallery}}
    with _pipeline(kafka, scene, tmp_path, more=more) as services:
        session = services.session
        platform = session.platform
        deployment_id = scene.enrol_and_open(session)
        until(lambda: services.ended("capture"), "the end of the footage", _UP_S)

        # Strangers were looked at, and forgotten; of the wanted person the evidence alone is left.
        until(
            lambda: tally(platform, deployment_id).faces_seen >= _PEOPLE,
            "the ends of all tracks",
            _SETTLE_S,
        )
        before = _settled(platform, deployment_id, alive=1)
        (alert,) = before.alerts
        assert alert.entry_id == entry_id(deployment_id, WANTED)
        assert timedelta(0) < alert.alerted_at - alert.captured_at < timedelta(seconds=5)
        assert before.compared >= 2 * _PEOPLE

        _check_sealed(platform)
        _check_evidence_is_taken_once(services, alert)

        keys = _settled(platform, deployment_id, alive=0).keys
        assert keys.expired == 0
        assert keys.made == sum(keys.destroyed.values())
        report = verify_chain(
            read_all(platform, Erasure),
            body_of=platform.codec.body,
            trusted=lambda signature, message: platform.trust.verify(
                signature, message, role=ROLE_RECEIPTS
            ),
        )
        assert report.unbroken
        assert report.links > 0
    exits = {name: child.exits for name, child in services.children.items()}
    assert exits == {name: [0] for name in services.children}


def _check_sealed(platform: Platform) -> None:
    for kind in (Frame, Face, Embedding, Match, Alert):
        values = [message.value or b"" for message in raw_messages(platform, kind)]
        assert values, f"nothing on {kind.__name__}'s topic"
        assert not any(_JPEG in value for value in values), kind.__name__
        large = [value for value in values if len(value) > _LARGE]
        assert all(len(zlib.compress(value)) > _NOISE_RATIO * len(value) for value in large)


def _check_evidence_is_taken_once(services: RunningServices, alert: Alert) -> None:
    session = services.session
    keyring = session.platform.keyring
    assert alert.thumbnail is not None
    taker = EvidenceTaker(
        keyring=keyring, store=session.evidence, clock=session.platform.clock, name="test"
    )
    thumbnail = taker.take(alert)
    assert thumbnail is not None
    assert thumbnail.startswith(_JPEG)
    assert list(keyring.get([alert.thumbnail.key_id])) == [None]
    assert taker.take(alert) is None
    kept = session.evidence.get(alert.alert_id)
    assert kept is not None
    assert kept.thumbnail_jpeg == thumbnail


def test_killed_services_come_back_and_miss_no_later_pass(
    kafka: KafkaNode, scene: Scene, tmp_path: Path
) -> None:
    more = {"alerting": {"LOOKOUT_ALERTING_GAP_S": "2"}}
    with _pipeline(kafka, scene, tmp_path, loop=True, more=more) as services:
        platform = services.session.platform
        deployment_id = scene.enrol_and_open(services.session)
        log = AlertLog(platform)
        until(lambda: bool(log.alerts()), "the first pass's alert", _UP_S)

        for victim in ("detection", "matching", "alerting"):
            _kill_and_await_back(services, victim)
            seen_again = partial(log.any_of_a_pass_after, platform.clock())
            until(seen_again, f"an alert of a pass after {victim} was killed", _UP_S)

        starts: dict[str, set[str]] = {}
        for alert in log.alerts():
            starts.setdefault(alert.alert_id, set()).add(alert.sightings[0].match_id)
        assert all(len(matches) == 1 for matches in starts.values())
        assert len(starts) >= 4

        services.children["capture"].process.terminate()  # type: ignore[union-attr]  # it runs
        until(lambda: services.ended("capture"), "capture to end in order")
        # Receipts on their way are of keys never made, too: capture gives back the rest of its block as it ends.
        until(
            lambda: _is_settled(tally(platform, deployment_id).keys),
            "no key unaccounted, and every receipt on the topic",
            _SETTLE_S,
        )
        keys = tally(platform, deployment_id).keys
        assert keys.made == sum(keys.destroyed.values()) + keys.expired + keys.alive


def _is_settled(keys: Accounts) -> bool:
    return not keys.unaccounted and not keys.pending


def _kill_and_await_back(services: RunningServices, victim: str) -> None:
    supervisor = services.supervisor
    assert supervisor is not None
    killed = supervisor.kill(victim)
    clock = services.session.platform.clock
    killed_at = clock()

    def back() -> bool:
        said: ServiceStatus | None = services.statuses().get(victim)
        pid = services.children[victim].pid
        return (
            pid is not None
            and pid != killed
            and said is not None
            and said.since > killed_at
            and said.state is ServiceState.LIVE
        )

    until(back, f"{victim} live again", _UP_S)
