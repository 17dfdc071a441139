"""Deployments in the store: authority, the stop, the hard end, and what the services are told of it."""

from datetime import timedelta

import pytest
from lookout.events import Deployment, DeploymentState, WatchlistAction, WatchlistEntry
from lookout.sealing.ports import KeyGoneError
from lookout.watchlist import content_hash
from lookout_console.actions.deployments import Deployments
from lookout_console.domain.deployments import Stage, Step
from lookout_console.domain.errors import (
    AuditLostError,
    BadInputError,
    NotAllowedError,
    WrongStateError,
)
from lookout_console.domain.roles import Role
from support.console_world import PACK, World, row_of


def _told(world: World) -> list[Deployment]:
    return [event for event in world.control.events if isinstance(event, Deployment)]


def _records(world: World) -> list[WatchlistEntry]:
    return [event for event in world.control.events if isinstance(event, WatchlistEntry)]


def _stage(world: World, deployment_id: str) -> Stage:
    return world.office.deployments.get(deployment_id).stage


def test_nothing_is_told_to_the_services_before_it_is_live(world: World) -> None:
    deployment_id = world.office.deployments.draft(world.actors[Role.COMMANDER], world.plan())
    world.listed(deployment_id, [row_of("reference-17")])
    world.office.watchlists.freeze(world.actors[Role.WATCHLIST_OFFICER], deployment_id)
    step = world.office.deployments.step
    step(world.actors[Role.COMMANDER], deployment_id, Step.APPLY, "necessary")
    step(world.actors[Role.AUTHORISING_OFFICER], deployment_id, Step.AUTHORISE, "agreed")
    assert world.control.events == []


def test_going_live_sends_the_list_and_then_the_authority_over_exactly_that_list(
    world: World,
) -> None:
    world.live(rows=[row_of("reference-17"), row_of("reference-18")])
    *records, deployment = world.control.events
    assert isinstance(deployment, Deployment)
    entries = [record for record in records if isinstance(record, WatchlistEntry)]
    assert len(entries) == len(records) == 2
    assert all(entry.action is WatchlistAction.ENROL for entry in entries)
    assert deployment.state is DeploymentState.LIVE
    assert deployment.watchlist_hash == content_hash(entries)


def test_the_applicant_cannot_authorise_with_both_roles(world: World) -> None:
    both = world.account(Role.COMMANDER, 2)
    both = type(both)(
        account_id=both.account_id,
        shown=both.shown,
        roles=frozenset({Role.COMMANDER, Role.AUTHORISING_OFFICER}),
    )
    deployment_id = world.office.deployments.draft(world.actors[Role.COMMANDER], world.plan())
    world.listed(deployment_id, [row_of("reference-17")])
    world.office.watchlists.freeze(world.actors[Role.WATCHLIST_OFFICER], deployment_id)
    world.office.deployments.step(both, deployment_id, Step.APPLY, "necessary")
    with pytest.raises(NotAllowedError):
        world.office.deployments.step(both, deployment_id, Step.AUTHORISE, "agreed")
    assert _stage(world, deployment_id) is Stage.APPLIED


@pytest.mark.parametrize("role", [Role.COMMANDER, Role.AUTHORISING_OFFICER])
def test_any_command_role_stops_it_with_a_reason_and_the_services_are_told_at_once(
    world: World, role: Role
) -> None:
    deployment_id = world.live()
    with pytest.raises(BadInputError):
        world.office.deployments.step(world.actors[role], deployment_id, Step.STOP, " ")
    world.office.deployments.step(world.actors[role], deployment_id, Step.STOP, "a crowd surge")
    assert _told(world)[-1].state is DeploymentState.STOPPED
    assert world.office.desk.audit.page(action="deployment.stop")[0].reason == "a crowd surge"


def test_the_window_ends_it_whoever_is_at_the_console(world: World) -> None:
    deployment_id = world.live()
    world.clock.ahead = timedelta(hours=6, seconds=1)
    world.office.deployments.end_overdue()
    assert _stage(world, deployment_id) is Stage.ENDED
    assert _told(world)[-1].state is DeploymentState.ENDED
    with pytest.raises(WrongStateError):
        world.office.deployments.step(
            world.actors[Role.COMMANDER], deployment_id, Step.GO_LIVE, "again"
        )


def test_a_longer_window_needs_another_authority(world: World) -> None:
    deployment_id = world.live()
    commander = world.actors[Role.COMMANDER]
    world.office.deployments.step(commander, deployment_id, Step.STOP, "pause")
    later = world.plan().closes_at + timedelta(hours=2)
    world.office.deployments.extend(commander, deployment_id, later, "the event is late")
    with pytest.raises(WrongStateError):
        world.office.deployments.step(commander, deployment_id, Step.GO_LIVE, "go on")
    known = world.office.deployments.get(deployment_id)
    assert (known.stage, known.standing.authorised_by) == (Stage.APPLIED, "")


