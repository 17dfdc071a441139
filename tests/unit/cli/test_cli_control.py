"""The control plane opens deployments over what was enrolled for them, and ends them for good."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from lookout.authority import why_not_in_force
from lookout.events import (
    UNSIGNED,
    Category,
    DeploymentState,
    Response,
    WatchlistAction,
    WatchlistEntry,
)
from lookout.hosting.authority import signature_check
from lookout.sealing.ports import KeyGoneError
from lookout.watchlist import content_hash
from lookout_cli.control import ControlError, DeploymentPlan, read_all
from lookout_cli.session import Session
from support.pipeline import memory_session, raw_messages, send_raw
from support.scene import CAMERA

_PACK = "a" * 64
_PLAN = DeploymentPlan(
    deployment_id="deployment-1",
    cameras=(CAMERA,),
    duration=timedelta(hours=1),
    target_fpir=0.001,
    pack_name="mobile",
    pack_sha256=_PACK,
)


@pytest.fixture(name="session")
def session_fixture(tmp_path: Path) -> Iterator[Session]:
    with memory_session(tmp_path / "state") as session:
        yield session


def _entry(
    session: Session,
    *,
    entry_id: str = "entry-1",
    pack: str = _PACK,
    action: WatchlistAction = WatchlistAction.ENROL,
) -> WatchlistEntry:
    enrolled = action is WatchlistAction.ENROL
    entry = WatchlistEntry(
        deployment_id=_PLAN.deployment_id,
        entry_id=entry_id,
        action=action,
        category=Category.WITNESS if enrolled else None,
        response=Response.GREEN if enrolled else None,
        pack_sha256=pack,
        templates=(),
        issued_at=session.platform.clock(),
        signature=UNSIGNED,
    )
    signed = session.control.sign(entry)
    session.platform.emit(signed)
    return signed


def test_an_empty_watchlist_is_refused_and_nothing_is_published(session: Session) -> None:
    with pytest.raises(ControlError, match="has no watchlist: enrol one"):
        session.control.open(_PLAN)

    assert session.control.deployments() == []


def test_a_watchlist_of_withdrawals_only_counts_as_empty(session: Session) -> None:
    _entry(session, action=WatchlistAction.WITHDRAW)

    with pytest.raises(ControlError, match="has no watchlist"):
        session.control.open(_PLAN)


def test_a_watchlist_of_another_deployment_does_not_count(session: Session) -> None:
    _entry(session)

    with pytest.raises(ControlError, match="has no watchlist"):
        session.control.open(replace(_PLAN, deployment_id="deployment-2"))


def test_a_watchlist_enrolled_with_another_pack_is_refused(session: Session) -> None:
    _entry(session)
    _entry(session, entry_id="entry-2", pack="b" * 64)

    with pytest.raises(ControlError, match="another model pack"):
        session.control.open(_PLAN)


def test_an_opened_deployment_is_in_force_over_its_watchlist_and_says_that_it_is_a_demonstration(
    session: Session,
) -> None:
    entry = _entry(session)

    opened = session.control.open(_PLAN)

    assert list(session.control.deployments()) == [opened]
    assert opened.watchlist_hash == content_hash([entry])
    assert opened.demonstration
    assert why_not_in_force(opened, opened.opens_at) is None
    assert opened.closes_at - opened.opens_at == _PLAN.duration
    assert session.control.only_live(opened.opens_at) == opened


def test_what_it_writes_is_signed_as_services_check_it(session: Session) -> None:
    platform = session.platform
    entry = _entry(session)
    opened = session.control.open(_PLAN)

    for event in (entry, opened):
        (message,) = raw_messages(platform, type(event))
        for demonstration in (True, False):
            check = signature_check(platform.codec, platform.trust, demonstration=demonstration)
            assert check(message, event) is demonstration


def test_a_closed_deployment_has_ended_and_its_watchlists_key_is_destroyed(
    session: Session,
) -> None:
    name = f"watchlist/{_PLAN.deployment_id}"
    session.platform.vault.create(name)
    _entry(session)
    session.control.open(_PLAN)

    ended = session.control.close(_PLAN.deployment_id)

    assert ended.state is DeploymentState.ENDED
    assert list(session.control.deployments()) == [ended]
    with pytest.raises(KeyGoneError):
        session.platform.vault.get(name)
    with pytest.raises(ControlError, match="is over and purged"):
        session.control.open(_PLAN)
    with pytest.raises(ControlError, match="0 deployments are in force"):
        session.control.only_live(session.platform.clock())


def test_a_deployment_that_nobody_opened_cannot_be_closed(session: Session) -> None:
    with pytest.raises(ControlError, match="no deployment deployment-1"):
        session.control.close(_PLAN.deployment_id)


def test_of_two_deployments_in_force_one_must_be_named(session: Session) -> None:
    entry = _entry(session)
    other = replace(entry, deployment_id="deployment-2")
    session.platform.emit(session.control.sign(other))
    session.control.open(_PLAN)
    session.control.open(replace(_PLAN, deployment_id="deployment-2"))

    with pytest.raises(ControlError, match="2 deployments are in force"):
        session.control.only_live(session.platform.clock())


def test_what_cannot_be_read_is_left_out_of_a_topic(session: Session) -> None:
    assert read_all(session.platform, WatchlistEntry) == []
    send_raw(session.platform, session.platform.topic(WatchlistEntry), b"garbage")
    entry = _entry(session)

    assert list(read_all(session.platform, WatchlistEntry)) == [entry]


def test_a_deployment_renewed_keeps_its_window_and_covers_the_watchlist_as_it_is_now(
    session: Session,
) -> None:
    first = _entry(session)
    opened = session.control.open(_PLAN)
    second = _entry(session, entry_id="entry-2")
    renewed = session.control.renew(_PLAN.deployment_id)
    assert renewed.watchlist_hash == content_hash([first, second])
    assert (
        replace(
            renewed,
            watchlist_hash=opened.watchlist_hash,
            updated_at=opened.updated_at,
            signature=opened.signature,
        )
        == opened
    )
    assert renewed.signature != opened.signature
    assert session.control.latest(_PLAN.deployment_id) == renewed


def test_a_deployment_that_nobody_opened_or_that_is_over_is_not_renewed(session: Session) -> None:
    with pytest.raises(ControlError, match="no deployment"):
        session.control.renew(_PLAN.deployment_id)
    _entry(session)
    session.control.open(_PLAN)
    session.control.close(_PLAN.deployment_id)
    with pytest.raises(ControlError, match="is over"):
        session.control.renew(_PLAN.deployment_id)
