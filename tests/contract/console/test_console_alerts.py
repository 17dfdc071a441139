"""Alerts in the store: claims, two verifiers blind to each other, people who act at once, and three outcomes apart."""

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lookout.events import Decision, DecisionKind
from lookout_console.actions.desk import Actor
from lookout_console.actions.planting import Planting
from lookout_console.domain.alerts import (
    Adjudication,
    Disposal,
    EnvironmentFactor,
    HandsetAnswer,
    IdentityBy,
    SubjectFactor,
    SystemFactor,
    Truth,
    Verdict,
)
from lookout_console.domain.errors import (
    BadInputError,
    ConflictError,
    NotAllowedError,
    NotDoneError,
    WrongStateError,
)
from lookout_console.domain.roles import Role
from support.console_world import World, row_of

REASON = "the same scar below the left eye, and the ear lobes agree"


def verify(
    world: World, actor: Actor, alert_id: str, verdict: Verdict = Verdict.SAME
) -> Adjudication:
    return world.office.alerts.verify(
        actor,
        alert_id,
        verdict=verdict,
        subject=[SubjectFactor.NOTHING_AGAINST],
        system=[SystemFactor.NOTHING_AGAINST],
        environment=[EnvironmentFactor.CROWD],
        reason=REASON,
    )


def viable(world: World, deployment_id: str) -> str:
    alert_id = world.alert(deployment_id)
    verify(world, world.actors[Role.LFR_OPERATOR], alert_id)
    verify(world, world.actors[Role.ENGAGEMENT_OFFICER], alert_id)
    return alert_id


