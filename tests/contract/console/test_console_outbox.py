"""Decisions and their topic: nothing is told that the store denies, and nothing that it holds stays untold."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lookout.events import Decision, Deployment, DeploymentState
from lookout_console.actions.outbox import Outbox
from lookout_console.domain.alerts import (
    Adjudication,
    EnvironmentFactor,
    SubjectFactor,
    SystemFactor,
    Verdict,
)
from lookout_console.domain.deployments import Stage, Step
from lookout_console.domain.roles import Role
from lookout_console.store.engine import Store
from lookout_console.store.tables import decisions_out
from sqlalchemy import Connection, event, select
from sqlalchemy.exc import OperationalError
from support.console_world import World

REASON = "the same scar below the left eye, and the ear lobes agree"


@contextmanager
def commit_fails(store: Store, number: int = 1) -> Iterator[None]:
    """The ``number``-th commit from now on does not come through; those before and after it do."""
    count = 0

    def lost(_: Connection) -> None:
        nonlocal count
        count += 1
        if count == number:
            raise OperationalError("COMMIT", None, OSError("connection lost"))

    event.listen(store.reading, "commit", lost)
    try:
        yield
    finally:
        event.remove(store.reading, "commit", lost)


def decide(world: World, alert_id: str, role: Role = Role.LFR_OPERATOR) -> Adjudication:
    return world.office.alerts.verify(
        world.actors[role],
        alert_id,
        verdict=Verdict.SAME,
        subject=[SubjectFactor.NOTHING_AGAINST],
        system=[SystemFactor.NOTHING_AGAINST],
        environment=[EnvironmentFactor.CROWD],
        reason=REASON,
    )


def told(world: World) -> list[Decision]:
    return [one for one in world.control.events if isinstance(one, Decision)]


def test_a_decision_that_could_not_be_committed_is_told_to_nobody(world: World) -> None:
    alert_id = world.alert(world.live())
    with commit_fails(world.office.desk.store), pytest.raises(OperationalError):
        decide(world, alert_id)
    world.office.alerts.outbox.turn()
    assert world.office.alerts.get(alert_id).looked == 0
    assert told(world) == []


def test_a_decision_stands_while_the_broker_is_away_and_is_told_once_it_is_back(
    world: World,
) -> None:
    alert_id = world.alert(world.live())
    world.control.away = True
    decide(world, alert_id)
    decide(world, alert_id, Role.ENGAGEMENT_OFFICER)
    outbox = world.office.alerts.outbox
    assert world.office.alerts.get(alert_id).adjudication is Adjudication.VIABLE
    assert (told(world), outbox.waiting()) == ([], 2)
    world.control.away = False
    # Whoever sends it need not be whoever it was decided at: a console that was started anew does.
    Outbox(world.office.desk).turn()
    assert [one.decided_by for one in told(world)] == [
        world.actors[role].account_id for role in (Role.LFR_OPERATOR, Role.ENGAGEMENT_OFFICER)
    ]
    assert (told(world)[0].reason, outbox.waiting()) == (REASON, 0)
    outbox.turn()
    assert len(told(world)) == 2, "what was acknowledged is not sent again"


def test_a_decision_whose_sending_could_not_be_noted_is_told_again_as_the_same(
    world: World,
) -> None:
    alert_id = world.alert(world.live())
    with commit_fails(world.office.desk.store, number=2):
        decide(world, alert_id)
    world.office.alerts.outbox.turn()
    first, second = told(world)
    assert first == second
    assert world.office.alerts.outbox.waiting() == 0


def test_the_words_of_a_decision_do_not_stay_in_the_outbox(world: World) -> None:
    decide(world, world.alert(world.live()))
    with world.office.desk.store.look() as connection:
        (row,) = connection.execute(select(decisions_out)).mappings()
    assert row["sent_at"] is not None
    assert row["reason"] == ""


def test_a_stop_is_told_before_it_is_recorded_and_is_told_though_it_cannot_be(
    world: World,
) -> None:
    """Not by the outbox: what stops must not wait for a store that is away (ADR 16, 19)."""
    deployment_id = world.live()
    commander = world.actors[Role.COMMANDER]
    with commit_fails(world.office.desk.store), pytest.raises(OperationalError):
        world.office.deployments.step(commander, deployment_id, Step.STOP, "a crowd surge")
    last = [one for one in world.control.events if isinstance(one, Deployment)][-1]
    assert last.state is DeploymentState.STOPPED
    assert world.office.deployments.get(deployment_id).stage is Stage.LIVE
    world.office.deployments.tell_untold()
    last = [one for one in world.control.events if isinstance(one, Deployment)][-1]
    assert last.state is DeploymentState.STOPPED, "nothing sets it going again by itself"
