"""A deployment is closed: the keeper purges it, its certificate is proved, and nothing that was known is found anywhere."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from lookout.enrolment.person import Person
from lookout.events import (
    UNSIGNED,
    Category,
    Face,
    PurgeCertificate,
    PurgeState,
    Response,
    ServiceState,
    WatchlistAction,
    WatchlistEntry,
    WatchlistState,
)
from lookout.hosting.platform import Platform
from lookout.hosting.service import Service
from lookout.ids import entry_id
from lookout.sealing.envelope import seal
from lookout.sealing.ports import DataKey
from lookout.telemetry.status import State
from lookout_cli.closing import end, note_window, wait_certificate
from lookout_cli.control import DeploymentPlan, certificates, read_all
from lookout_cli.people.ledger import Member
from lookout_cli.session import Session, session_on
from lookout_cli.stack.local import LocalStack
from lookout_cli.verify.closure import ClosureReport, verify_closure
from lookout_keeper import __main__ as keeper
from lookout_keeper.settings import Settings as KeeperSettings
from lookout_matching.__main__ import FollowedProspects
from lookout_matching.adapters.qdrant_edge import EdgeGallery
from lookout_matching.gallery_writer import WatchlistWriter
from lookout_matching.metrics import Metrics
from support.golden import example
from support.kafka_node import KafkaNode
from support.pipeline import SharedKafkaStack, hosted, memory_stack, require_redis
from support.polling import until

pytestmark = pytest.mark.redis

_PACK = "ab" * 32
_DIM = 64
_KNOWN = 5
_CHIP = 112
_WITHIN_S = 20.0


class GalleryService:
    """Matching's hold on the watchlist, without the models: the gallery's writer over a real gallery."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        authority = platform.authority()
        gallery = EdgeGallery(folder=folder)
        platform.closing(gallery.close)
        self._clock = platform.clock
        self._writer = WatchlistWriter(
            gallery=gallery,
            vault=platform.vault,
            prospects=FollowedProspects(authority),
            pack_sha256=_PACK,
            dim=_DIM,
            emit=platform.emit,
            retract=platform.retract,
            metrics=Metrics(platform.registry),
            clock=platform.clock,
        )
        platform.follow(WatchlistEntry, self._writer.apply, signed=True)
        platform.follow(WatchlistState, self._writer.heard)

    def run(self, stop: threading.Event) -> None:
        """See `lookout.hosting.service.Service`."""
        while not stop.wait(0.05):
            self._writer.settle(self._clock())

    def state(self) -> State:
        """See `lookout.hosting.service.Service`."""
        return ServiceState.LIVE, ""


@dataclass
class World:
    """A system with one deployment in force: five people enrolled, five faces sealed, all of it known to the test."""

    session: Session
    galleries: Path
    folders: Sequence[Path]
    deployment_id: str
    templates: Sequence[bytes]
    chips: Sequence[bytes]
    keys: Sequence[DataKey]

    def verify(self) -> ClosureReport:
        return verify_closure(self.session, self.deployment_id, gallery_folders=[self.galleries])

    def close(self) -> PurgeCertificate:
        end(self.session, self.deployment_id)
        return self.certified()

    def certified(self) -> PurgeCertificate:
        found = wait_certificate(self.session.platform, self.deployment_id, within_s=_WITHIN_S)
        assert found is not None
        return found

    def found(self, known: Sequence[bytes]) -> list[Path]:
        """Files anywhere below the data folders that hold one of these."""
        return [
            path
            for folder in self.folders
            for path in folder.rglob("*")
            if path.is_file() and _holds(path, known)
        ]


def _holds(path: Path, known: Sequence[bytes]) -> bool:
    try:
        content = _written(path)
    except FileNotFoundError:
        return False
    return any(part in content for part in known)


def _written(path: Path) -> bytes:
    """A file's content without its holes: Kafka reserves megabytes of nothing for every index."""
    parts = []
    with path.open("rb") as file:
        at, size = 0, path.stat().st_size
        while at < size:
            try:
                begin = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            at = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
            parts.append(os.pread(file.fileno(), at - begin, begin))
    return b"".join(parts)