def at_once(actions: Sequence[Callable[[], object]]) -> list[object]:
    """What each came to, all begun together: a result, or why it was not done."""
    gate = threading.Barrier(len(actions))
    found: list[object] = [None] * len(actions)

    def act(number: int, action: Callable[[], object]) -> None:
        gate.wait()
        try:
            found[number] = action()
        except NotDoneError as error:
            found[number] = error

    threads = [
        threading.Thread(target=act, args=(number, action)) for number, action in enumerate(actions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _decisions(world: World) -> list[Decision]:
    return [event for event in world.control.events if isinstance(event, Decision)]


def test_of_people_who_claim_at_once_one_has_it_and_the_others_are_told_who(world: World) -> None:
    alert_id = world.alert(world.live())
    operators = [world.account(Role.LFR_OPERATOR, number) for number in range(2, 6)]
    found = at_once(
        [lambda one=one: world.office.alerts.claim(one, alert_id) for one in operators]  # type: ignore[misc]  # bound per turn
    )
    winners = [one for one, came in zip(operators, found, strict=True) if came is None]
    assert len(winners) == 1
    raised = world.office.alerts.get(alert_id)
    assert raised.claimed_by == winners[0].account_id
    losers = [came for came in found if came is not None]
    assert all(isinstance(one, ConflictError) and winners[0].shown in str(one) for one in losers)
    assert len(world.office.desk.audit.page(action="alert.claim")) == 1


def test_claiming_again_what_one_has_is_no_conflict(world: World) -> None:
    alert_id = world.alert(world.live())
    for _ in range(2):
        world.office.alerts.claim(world.actors[Role.LFR_OPERATOR], alert_id)
    assert len(world.office.desk.audit.page(action="alert.claim")) == 1


@given(order=st.permutations(range(3)), again=st.integers(0, 2))
@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_in_any_order_exactly_the_first_to_claim_has_it(
    world: World, order: list[int], again: int
) -> None:
    current = world.office.deployments.current()
    deployment_id = current.deployment_id if current else world.live()
    alert_id = world.alert(deployment_id)
    people = [
        Actor(account_id=f"p{one}", shown=f"P{one}", roles=frozenset({Role.LFR_OPERATOR}))
        for one in range(3)
    ]
    for number in [*order, again]:
        if number == order[0]:
            world.office.alerts.claim(people[number], alert_id)
        else:
            with pytest.raises(ConflictError):
                world.office.alerts.claim(people[number], alert_id)
    assert world.office.alerts.get(alert_id).claimed_by == f"p{order[0]}"


def test_two_verifiers_who_decide_at_once_both_count_and_a_third_is_told(world: World) -> None:
    alert_id = world.alert(world.live())
    people = [world.account(Role.LFR_OPERATOR, number) for number in range(2, 5)]
    found = at_once([lambda one=one: verify(world, one, alert_id) for one in people])  # type: ignore[misc]  # bound per turn
    assert sum(isinstance(one, ConflictError) for one in found) == 1
    assert sorted(str(one) for one in found if isinstance(one, Adjudication)) == [
        "viable",
        "waiting",
    ]


def test_the_second_verifier_does_not_see_the_first_verdict_until_it_is_decided(
    world: World,
) -> None:
    deployment_id = world.live()
    alert_id = world.alert(deployment_id)
    first, second = world.actors[Role.LFR_OPERATOR], world.actors[Role.ENGAGEMENT_OFFICER]
    verify(world, first, alert_id)
    (queued,) = world.office.alerts.queue(second, deployment_id)
    seen = world.office.alerts.view(second, alert_id)
    assert (seen.verifications, queued.verifications, seen.looked) == ((), (), 1)
    assert [one.by for one in world.office.alerts.view(first, alert_id).verifications] == [
        first.account_id
    ]
    verify(world, second, alert_id)
    assert len(world.office.alerts.view(second, alert_id).verifications) == 2


def test_one_person_is_never_both_verifiers(world: World) -> None:
    alert_id = world.alert(world.live())
    verify(world, world.actors[Role.LFR_OPERATOR], alert_id)
    with pytest.raises(NotAllowedError):
        verify(world, world.actors[Role.LFR_OPERATOR], alert_id)


def test_a_verdict_names_who_gave_it_and_is_told_to_other_systems(world: World) -> None:
    alert_id = world.alert(world.live())
    verify(world, world.actors[Role.LFR_OPERATOR], alert_id)
    (decision,) = _decisions(world)
    assert decision.kind is DecisionKind.ADJUDICATION
    assert decision.decided_by == world.actors[Role.LFR_OPERATOR].account_id
    assert decision.reason == REASON


def test_an_expired_alert_says_so_and_takes_no_verdict(world: World) -> None:
    deployment_id = world.live()
    alert_id = world.alert(deployment_id, ago=timedelta(minutes=5))
    assert world.office.alerts.get(alert_id).adjudication is Adjudication.EXPIRED
    assert world.office.alerts.queue(world.actors[Role.LFR_OPERATOR], deployment_id) == ()
    with pytest.raises(WrongStateError):
        verify(world, world.actors[Role.LFR_OPERATOR], alert_id)


def test_nobody_is_recorded_as_met_before_two_agreed(world: World) -> None:
    alert_id = world.alert(world.live())
    with pytest.raises(WrongStateError):
        world.office.alerts.engage(
            world.actors[Role.ENGAGEMENT_OFFICER],
            alert_id,
            truth=Truth.CONFIRMED_TRUE,
            identity_by=IdentityBy.DOCUMENT,
            minutes=4,
            reason="met",
        )


@pytest.mark.parametrize("answer", [HandsetAnswer.ENGAGING, HandsetAnswer.NOT_LOCATED])
def test_no_handset_goes_to_somebody_before_two_agreed(world: World, answer: HandsetAnswer) -> None:
    deployment_id = world.live()
    officer, alerts = world.actors[Role.ENGAGEMENT_OFFICER], world.office.alerts
    alert_id = world.alert(deployment_id)
    with pytest.raises(WrongStateError, match="not been found viable yet"):
        alerts.delivered(officer, alert_id, answer)
    alerts.delivered(officer, alert_id, HandsetAnswer.SEEN)
    assert [one.answer for one in alerts.get(alert_id).deliveries] == ["seen"]
    agreed = viable(world, deployment_id)
    alerts.delivered(officer, agreed, answer)
    assert [one.answer for one in alerts.get(agreed).deliveries] == [answer]


def test_adjudication_truth_and_disposal_are_kept_apart_and_a_later_charge_is_added(
    world: World,
) -> None:
    alert_id = viable(world, world.live())
    officer = world.actors[Role.ENGAGEMENT_OFFICER]
    alerts = world.office.alerts
    with pytest.raises(BadInputError, match="identity"):
        alerts.engage(
            officer,
            alert_id,
            truth=Truth.CONFIRMED_TRUE,
            identity_by=None,
            minutes=6,
            reason="spoke to the person",
        )
    alerts.engage(
        officer,
        alert_id,
        truth=Truth.CONFIRMED_TRUE,
        identity_by=IdentityBy.DOCUMENT,
        minutes=6,
        reason="spoke to the person",
    )
    for disposal in (Disposal.CONDITIONS_CHECK_NO_BREACH, Disposal.NO_FURTHER_ACTION):
        alerts.record_outcome(
            officer, alert_id, disposal=disposal, reason="checked", sex="", ethnicity="A1"
        )
    raised = alerts.get(alert_id)
    assert raised.adjudication is Adjudication.VIABLE
    assert raised.engagement is not None
    assert (raised.engagement.truth, raised.engagement.minutes) == (Truth.CONFIRMED_TRUE, 6)
    assert [one.disposal for one in raised.outcomes] == [
        Disposal.CONDITIONS_CHECK_NO_BREACH,
        Disposal.NO_FURTHER_ACTION,
    ]
    assert [one.kind for one in _decisions(world)][-3:] == [
        DecisionKind.ENGAGEMENT,
        DecisionKind.OUTCOME,
        DecisionKind.OUTCOME,
    ]


def test_every_look_at_a_person_is_recorded(world: World) -> None:
    deployment_id = world.live()
    alert_id = world.alert(deployment_id)
    operator = world.actors[Role.LFR_OPERATOR]
    world.office.alerts.queue(operator, deployment_id)
    world.office.alerts.view(operator, alert_id)
    world.office.alerts.picture(operator, alert_id, "seen")
    world.office.alerts.picture(operator, alert_id, "enrolled")
    world.office.watchlists.entries(world.actors[Role.WATCHLIST_OFFICER], deployment_id)
    recorded = [line.action for line in world.office.desk.audit.page()]
    assert recorded[:5] == [
        "watchlist.view",
        "picture.view",
        "picture.view",
        "alert.view",
        "queue.view",
    ]


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMINISTRATOR, Role.WATCHLIST_OFFICER])
def test_who_is_not_on_shift_sees_no_alert(world: World, role: Role) -> None:
    deployment_id = world.live()
    alert_id = world.alert(deployment_id)
    for look in (
        lambda actor: world.office.alerts.queue(actor, deployment_id),
        lambda actor: world.office.alerts.view(actor, alert_id),
        lambda actor: world.office.alerts.picture(actor, alert_id, "seen"),
    ):
        with pytest.raises(NotAllowedError):
            look(world.actors[role])


