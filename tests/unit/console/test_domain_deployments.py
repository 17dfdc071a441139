"""The way of a deployment as one table: every stage, step and role."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from lookout_console.domain.deployments import (
    LONGEST_WINDOW,
    WAYS,
    Plan,
    Stage,
    Standing,
    Step,
    UseCase,
    check_plan,
    check_step,
)
from lookout_console.domain.errors import BadInputError, NotAllowedError, WrongStateError
from lookout_console.domain.roles import ALLOWED, Permission, Role, allowed

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)

# Written out by hand: the test's own word on what follows what, and by whom.
FOLLOWS: Mapping[tuple[Stage, Step], Stage] = {
    (Stage.DRAFT, Step.APPLY): Stage.APPLIED,
    (Stage.DRAFT, Step.CANCEL): Stage.CANCELLED,
    (Stage.APPLIED, Step.AUTHORISE): Stage.AUTHORISED,
    (Stage.APPLIED, Step.REFUSE): Stage.CANCELLED,
    (Stage.APPLIED, Step.CANCEL): Stage.CANCELLED,
    (Stage.AUTHORISED, Step.AUTHORISE): Stage.AUTHORISED,
    (Stage.AUTHORISED, Step.GO_LIVE): Stage.LIVE,
    (Stage.AUTHORISED, Step.EXTEND): Stage.APPLIED,
    (Stage.AUTHORISED, Step.CANCEL): Stage.CANCELLED,
    (Stage.AUTHORISED, Step.WITHDRAW_AUTHORITY): Stage.CANCELLED,
    (Stage.LIVE, Step.STOP): Stage.STOPPED,
    (Stage.LIVE, Step.END): Stage.ENDED,
    (Stage.LIVE, Step.WITHDRAW_AUTHORITY): Stage.CANCELLED,
    (Stage.STOPPED, Step.AUTHORISE): Stage.AUTHORISED,
    (Stage.STOPPED, Step.GO_LIVE): Stage.LIVE,
    (Stage.STOPPED, Step.END): Stage.ENDED,
    (Stage.STOPPED, Step.EXTEND): Stage.APPLIED,
    (Stage.STOPPED, Step.WITHDRAW_AUTHORITY): Stage.CANCELLED,
    (Stage.ENDED, Step.REVIEW): Stage.REVIEWED,
    (Stage.REVIEWED, Step.PURGE): Stage.PURGED,
    (Stage.CANCELLED, Step.PURGE): Stage.PURGED,
}
BY: Mapping[Step, frozenset[Role]] = {
    Step.APPLY: frozenset({Role.COMMANDER, Role.WATCHLIST_OFFICER}),
    Step.EXTEND: frozenset({Role.COMMANDER, Role.WATCHLIST_OFFICER}),
    Step.AUTHORISE: frozenset({Role.AUTHORISING_OFFICER}),
    Step.REFUSE: frozenset({Role.AUTHORISING_OFFICER}),
    Step.WITHDRAW_AUTHORITY: frozenset({Role.AUTHORISING_OFFICER}),
    Step.PURGE: frozenset({Role.AUTHORISING_OFFICER}),
    Step.GO_LIVE: frozenset({Role.COMMANDER}),
    Step.END: frozenset({Role.COMMANDER}),
    Step.CANCEL: frozenset({Role.COMMANDER}),
    Step.STOP: frozenset({Role.COMMANDER, Role.AUTHORISING_OFFICER}),
    Step.REVIEW: frozenset({Role.COMMANDER, Role.AUTHORISING_OFFICER}),
}


def a_standing(stage: Stage) -> Standing:
    return Standing(
        stage=stage,
        opens_at=NOW - timedelta(hours=1),
        closes_at=NOW + timedelta(hours=1),
        drafted_by="drafter",
        applied_by="applicant",
        frozen_by="composer",
        frozen_hash="ab",
        signed_hash="ab",
        authorised_by="authoriser",
    )


def a_plan() -> Plan:
    return Plan(
        title="North Square",
        use_case=UseCase.HOTSPOT,
        location="North Square",
        rationale="two of the list were seen here",
        opens_at=NOW,
        closes_at=NOW + timedelta(hours=6),
        cameras=("van-1",),
        target_fpir=1e-4,
        verifiers=2,
    )


@pytest.mark.parametrize(("stage", "step", "role"), list(product(Stage, Step, Role)))
def test_a_step_is_taken_from_its_stages_by_its_roles_and_no_others(
    stage: Stage, step: Step, role: Role
) -> None:
    assert allowed([role], WAYS[step].permission) is (role in BY[step])
    goal = FOLLOWS.get((stage, step))
    if goal is None:
        with pytest.raises(WrongStateError):
            check_step(a_standing(stage), step, by="somebody", now=NOW)
    else:
        assert check_step(a_standing(stage), step, by="somebody", now=NOW) is goal


def test_nothing_follows_a_purge() -> None:
    assert not [stage for stage, _ in FOLLOWS if stage is Stage.PURGED]


@pytest.mark.parametrize("hand", ["drafter", "applicant", "composer"])
def test_whoever_drafted_applied_or_composed_never_authorises(hand: str) -> None:
    with pytest.raises(NotAllowedError):
        check_step(a_standing(Stage.APPLIED), Step.AUTHORISE, by=hand, now=NOW)


def test_a_list_that_is_not_frozen_cannot_be_signed() -> None:
    standing = replace(a_standing(Stage.APPLIED), frozen_hash="")
    with pytest.raises(WrongStateError, match="not frozen"):
        check_step(standing, Step.AUTHORISE, by="somebody", now=NOW)


@pytest.mark.parametrize(("frozen", "signed"), [("", "ab"), ("ab", ""), ("cd", "ab"), ("", "")])
def test_a_list_that_changed_after_it_was_signed_does_not_go_live(frozen: str, signed: str) -> None:
    standing = replace(a_standing(Stage.AUTHORISED), frozen_hash=frozen, signed_hash=signed)
    with pytest.raises(WrongStateError, match="changed"):
        check_step(standing, Step.GO_LIVE, by="somebody", now=NOW)


@pytest.mark.parametrize(
    ("ahead", "lets"),
    [
        (timedelta(hours=-1, microseconds=-1), False),
        (timedelta(hours=-1), True),
        (timedelta(hours=1, microseconds=-1), True),
        (timedelta(hours=1), False),
    ],
)
def test_it_goes_live_within_its_window_only(ahead: timedelta, lets: bool) -> None:  # noqa: FBT001 - a table's column
    standing = a_standing(Stage.AUTHORISED)
    if lets:
        assert check_step(standing, Step.GO_LIVE, by="somebody", now=NOW + ahead) is Stage.LIVE
    else:
        with pytest.raises(WrongStateError, match="window"):
            check_step(standing, Step.GO_LIVE, by="somebody", now=NOW + ahead)


def test_an_authority_for_a_window_that_is_over_is_not_given() -> None:
    with pytest.raises(WrongStateError, match="over"):
        check_step(a_standing(Stage.APPLIED), Step.AUTHORISE, by="x", now=NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    "change",
    [
        {"title": " "},
        {"location": ""},
        {"rationale": "  "},
        {"closes_at": NOW},
        {"opens_at": NOW - timedelta(hours=2), "closes_at": NOW - timedelta(hours=1)},
        {"closes_at": NOW + LONGEST_WINDOW + timedelta(seconds=1)},
        {"cameras": ()},
        {"target_fpir": 0.0},
        {"target_fpir": 0.0011},
        {"target_fpir": float("nan")},
        {"verifiers": 0},
        {"verifiers": 3},
    ],
)
def test_a_plan_that_nobody_could_authorise_is_refused(change: dict[str, object]) -> None:
    check_plan(a_plan(), NOW)
    with pytest.raises(BadInputError):
        check_plan(replace(a_plan(), **change), NOW)  # type: ignore[arg-type]  # a table's row


def test_use_cases_are_the_three_that_the_policy_knows() -> None:
    assert len(UseCase) == 3


@pytest.mark.parametrize("permission", list(Permission))
def test_every_permission_names_who_has_it(permission: Permission) -> None:
    assert ALLOWED[permission]


def test_nobody_both_applies_or_operates_and_authorises_by_one_role() -> None:
    for role in Role:
        held = {one for one in Permission if allowed([role], one)}
        assert not {Permission.AUTHORISE, Permission.APPLY} <= held
        assert not {Permission.AUTHORISE, Permission.ADJUDICATE} <= held


def test_an_administrator_keeps_accounts_and_sees_no_person() -> None:
    sees = (Permission.SEE_NAMES, Permission.SEE_ALERTS, Permission.SEE_WATCHLIST)
    assert not any(allowed([Role.ADMINISTRATOR], one) for one in sees)
