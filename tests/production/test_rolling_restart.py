"""Every service replaced in turn while people pass: each planted pass is alerted once, and every key is accounted for."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from lookout.events import Alert, Deployment, ErasureReason
from lookout_cli.accounts import Tally, tally
from lookout_cli.control import read_all
from lookout_cli.demo.opening import open_deployment
from lookout_cli.demo.run import rows_of
from lookout_cli.local.ports import free_ports
from lookout_cli.soak.load import Load, SyntheticPassers
from lookout_cli.stack.services import orders
from sqlalchemy import create_engine, text
from support.console_tokens import officers_of
from support.debian_packages import need_programs
from support.fleet import Fleet
from support.kafka_node import KafkaNode
from support.pipeline import SharedKafkaStack, require_redis
from support.planted import Pass, Planter
from support.polling import until
from support.postgres_node import running_postgres
from support.previous_release import previous_release
from support.scene import CAMERA, Scene, compose_scene, pulled_models

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.redis,
    pytest.mark.models,
    pytest.mark.faces,
    pytest.mark.timeout(900),
]

_STREET = "street-2"
_PICTURES_A_SECOND = 6.0
# Shorter than from one planted pass to the next, so that each is an alert of its own.
_GAP_S = "3"
# This machine may be busy with other things: what is late here is late by its load, and is none of this test's concern.
_PATIENT: Mapping[str, Mapping[str, str]] = {
    "detection": {"LOOKOUT_DETECTION_FRESHNESS_S": "20", "LOOKOUT_DETECTION_SHED_AFTER_S": "10"},
    "embedding": {"LOOKOUT_EMBEDDING_FRESHNESS_S": "30"},
    "matching": {"LOOKOUT_MATCHING_FRESHNESS_S": "60"},
    "alerting": {"LOOKOUT_ALERTING_GAP_S": _GAP_S},
}
_ALONE = ("keeper", "capture")
# From the stream's end to its beginning.
_BESIDE = ("console", "alerting", "matching", "embedding", "detection")
_LOAD = Load(passes=100_000, per_second=5, chip_size=112)
_SETTLE_S = 90.0
_PASS_WITHIN_S = 60.0
_READY_S = 60.0
_STANDSTILL = timedelta(seconds=1)
_MOSTLY = 0.8
# Pictures of the scene in which strangers alone are to be seen.
_STRANGERS_FROM = 24
_AROUND = 2
"""The fewest whole passes before, and again after, each replacement."""


@pytest.fixture(name="scene", scope="module")
def scene_fixture(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    models = pulled_models(tmp_path_factory.mktemp("models"))
    return compose_scene(models, tmp_path_factory.mktemp("scene"))


@dataclass(frozen=True, slots=True)
class _World:
    """Everything that runs."""

    stack: SharedKafkaStack
    fleet: Fleet
    database: str
    deployment_id: str


def test_a_rolling_restart_of_every_service_under_load_loses_and_doubles_no_alert(
    kafka: KafkaNode, scene: Scene, tmp_path: Path, figures: Callable[[str, object], None]
) -> None:
    require_redis()
    with _world(kafka, scene, tmp_path, Path(sys.executable)) as world:
        _replace_under_load(world, scene, _Told("rolling restart", figures))


def test_an_upgrade_from_the_previous_release_loses_and_doubles_no_alert_with_both_side_by_side(
    kafka: KafkaNode, scene: Scene, tmp_path: Path, figures: Callable[[str, object], None]
) -> None:
    """Along the stream from its end to its beginning: each new service reads what the old one before it writes."""
    require_redis()
    old = previous_release(tmp_path / "previous")
    with _world(kafka, scene, tmp_path, old.python) as world:
        figures("upgrade: from revision", old.revision)
        world.fleet.python = Path(sys.executable)
        _replace_under_load(world, scene, _Told("upgrade", figures))


@dataclass(frozen=True, slots=True)
class _Told:
    """Figures under one heading."""

    heading: str
    figures: Callable[[str, object], None]

    def __call__(self, name: str, value: object) -> None:
        self.figures(f"{self.heading}: {name}", value)


def _replace_under_load(world: _World, scene: Scene, tell: _Told) -> None:
    platform = world.stack.platform("planter")
    try:
        deployment = next(
            one
            for one in read_all(platform, Deployment)
            if one.deployment_id == world.deployment_id
        )
        planter = Planter(
            platform=platform, deployment=deployment, camera=CAMERA,
            footage=scene.footage, fps=_PICTURES_A_SECOND,
        )  # fmt: skip
        passers = SyntheticPassers(platform=platform, deployment=deployment, load=_LOAD)
        planter.start()
        passers.start()
        try:
            _replace_all(world, planter, tell)
        finally:
            planted = planter.stop()
            passers.stop()
        world.fleet.end("capture")
        tell("frames planted", planter.frames)
        tell("synthetic passers beside them", passers.sent)
        _check(world, planted, _settled(world), tell)
    finally:
        platform.close()


def _replace_all(world: _World, planter: Planter, tell: _Told) -> None:
    _wait_passes(planter, _AROUND)
    for service in (*_BESIDE, *_ALONE):
        replace = world.fleet.replace_alone if service in _ALONE else world.fleet.replace_beside
        more = {"LOOKOUT_CONSOLE_PORT": str(free_ports(1)[0])} if service == "console" else {}
        done = replace(service, **more)
        assert done.exit_code == 0, f"{service} did not drain: it ended with {done.exit_code}"
        tell(
            service,
            f"new one up in {done.up_s:.1f} s, old one drained in {done.drained_s:.1f} s, exit 0",
        )
        _wait_passes(planter, len(planter.passes()) + _AROUND)


def _wait_passes(planter: Planter, count: int) -> None:
    until(lambda: len(planter.passes()) >= count, f"{count} planted passes", _PASS_WITHIN_S * count)


def _settled(world: _World) -> Tally:
    """The account once nothing is under way."""
    platform = world.stack.platform("counter")
    found: list[Tally] = []

    def settled() -> bool:
        found[:] = [tally(platform, world.deployment_id)]
        keys = found[0].keys
        return not keys.alive and not keys.pending and not keys.unaccounted

    try:
        until(settled, "an account of every key", _SETTLE_S)
    finally:
        platform.close()
    return found[0]


def _check(world: _World, planted: Sequence[Pass], counted: Tally, tell: _Told) -> None:
    by_pass = Counter(_pass_of(alert, planted) for alert in counted.alerts)
    # Where this machine stood still in the middle of a pass, nobody can tell that it is one person who passes.
    whole = [one.longest_gap <= _STANDSTILL for one in planted]
    lost = [number for number in range(len(planted)) if whole[number] and by_pass[number] == 0]
    doubled = [number for number in range(len(planted)) if by_pass[number] > 1]
    tell(
        "passes planted",
        f"{len(planted)}, {whole.count(False)} of them torn by a standstill of this machine",
    )
    tell(
        "alerts",
        f"{len(counted.alerts)}, lost {len(lost)}, doubled {len(doubled)}",
    )
    keys = counted.keys
    tell(
        "keys by reason", ", ".join(f"{reason} {count}" for reason, count in keys.destroyed.items())
    )
    tell(
        "keys",
        f"made {keys.made}, destroyed {sum(keys.destroyed.values())}, expired {keys.expired}, "
        f"alive {keys.alive}, unaccounted {keys.unaccounted}",
    )
    assert not lost, f"passes without an alert: {lost} of {len(planted)}"
    assert not doubled, f"passes alerted more than once: {doubled} of {len(planted)}"
    assert by_pass[None] == 0, "alerts of nobody's pass"
    assert keys.made == sum(keys.destroyed.values()) + keys.expired
    assert whole.count(True) >= _MOSTLY * len(planted), "this machine is too busy to tell"
    assert keys.destroyed[ErasureReason.EVIDENCE_TAKEN] >= len(counted.alerts)
    kept = _at_the_console(world)
    assert kept == Counter({alert.alert_id: 1 for alert in counted.alerts})
    tell("alerts kept by the console", sum(kept.values()))


def _pass_of(alert: Alert, planted: Sequence[Pass]) -> int | None:
    return next(
        (
            number
            for number, one in enumerate(planted)
            if one.began <= alert.captured_at <= one.ended
        ),
        None,
    )


def _at_the_console(world: _World) -> Counter[str]:
    engine = create_engine(world.database)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT alert_id FROM alerts")).all()
    engine.dispose()
    return Counter(str(row[0]) for row in rows)


@contextmanager
def _world(kafka: KafkaNode, scene: Scene, folder: Path, python: Path) -> Iterator[_World]:
    need_programs(psql="postgresql")
    stack = SharedKafkaStack(node=kafka, folder=folder / "state", models=scene.models)
    with running_postgres() as postgres, postgres.database() as database, stack:
        (port,) = free_ports(1)
        told = {
            "console": {
                "LOOKOUT_CONSOLE_DATABASE_URL": database,
                "LOOKOUT_CONSOLE_PORT": str(port),
            },
            "capture": {
                "LOOKOUT_CAPTURE_CAMERAS": f"{_STREET}=folder:{_strangers(scene, folder)}",
                "LOOKOUT_CAPTURE_LOOP": "true",
                "LOOKOUT_CAPTURE_FPS": "2",
            },
        }
        services, _ = orders(with_console=True)
        fleet = Fleet(
            {
                service: {
                    **stack.environment(service, 0),
                    **_PATIENT.get(service, {}),
                    **told.get(service, {}),
                }
                for service in services
            },
            stack.folder.logs,
            python,
        )
        try:
            for service in services:
                fleet.start(service)
            for service in services:
                fleet.wait_up(fleet.now[service])
            with officers_of(python, database, f"http://127.0.0.1:{port}") as officers:
                deployment_id = open_deployment(
                    officers, rows_of(scene.watchlist), (CAMERA, _STREET),
                    target_fpir=0.001, say=lambda _: None,
                )  # fmt: skip
                for service in services:
                    _wait_ready(fleet, service)
                yield _World(stack, fleet, database, deployment_id)
        finally:
            fleet.stop()


def _wait_ready(fleet: Fleet, service: str) -> None:
    until(lambda: not fleet.now[service].why_not_ready(), f"{service} ready", _READY_S)


def _strangers(scene: Scene, folder: Path) -> Path:
    street = folder / "street"
    street.mkdir()
    for picture in sorted(scene.footage.glob("*.jpg"))[_STRANGERS_FROM:]:
        (street / picture.name).symlink_to(picture)
    return street
