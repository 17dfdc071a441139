"""What people do about an alert: two blind to each other, for reasons of their own, and truth and outcome apart."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookout_console.domain.alerts import (
    EXPIRES_AFTER,
    Adjudication,
    Disposal,
    EnvironmentFactor,
    HandsetAnswer,
    SubjectFactor,
    SystemFactor,
    Truth,
    Verdict,
    Verification,
    adjudicated,
    check_answer,
    check_outcome,
    check_reason,
    check_verification,
    taken_in,
)
from lookout_console.domain.errors import (
    BadInputError,
    ConflictError,
    NotAllowedError,
    WrongStateError,
)

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
REASON = "the same scar below the left eye, and the ear lobes agree"


def a_verification(by: str = "operator", verdict: Verdict = Verdict.SAME) -> Verification:
    return Verification(
        by=by,
        verdict=verdict,
        subject=(SubjectFactor.NOTHING_AGAINST,),
        system=(SystemFactor.NOTHING_AGAINST,),
        environment=(EnvironmentFactor.NOTHING_AGAINST,),
        reason=REASON,
        at=NOW,
    )


def come_to(*verdicts: Verdict, wanted: int = 2, age: timedelta = timedelta()) -> Adjudication:
    return adjudicated(verdicts, wanted=wanted, raised_at=NOW - age, now=NOW)


def test_an_alert_begins_as_nothing_but_waiting() -> None:
    assert come_to() is Adjudication.WAITING


def test_one_of_two_verifiers_decides_nothing() -> None:
    assert come_to(Verdict.SAME) is Adjudication.WAITING


@pytest.mark.parametrize(("first", "second"), list(product(Verdict, Verdict)))
def test_two_verdicts_are_viable_only_if_both_see_the_same_person(
    first: Verdict, second: Verdict
) -> None:
    found = come_to(first, second)
    assert (found is Adjudication.VIABLE) is (first is second is Verdict.SAME)
    if Verdict.DIFFERENT in (first, second):
        assert found is Adjudication.FALSE_NOT_ENGAGED


def test_where_policy_asks_for_one_verifier_one_is_enough() -> None:
    assert come_to(Verdict.SAME, wanted=1) is Adjudication.VIABLE


def test_an_alert_expires_by_its_age_and_not_before() -> None:
    assert come_to(age=EXPIRES_AFTER - timedelta(microseconds=1)) is Adjudication.WAITING
    assert come_to(age=EXPIRES_AFTER) is Adjudication.EXPIRED


def test_what_was_decided_in_time_does_not_expire() -> None:
    assert come_to(Verdict.SAME, Verdict.SAME, age=EXPIRES_AFTER * 3) is Adjudication.VIABLE


@given(st.lists(st.sampled_from(Verdict), max_size=2), st.integers(0, 3600))
def test_nobody_is_to_be_stopped_without_as_many_agreeing_as_policy_asks(
    verdicts: list[Verdict], seconds: int
) -> None:
    found = come_to(*verdicts, age=timedelta(seconds=seconds))
    assert (found is Adjudication.VIABLE) is (verdicts == [Verdict.SAME, Verdict.SAME])


def test_nobody_verifies_twice() -> None:
    with pytest.raises(NotAllowedError):
        check_verification(a_verification(), ["operator"], standing=Adjudication.WAITING)


@pytest.mark.parametrize("standing", [one for one in Adjudication if one.value != "waiting"])
def test_a_verdict_after_the_decision_is_refused(standing: Adjudication) -> None:
    wanted = WrongStateError if standing is Adjudication.EXPIRED else ConflictError
    with pytest.raises(wanted):
        check_verification(a_verification(), ["another"], standing=standing)


@pytest.mark.parametrize("part", ["subject", "system", "environment"])
def test_a_checklist_left_empty_is_refused(part: str) -> None:
    kept = a_verification()
    lacking = Verification(
        by=kept.by,
        verdict=kept.verdict,
        subject=() if part == "subject" else kept.subject,
        system=() if part == "system" else kept.system,
        environment=() if part == "environment" else kept.environment,
        reason=kept.reason,
        at=kept.at,
    )
    with pytest.raises(BadInputError):
        check_verification(lacking, [], standing=Adjudication.WAITING)


@pytest.mark.parametrize(
    "reason",
    [
        "",
        "yes",
        "score 0.71",
        "The system says it is a match",
        "71 % match",
        "high confidence match, score above threshold",
        "The similarity score is 0.92 per cent",
    ],
)
def test_a_score_is_no_reason(reason: str) -> None:
    with pytest.raises(BadInputError):
        check_reason(reason)


def test_words_of_ones_own_are_a_reason_in_any_script() -> None:
    check_reason(REASON)
    check_reason("одинаковые шрамы на подбородке")


@pytest.mark.parametrize("adjudication", [one for one in Adjudication if one.value != "viable"])
def test_nobody_was_met_before_a_viable_adjudication(adjudication: Adjudication) -> None:
    with pytest.raises(WrongStateError):
        check_outcome(adjudication, Truth.CONFIRMED_TRUE, None)


@pytest.mark.parametrize(("truth", "disposal"), list(product(Truth, Disposal)))
def test_truth_and_disposal_are_two_things_and_no_further_action_is_always_possible(
    truth: Truth, disposal: Disposal
) -> None:
    impossible = truth is Truth.CONFIRMED_FALSE and disposal is Disposal.ARREST
    if impossible:
        with pytest.raises(BadInputError):
            check_outcome(Adjudication.VIABLE, truth, disposal)
    else:
        check_outcome(Adjudication.VIABLE, truth, disposal)


def test_disposals_know_more_than_arrest() -> None:
    assert {
        Disposal.CONDITIONS_CHECK_NO_BREACH,
        Disposal.CONDITIONS_BREACH_ARREST,
        Disposal.SAFEGUARDING_DISCLOSURE,
        Disposal.MISSING_PERSON_FOUND,
        Disposal.NO_LONGER_WANTED,
        Disposal.NO_FURTHER_ACTION,
    } <= set(Disposal)


def test_planted_alerts_tell_how_many_verdicts_believed_them() -> None:
    found = taken_in(
        [
            [a_verification("a"), a_verification("b", Verdict.DIFFERENT)],
            [a_verification("a", Verdict.UNSURE)],
            [],
        ]
    )
    assert (found.alerts, found.decided, found.taken_in) == (3, 3, 1)


@pytest.mark.parametrize("answer", list(HandsetAnswer))
@pytest.mark.parametrize("adjudication", list(Adjudication))
def test_only_of_a_viable_alert_does_an_officer_go_to_somebody(
    adjudication: Adjudication, answer: HandsetAnswer
) -> None:
    if answer is HandsetAnswer.SEEN or adjudication is Adjudication.VIABLE:
        check_answer(adjudication, answer)
        return
    with pytest.raises(WrongStateError, match="met"):
        check_answer(adjudication, answer)
