"""Between the topics and the store: evidence taken once, faces counted once, records signed, the audit published in order."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lookout.events import (
    UNSIGNED,
    Alert,
    AuditEntry,
    Deployment,
    DeploymentState,
    ErasureReason,
    Event,
    Track,
)
from lookout.hosting.authority import signature_check
from lookout.hosting.platform import Platform
from lookout.sealing.ports import DataKey, KeyringUnavailableError
from lookout.sealing.signing import ROLE_CONTROL, Signer, TrustStore
from lookout.stream.memory import MemoryBroker
from lookout.stream.ports import DeliveryError, Partition, Position, RetryableError
from lookout.stream.processor import Delivery
from lookout_console.adapters.audit_feed import AuditFeed
from lookout_console.adapters.control import SignedControl
from lookout_console.adapters.listening import FaceCount
from lookout_console.adapters.taking import FOREIGN, KNOWN, TAKEN, WITHOUT_PICTURE, AlertTaker
from lookout_console.domain.errors import AuditLostError, UnknownError
from sqlalchemy.exc import OperationalError
from support.audit_chain import a_chain
from support.keyrings import START, MemoryKeyring
from support.platforms import platform_on, settings_in
from support.sealed_alerts import sealed_alert

_JPEG = b"\xff\xd8\xff a thumbnail"


class Kept:
    """Where alerts are kept: what was, and whether the key was alive then. ``fails`` with an error, if told to."""

    def __init__(self, keyring: MemoryKeyring) -> None:
        self.keyring = keyring
        self.pictures: dict[str, bytes | None] = {}
        self.alive: list[int] = []
        self.fails: Exception | None = None

    def take(self, alert: Alert, picture_jpeg: bytes | None) -> bool:
        if self.fails is not None:
            raise self.fails
        self.alive.append(self.keyring.held())
        new = alert.alert_id not in self.pictures
        self.pictures.setdefault(alert.alert_id, picture_jpeg)
        return new


class SilentKeyring(MemoryKeyring):
    """Does not answer."""

    def get(self, key_ids: Sequence[str]) -> Sequence[DataKey | None]:
        raise KeyringUnavailableError("no answer")


def an_alert(keyring: MemoryKeyring) -> Alert:
    return sealed_alert(keyring, _JPEG)


def delivered(alert: Alert) -> list[Delivery[Alert]]:
    return [Delivery(alert, Position(Partition("lookout.alerts", 0), 1))]


@pytest.fixture(name="keyring")
def keyring_fixture() -> MemoryKeyring:
    return MemoryKeyring()


@pytest.fixture(name="platform")
def platform_fixture(tmp_path: Path, keyring: MemoryKeyring) -> Iterator[Platform]:
    with platform_on(settings_in(tmp_path), MemoryBroker(), keyring) as platform:
        yield platform


@pytest.fixture(name="kept")
def kept_fixture(keyring: MemoryKeyring) -> Kept:
    return Kept(keyring)


@pytest.fixture(name="counted")
def counted_fixture() -> list[str]:
    return []


@pytest.fixture(name="taker")
def taker_fixture(keyring: MemoryKeyring, kept: Kept, counted: list[str]) -> AlertTaker:
    return AlertTaker(desk=kept, keyring=keyring, counted=counted.append)


def test_evidence_is_kept_while_its_key_lives_and_the_key_is_destroyed_after(
    taker: AlertTaker, kept: Kept, keyring: MemoryKeyring, counted: list[str]
) -> None:
    alert = an_alert(keyring)
    outcome = taker.process(delivered(alert))
    assert kept.pictures == {"alert-1": _JPEG}
    assert kept.alive == [1]
    assert alert.thumbnail is not None
    (order,) = outcome.destroy
    assert (order.key_id, order.reason) == (
        alert.thumbnail.key_id,
        ErasureReason.EVIDENCE_TAKEN,
    )
    assert counted == [TAKEN]


def test_after_a_crash_between_commit_and_destruction_the_key_is_destroyed_all_the_same(
    taker: AlertTaker, keyring: MemoryKeyring, counted: list[str]
) -> None:
    alert = an_alert(keyring)
    taker.process(delivered(alert))
    assert len(taker.process(delivered(alert)).destroy) == 1
    assert counted == [TAKEN, KNOWN]


@pytest.mark.parametrize(
    "error", [OperationalError("insert", {}, Exception("gone")), AuditLostError("no topic")]
)
def test_an_alert_that_cannot_be_kept_is_tried_again_and_its_key_lives(
    taker: AlertTaker, kept: Kept, keyring: MemoryKeyring, error: Exception
) -> None:
    kept.fails = error
    with pytest.raises(RetryableError):
        taker.process(delivered(an_alert(keyring)))
    assert keyring.held() == 1


def test_an_alert_of_somebody_elses_deployment_is_left_with_its_key(
    taker: AlertTaker, kept: Kept, keyring: MemoryKeyring, counted: list[str]
) -> None:
    kept.fails = UnknownError("not ours")
    assert taker.process(delivered(an_alert(keyring))).destroy == []
    assert counted == [FOREIGN]


def test_an_alert_whose_evidence_is_gone_reaches_people_without_a_picture(
    taker: AlertTaker, kept: Kept, keyring: MemoryKeyring, counted: list[str]
) -> None:
    alert = an_alert(keyring)
    keyring.destroy(taker.process(delivered(alert)).destroy, by="test", at=START)
    again = replace(alert, alert_id="alert-2")
    assert taker.process(delivered(again)).destroy == []
    assert kept.pictures["alert-2"] is None
    assert counted == [TAKEN, WITHOUT_PICTURE, TAKEN]


def test_evidence_of_another_face_does_not_open_as_this_ones(
    taker: AlertTaker, kept: Kept, keyring: MemoryKeyring
) -> None:
    alert = an_alert(keyring)
    other = replace(alert, sightings=(replace(alert.sightings[0], face_id="face-2"),))
    assert taker.process(delivered(other)).destroy == []
    assert kept.pictures == {"alert-1": None}


def test_a_keyring_that_does_not_answer_loses_no_alert(
    kept: Kept, keyring: MemoryKeyring, counted: list[str]
) -> None:
    taker = AlertTaker(desk=kept, keyring=SilentKeyring(), counted=counted.append)
    with pytest.raises(RetryableError):
        taker.process(delivered(an_alert(keyring)))
    assert kept.pictures == {}


def a_track(track_id: str, deployment_id: str = "d1") -> Track:
    return Track(
        deployment_id=deployment_id,
        track_id=track_id,
        camera_id="camera-1",
        first_seen=START,
        last_seen=START,
        frames=5,
        shots=2,
        rejected=(),
    )


def test_a_track_is_counted_once_however_often_its_record_is_read() -> None:
    told: list[tuple[str, int]] = []
    faces = FaceCount(lambda deployment_id, count: told.append((deployment_id, count)))
    for track_id in ("t1", "t2", "t1", "t3", "t2"):
        faces.heard(a_track(track_id))
    faces.turn()
    faces.turn()
    assert told == [("d1", 3)]


def test_a_count_that_could_not_be_kept_is_kept_the_next_time() -> None:
    told: list[int] = []
    fails = [True]

    def keep(_deployment_id: str, count: int) -> None:
        if fails:
            fails.pop()
            raise OperationalError("update", {}, Exception("gone"))
        told.append(count)

    faces = FaceCount(keep)
    faces.heard(a_track("t1"))
    with pytest.raises(OperationalError):
        faces.turn()
    faces.turn()
    assert told == [1]


class Chain:
    """Entries that are published from the oldest on."""

    def __init__(self, count: int) -> None:
        self.entries = a_chain([""] * count)
        self.done = 0

    def unpublished(self, most: int) -> Sequence[AuditEntry]:
        return self.entries[self.done : self.done + most]

    def published(self, through: int) -> None:
        self.done = max(self.done, through)


def test_the_audit_is_published_in_order_and_once() -> None:
    chain, sent = Chain(1203), list[Event]()
    feed = AuditFeed(chain=chain, emit_all=sent.extend)
    assert feed.turn() == 1203
    assert feed.turn() == 0
    assert sent == chain.entries


def test_while_the_topic_does_not_take_the_audit_nothing_may_be_done() -> None:
    now, reachable = [0.0], [False]

    def emit_all(_events: Sequence[Event]) -> None:
        if not reachable[0]:
            raise DeliveryError("not acknowledged")

    chain = Chain(3)
    feed = AuditFeed(chain=chain, emit_all=emit_all, behind_s=5.0, monotonic=lambda: now[0])
    with pytest.raises(DeliveryError):
        feed.turn()
    assert (feed.why_not(), chain.done) == ("", 0)
    now[0] = 5.1
    assert "audit" in feed.why_not()
    reachable[0] = True
    feed.turn()
    assert (feed.why_not(), chain.done) == ("", 3)


def test_the_last_entries_are_published_before_the_console_ends() -> None:
    chain, sent = Chain(2), list[Event]()
    stop = threading.Event()
    stop.set()
    AuditFeed(chain=chain, emit_all=sent.extend).run(stop)
    assert len(sent) == 2


def test_control_records_are_signed_by_the_consoles_own_key(platform: Platform) -> None:
    signer = Signer("console", platform.vault.get_or_create("signing/console"))
    trust = TrustStore({}).adding(signer, roles=[ROLE_CONTROL], demonstration=False)
    producer = platform.broker.producer()
    control = SignedControl(codec=platform.codec, producer=producer, signer=signer)
    now = datetime.now(UTC)
    control.publish(
        Deployment(
            deployment_id="d1",
            state=DeploymentState.LIVE,
            opens_at=now,
            closes_at=now + timedelta(hours=1),
            cameras=("van-1",),
            target_fpir=1e-4,
            pack_name="test",
            pack_sha256="0" * 64,
            watchlist_hash="ab",
            confirm_shots=2,
            confirm_of=3,
            authority="a1",
            demonstration=False,
            updated_at=now,
            signature=UNSIGNED,
        )
    )
    reader = platform.broker.reader([platform.topic(Deployment)])
    (message,) = reader.poll(10, 1.0)
    event = platform.codec.decode(platform.topic(Deployment), message.value)
    assert signature_check(platform.codec, trust, demonstration=False)(message, event)
    assert not signature_check(platform.codec, TrustStore({}), demonstration=True)(message, event)
    reader.close()
    producer.close()