def test_adding_to_the_list_after_authority_voids_it(world: World) -> None:
    deployment_id = world.live()
    commander = world.actors[Role.COMMANDER]
    world.office.deployments.step(commander, deployment_id, Step.STOP, "one more")
    world.listed(deployment_id, [row_of("reference-19")])
    world.office.watchlists.freeze(world.actors[Role.WATCHLIST_OFFICER], deployment_id)
    with pytest.raises(WrongStateError):
        world.office.deployments.step(commander, deployment_id, Step.GO_LIVE, "go on")
    world.office.deployments.step(
        world.actors[Role.AUTHORISING_OFFICER], deployment_id, Step.AUTHORISE, "agreed anew"
    )
    assert world.office.deployments.step(commander, deployment_id, Step.GO_LIVE, "on") is Stage.LIVE
    assert _told(world)[-1].watchlist_hash == content_hash(_records(world))


@pytest.mark.parametrize("step", [Step.WITHDRAW_AUTHORITY, Step.REFUSE])
def test_an_authority_refused_or_withdrawn_ends_and_purges_everything_tied_to_it(
    world: World, step: Step
) -> None:
    deployments = world.office.deployments
    authorising = world.actors[Role.AUTHORISING_OFFICER]
    if step is Step.REFUSE:
        deployment_id = deployments.draft(world.actors[Role.COMMANDER], world.plan())
        world.listed(deployment_id, [row_of("reference-17")])
        deployments.step(world.actors[Role.COMMANDER], deployment_id, Step.APPLY, "necessary")
    else:
        deployment_id = world.live()
        world.alert(deployment_id)
    deployments.step(authorising, deployment_id, step, "the grounds do not hold")
    assert _told(world)[-1].state is DeploymentState.ENDED
    vault = world.office.desk.vault
    assert not [name for name in vault.names() if deployment_id in name]
    with pytest.raises(KeyGoneError):
        vault.get(f"people/{deployment_id}")
    assert all(not one.has_picture for one in world.office.alerts.all(deployment_id))
    assert world.office.watchlists.overview(deployment_id).count == 0


def test_a_purge_forgets_the_people_and_leaves_evidence_to_its_own_time(world: World) -> None:
    deployment_id = world.live()
    alert_id = world.alert(deployment_id)
    commander, authorising = world.actors[Role.COMMANDER], world.actors[Role.AUTHORISING_OFFICER]
    world.office.deployments.step(commander, deployment_id, Step.END, "the shift is over")
    world.office.deployments.step(commander, deployment_id, Step.REVIEW, "reviewed")
    world.office.deployments.step(authorising, deployment_id, Step.PURGE, "reviewed and signed")
    raised = world.office.alerts.get(alert_id)
    assert raised.said is None
    assert raised.has_picture
    assert world.office.alerts.picture(commander, alert_id, "seen")


class UnreachableError(Exception):
    """The broker does not answer."""


def _fails(_event: object) -> None:
    raise UnreachableError


def test_a_stop_that_the_services_were_not_told_of_is_not_recorded_as_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment_id = world.live()
    tell = world.control.publish
    monkeypatch.setattr(world.control, "publish", _fails)
    with pytest.raises(UnreachableError):
        world.office.deployments.step(
            world.actors[Role.COMMANDER], deployment_id, Step.STOP, "stop"
        )
    monkeypatch.setattr(world.control, "publish", tell)
    assert _stage(world, deployment_id) is Stage.LIVE
    assert not world.office.desk.audit.page(action="deployment.stop")


def test_services_that_could_not_be_told_of_a_live_deployment_are_told_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment_id = world.live()
    commander = world.actors[Role.COMMANDER]
    world.office.deployments.step(commander, deployment_id, Step.STOP, "pause")
    tell = world.control.publish
    monkeypatch.setattr(world.control, "publish", _fails)
    with pytest.raises(UnreachableError):
        world.office.deployments.step(commander, deployment_id, Step.GO_LIVE, "go on")
    monkeypatch.setattr(world.control, "publish", tell)
    before = len(_told(world))
    world.office.deployments.tell_untold()
    world.office.deployments.tell_untold()
    assert [one.state for one in _told(world)[before:]] == [DeploymentState.LIVE]


def test_while_the_audit_cannot_be_written_nothing_happens(world: World) -> None:
    deployment_id = world.live()
    world.office.desk.audit._why_not = lambda: "the topic does not answer"
    before = list(world.control.events)
    with pytest.raises(AuditLostError):
        world.office.deployments.draft(world.actors[Role.COMMANDER], world.plan())
    with pytest.raises(AuditLostError):
        world.office.alerts.queue(world.actors[Role.LFR_OPERATOR], deployment_id)
    assert world.control.events == before
    assert len(world.office.deployments.all()) == 1


def test_faces_are_counted_once_however_often_the_count_is_told(world: World) -> None:
    deployment_id = world.live()
    for count in (5, 9, 9, 7):
        world.office.deployments.count_faces(deployment_id, count)
    assert world.office.deployments.get(deployment_id).faces_seen == 9


def test_a_list_made_with_another_model_pack_does_not_go_live(world: World) -> None:
    deployment_id = world.live()
    commander = world.actors[Role.COMMANDER]
    world.office.deployments.step(commander, deployment_id, Step.STOP, "pause")
    other = type(PACK)(name="another", sha256="1" * 64)
    deployments = Deployments(world.office.desk, other, demonstration=True)
    with pytest.raises(WrongStateError, match="another model pack"):
        deployments.step(commander, deployment_id, Step.GO_LIVE, "go on")