def test_a_planted_alert_looks_like_any_other_until_it_is_decided_and_counts_nowhere(
    world: World,
) -> None:
    deployment_id = world.live(rows=[row_of("reference-17"), row_of("volunteer-1", blue="yes")])
    planting = Planting(world.office.desk)
    assert planting.plant(deployment_id) is None, "there is no alert yet to take the score of"
    world.alert(deployment_id)
    planted = planting.plant(deployment_id)
    assert planted is not None
    operator, officer = world.actors[Role.LFR_OPERATOR], world.actors[Role.ENGAGEMENT_OFFICER]
    assert len(world.office.alerts.queue(operator, deployment_id)) == 2
    assert not world.office.alerts.view(operator, planted).seeded
    verify(world, operator, planted, Verdict.SAME)
    verify(world, officer, planted, Verdict.SAME)
    assert _decisions(world) == []
    assert world.office.alerts.view(operator, planted).seeded
    assert len(world.office.alerts.all(deployment_id)) == 1
    bias = world.office.alerts.planted(deployment_id)
    assert (bias.alerts, bias.decided, bias.taken_in) == (1, 2, 2)
    with pytest.raises(WrongStateError, match="planted"):
        world.office.alerts.engage(
            officer,
            planted,
            truth=Truth.NOT_LOCATED,
            identity_by=None,
            minutes=None,
            reason="nobody there",
        )
