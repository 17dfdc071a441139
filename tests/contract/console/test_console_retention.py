"""What ends by itself, what is held back, and what nobody can open afterwards."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from lookout.events import UNSIGNED, PurgeCertificate, PurgeState, Signature
from lookout.sealing.ports import KeyGoneError
from lookout_console.domain.deployments import Step
from lookout_console.domain.errors import (
    BadInputError,
    ConflictError,
    NotAllowedError,
    UnknownError,
    WrongStateError,
)
from lookout_console.domain.roles import Role
from lookout_console.store.tables import alerts, entries
from sqlalchemy import select
from support.console_world import World, drawn_face, row_of


def _end(world: World, deployment_id: str) -> None:
    step = world.office.deployments.step
    step(world.actors[Role.COMMANDER], deployment_id, Step.END, "the shift is over")


def test_evidence_is_sealed_under_its_days_key_and_opens_until_the_day_runs_out(
    world: World,
) -> None:
    picture = drawn_face(5)
    alert_id = world.alert(world.live(), picture=picture)
    commander = world.actors[Role.COMMANDER]
    assert world.office.alerts.picture(commander, alert_id, "seen") == picture
    world.clock.ahead = timedelta(days=29)
    world.office.retention.turn()
    assert world.office.alerts.get(alert_id).has_picture
    world.clock.ahead = timedelta(days=31)
    world.office.retention.turn()
    assert not world.office.alerts.get(alert_id).has_picture
    assert not [n for n in world.office.desk.vault.names() if n.startswith("evidence/")]
    assert world.office.desk.audit.page(action="evidence.erase")
    with pytest.raises(UnknownError):
        world.office.alerts.picture(commander, alert_id, "seen")


def test_a_copy_of_the_sealed_evidence_opens_for_nobody_after_its_key_is_destroyed(
    world: World,
) -> None:
    alert_id = world.alert(world.live())
    with world.office.desk.store.look() as connection:
        copy = connection.execute(select(alerts.c.sealed, alerts.c.sealed_under)).one()
    world.clock.ahead = timedelta(days=31)
    world.office.retention.turn()
    with pytest.raises(KeyGoneError):
        world.office.desk.open(copy[1], copy[0], what="seen", whose=alert_id)


def test_held_evidence_outlives_its_day_until_it_is_released(world: World) -> None:
    picture = drawn_face(6)
    alert_id = world.alert(world.live(), picture=picture)
    authorising = world.actors[Role.AUTHORISING_OFFICER]
    retention = world.office.retention
    with pytest.raises(BadInputError):
        retention.hold(authorising, alert_id, " ")
    with pytest.raises(NotAllowedError):
        retention.hold(world.actors[Role.LFR_OPERATOR], alert_id, "complaint")
    retention.hold(authorising, alert_id, "a complaint was made")
    with pytest.raises(ConflictError):
        retention.hold(authorising, alert_id, "again")
    world.clock.ahead = timedelta(days=90)
    retention.turn()
    assert world.office.alerts.picture(world.actors[Role.COMMANDER], alert_id, "seen") == picture
    retention.release(authorising, alert_id, "the complaint is settled")
    assert not world.office.alerts.get(alert_id).has_picture
    with pytest.raises(WrongStateError):
        retention.hold(authorising, alert_id, "too late")
    recorded = [line.action for line in world.office.desk.audit.page(action="evidence.")]
    assert recorded == ["evidence.release", "evidence.hold"]


def test_people_are_forgotten_a_day_after_the_end_reviewed_or_not(world: World) -> None:
    deployment_id = world.live()
    _end(world, deployment_id)
    world.clock.ahead = timedelta(hours=23)
    world.office.retention.turn()
    assert world.office.watchlists.overview(deployment_id).count == 1
    world.clock.ahead = timedelta(hours=24, seconds=5)
    world.office.retention.turn()
    world.office.retention.turn()
    assert world.office.watchlists.overview(deployment_id).count == 0
    assert len(world.office.desk.audit.page(action="people.erase")) == 1
    assert f"people/{deployment_id}" not in world.office.desk.vault.names()


def test_templates_open_for_nobody_from_the_end_on(world: World) -> None:
    deployment_id = world.live()
    world.office.desk.vault.get_or_create(f"watchlist/{deployment_id}")
    _end(world, deployment_id)
    assert f"watchlist/{deployment_id}" not in world.office.desk.vault.names()


def test_the_ledger_answers_after_the_people_are_gone_and_names_nobody(world: World) -> None:
    deployment_id = world.live()
    _end(world, deployment_id)
    world.clock.ahead = timedelta(hours=25)
    world.office.retention.turn()
    auditor = world.actors[Role.AUDITOR]
    ((found, category, _),) = world.office.watchlists.asked(auditor, " Reference-17", "a request")
    assert (found, category) == (deployment_id, "wanted_by_courts")
    assert world.office.watchlists.asked(auditor, "reference-18", "a request") == ()
    asked = world.office.desk.audit.page(action="membership.ask")
    assert not [line for line in asked if "reference-17" in line.subject.lower()]


def test_names_reasons_and_pictures_are_nowhere_in_the_store_unsealed(
    tmp_path: Path, world: World, url: str
) -> None:
    picture = drawn_face(7)
    deployment_id = world.live(
        rows=[row_of("reference-17", name="Zweigelt Traminer", reason="vermilion grounds")]
    )
    world.alert(deployment_id, picture=picture)
    needles = [b"Zweigelt", b"vermilion", picture[200:260]]
    if url.startswith("sqlite"):
        kept = b"".join(path.read_bytes() for path in tmp_path.glob("console.db*"))
    else:
        with world.office.desk.store.look() as connection:
            rows = [
                *connection.execute(select(entries)).all(),
                *connection.execute(select(alerts)).all(),
            ]
        kept = repr(rows).encode("latin-1", "replace") + b"".join(
            bytes(cell) for row in rows for cell in row if isinstance(cell, bytes | memoryview)
        )
    assert not [needle for needle in needles if needle in kept]


def _a_certificate(
    deployment_id: str, revision: int, state: PurgeState, at: datetime
) -> PurgeCertificate:
    return PurgeCertificate(
        deployment_id=deployment_id,
        revision=revision,
        state=state,
        closed_at=at,
        purged_at=at,
        entries=1,
        watchlist_hash="ab",
        deleted=(),
        keys_issued=10,
        keys_ended=(),
        keys_held=0,
        chain_sequence=1,
        chain_hash=b"",
        missing=("evidence waits",) if state is PurgeState.INCOMPLETE else (),
        signature=Signature(signer="keeper", value=UNSIGNED.value),
    )


def test_the_latest_certificate_of_a_purge_is_kept_once(world: World) -> None:
    deployment_id, now = world.live(), world.clock()
    retention = world.office.retention
    assert retention.certificate(deployment_id) is None
    first = _a_certificate(deployment_id, 1, PurgeState.INCOMPLETE, now)
    last = _a_certificate(deployment_id, 2, PurgeState.COMPLETE, now)
    for certificate in (first, last, first, last):
        retention.certified(certificate)
    found = retention.certificate(deployment_id)
    assert found is not None
    assert (found.revision, found.state, found.missing) == (2, "complete", ())
    assert len(world.office.desk.audit.page(action="deployment.certified")) == 2