@pytest.fixture(name="stack", params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def stack_fixture(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalStack]:
    require_redis()
    stack = memory_stack(tmp_path / "state")
    if request.param == "kafka":
        node = request.getfixturevalue("kafka")
        assert isinstance(node, KafkaNode)
        stack = SharedKafkaStack(node=node, folder=tmp_path / "state", models=Path())
    with stack:
        yield stack


@pytest.fixture(name="world")
def world_fixture(
    request: pytest.FixtureRequest, stack: LocalStack, tmp_path: Path
) -> Iterator[World]:
    with running(stack, tmp_path) as world:
        if isinstance(stack, SharedKafkaStack):
            node = request.getfixturevalue("kafka")
            if node.local is not None:
                world.folders = [*world.folders, node.local.log_file.parent]
        yield world


@contextmanager
def running(
    stack: LocalStack, tmp_path: Path, *, lasts: timedelta = timedelta(hours=1)
) -> Iterator[World]:
    """The keeper and a gallery on a stack, with everything in force."""
    galleries = tmp_path / "galleries"
    galleries.mkdir()

    def gallery(platform: Platform) -> Service:
        return GalleryService(platform, galleries)

    settings = KeeperSettings(turn_every_s=0.1, sweep_every_s=0.5, close_again_s=0.2)
    services = {
        "matching": gallery,
        "keeper": lambda platform: keeper.build(platform, settings),
    }
    with hosted(stack, services) as running_services, ExitStack() as last:
        platform = stack.platform()
        last.callback(platform.close)
        until(
            lambda: all(service.is_live() for service in running_services.values()),
            "the keeper writes",
        )
        session = session_on(platform, stack.folder)
        world = _populated(session, galleries, [stack.folder.root, galleries], lasts)
        until(lambda: _in_force(world), "the watchlist in force")
        yield world


def _in_force(world: World) -> bool:
    states = read_all(world.session.platform, WatchlistState)
    return any(state.entries == _KNOWN for state in states)


def _populated(
    session: Session, galleries: Path, folders: Sequence[Path], lasts: timedelta
) -> World:
    platform = session.platform
    generator = np.random.default_rng()
    # Of length 1 exactly, so that no gallery changes a bit of them.
    signs = generator.choice([-0.125, 0.125], (_KNOWN, _DIM)).astype("<f4")
    templates = [row.tobytes() for row in signs]
    chips = [generator.bytes(_CHIP * _CHIP * 3) for _ in range(_KNOWN)]
    deployment_id = "d-1"
    _enrol(session, deployment_id, templates)
    opened = session.control.open(
        DeploymentPlan(
            deployment_id=deployment_id,
            cameras=("camera-1",),
            duration=lasts,
            target_fpir=0.001,
            pack_name="mobile",
            pack_sha256=_PACK,
        )
    )
    note_window(session, opened)
    issuer = platform.issuer(purpose="face", ttl=timedelta(minutes=2))
    keys = issuer.make(deployment_id, _KNOWN)
    face = example(Face, "face/first_shot")
    for number, (chip, key) in enumerate(zip(chips, keys, strict=True)):
        name = f"face-{number}"
        sealed = seal(key, chip, what="chip", whose=name)
        platform.emit(
            replace(face, deployment_id=deployment_id, face_id=name, chip=sealed, thumbnail=sealed)
        )
    return World(
        session=session,
        galleries=galleries,
        folders=folders,
        deployment_id=deployment_id,
        templates=templates,
        chips=chips,
        keys=keys,
    )


def _enrol(session: Session, deployment_id: str, templates: Sequence[bytes]) -> None:
    platform = session.platform
    key = platform.vault.get_or_create(f"watchlist/{deployment_id}")
    now = platform.clock()
    category, response = Category.MISSING_AT_RISK, Response.AMBER
    for number, template in enumerate(templates):
        reference = f"P-{number}"
        name = entry_id(deployment_id, reference)
        entry = WatchlistEntry(
            deployment_id=deployment_id,
            entry_id=name,
            action=WatchlistAction.ENROL,
            category=category,
            response=response,
            pack_sha256=_PACK,
            templates=(seal(key, template, what="watchlist-template", whose=name),),
            issued_at=now,
            signature=UNSIGNED,
        )
        platform.emit(session.control.sign(entry))
        person = Person(
            reference=reference,
            name="",
            category=category,
            response=response,
            reason="test",
            image_jpeg=template,
        )
        session.people.put(deployment_id, name, person)
        member = Member(reference=reference, category=category, enrolled_at=now)
        session.ledger.enrolled(deployment_id, [member])


def broken(report: ClosureReport) -> list[str]:
    return [finding.what for finding in report.findings if not finding.holds]


def test_after_the_close_the_certificate_is_proved_and_no_known_byte_is_anywhere(
    world: World,
) -> None:
    # The search finds what is there: while it is in force, the gallery holds its templates in the clear.
    assert world.found(world.templates)
    assert broken(world.verify())

    certificate = world.close()

    assert certificate.state is PurgeState.COMPLETE
    assert certificate.entries == _KNOWN
    report = world.verify()
    assert broken(report) == []
    assert report.proved
    assert report.certificate == certificate
    assert world.found([*world.templates, *world.chips]) == []
    assert list(world.galleries.glob("*/lookout-*")) == []
    assert not any(world.session.platform.keyring.alive([key.key_id for key in world.keys]))
    names = world.session.platform.vault.names()
    assert not [name for name in names if world.deployment_id in name]


def test_who_was_on_it_is_still_known_without_a_picture(world: World) -> None:
    world.close()

    (entry,) = world.session.ledger.find("P-3")

    assert entry.deployment_id == world.deployment_id
    assert entry.member.category is Category.MISSING_AT_RISK
    assert entry.opens_at is not None
    assert entry.closes_at is not None
    assert entry.opens_at <= entry.closes_at <= world.session.platform.clock()
    assert world.session.ledger.find("P-9") == []


def test_every_sabotage_of_a_closed_deployment_is_named(world: World) -> None:
    world.close()
    platform = world.session.platform
    assert world.verify().proved

    platform.vault.create(f"watchlist/{world.deployment_id}")
    assert broken(world.verify()) == [f"the vault still has key watchlist/{world.deployment_id}"]
    platform.vault.destroy(f"watchlist/{world.deployment_id}")

    (world.galleries / "lookout-gallery-x" / f"lookout-{world.deployment_id}").mkdir(parents=True)
    (told,) = broken(world.verify())
    assert "gallery files are left" in told
    (world.galleries / "lookout-gallery-x" / f"lookout-{world.deployment_id}").rmdir()

    (key,) = platform.issuer(purpose="face", ttl=timedelta(minutes=2)).make(world.deployment_id, 1)
    assert any("of its keys are alive" in what for what in broken(world.verify()))
    assert platform.keyring.alive([key.key_id]) == [True]


def test_a_record_that_reappears_is_found(world: World) -> None:
    world.close()
    platform = world.session.platform
    face = replace(example(Face, "face/first_shot"), deployment_id=world.deployment_id)

    platform.emit(face)

    (told,) = broken(world.verify())
    assert told.startswith(f"1 records of it are on {platform.topic(Face)}")


def test_a_certificate_that_was_tampered_with_is_found(world: World) -> None:
    certificate = world.close()
    platform = world.session.platform

    platform.emit(replace(certificate, revision=certificate.revision + 1, entries=4))

    (told,) = broken(world.verify())
    assert told.endswith("is not signed by a listed keeper")
    assert world.verify().certificate == certificate


def test_a_certificate_signed_by_somebody_who_may_not_is_none(world: World) -> None:
    platform = world.session.platform
    forged = replace(
        example(PurgeCertificate, "purge_certificate/complete"),
        deployment_id=world.deployment_id,
    )

    platform.emit(forged)

    assert certificates(platform, world.deployment_id) == []
    assert "there is no certificate of its purge" in broken(world.verify())


def test_a_window_that_ends_by_itself_is_purged_and_proved(
    stack: LocalStack, tmp_path: Path
) -> None:
    with running(stack, tmp_path, lasts=timedelta(seconds=3)) as world:
        certificate = world.certified()

        assert certificate.state is PurgeState.COMPLETE
        (deployment,) = world.session.control.deployments()
        assert certificate.closed_at == deployment.closes_at
        # The files of people are left, and no key opens them.
        (told,) = broken(world.verify())
        assert "are left in the store: run `lookout purge`" in told
        world.session.people.purge(world.deployment_id)
        assert world.verify().proved


def test_another_deployment_in_force_keeps_its_records_and_holds_up_the_certificate(
    world: World,
) -> None:
    session = world.session
    other = "d-2"
    _enrol(session, other, world.templates[:1])
    second = session.control.open(
        DeploymentPlan(
            deployment_id=other,
            cameras=("camera-2",),
            duration=timedelta(hours=1),
            target_fpir=0.001,
            pack_name="mobile",
            pack_sha256=_PACK,
        )
    )
    late = example(Face, "face/first_shot")
    platform = session.platform
    for deployment_id in (other, world.deployment_id):
        platform.emit(replace(late, deployment_id=deployment_id))

    first = world.close()

    assert first.state is PurgeState.INCOMPLETE
    assert "stay behind those of a deployment that is not over" in first.missing[0]
    assert [face.deployment_id for face in read_all(platform, Face)] == [
        other,
        world.deployment_id,
    ]
    assert [entry.deployment_id for entry in read_all(platform, WatchlistEntry)] == [other]

    end(session, second.deployment_id)
    until(
        lambda: certificates(platform, world.deployment_id)[-1].state is PurgeState.COMPLETE,
        "the first deployment's certificate, complete",
    )
    assert read_all(platform, Face) == []
