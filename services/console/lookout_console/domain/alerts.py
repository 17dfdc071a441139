"""What people do about an alert: look, decide for reasons of their own, meet the person, record what came of it. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from lookout_console.domain.errors import (
    BadInputError,
    ConflictError,
    NotAllowedError,
    WrongStateError,
)

EXPIRES_AFTER: Final = timedelta(minutes=5)
"""After this nobody is where they were seen (domain §4: 2 to 5 minutes); a setting of the force."""


class Verdict(StrEnum):
    """What one verifier sees in the two pictures."""

    SAME = "same"
    DIFFERENT = "different"
    UNSURE = "unsure"


class SubjectFactor(StrEnum):
    """What about the person helps or hinders the comparison."""

    NOTHING_AGAINST = "nothing_against"
    TURNED_AWAY = "turned_away"
    COVERED = "covered"
    OLD_PICTURE = "old_picture"
    MAY_BE_RELATIVE = "may_be_relative"


class SystemFactor(StrEnum):
    """What about the pictures helps or hinders it."""

    NOTHING_AGAINST = "nothing_against"
    BLURRED = "blurred"
    SMALL_FACE = "small_face"
    LOOKALIKE_ON_LIST = "lookalike_on_list"


class EnvironmentFactor(StrEnum):
    """What about the place helps or hinders it."""

    NOTHING_AGAINST = "nothing_against"
    POOR_LIGHT = "poor_light"
    CROWD = "crowd"
    WEATHER = "weather"


class Adjudication(StrEnum):
    """What the verifiers together come to, without anybody being met."""

    WAITING = "waiting"
    VIABLE = "viable"
    FALSE_NOT_ENGAGED = "false_not_engaged"
    NO_DECISION = "no_decision"
    EXPIRED = "expired"


class Truth(StrEnum):
    """What is known after the person was met."""

    CONFIRMED_TRUE = "confirmed_true"
    CONFIRMED_FALSE = "confirmed_false"
    IDENTITY_NOT_ESTABLISHED = "identity_not_established"
    NOT_LOCATED = "not_located"


class IdentityBy(StrEnum):
    """How identity was established: never by the comparison."""

    DOCUMENT = "document"
    FINGERPRINT = "fingerprint"
    KNOWN_TO_OFFICER = "known_to_officer"
    RECORDS_CHECK = "records_check"


class Disposal(StrEnum):
    """What came of it (domain §1.6). No further action is always possible."""

    ARREST = "arrest"
    CONDITIONS_CHECK_NO_BREACH = "conditions_check_no_breach"
    CONDITIONS_BREACH_ARREST = "conditions_breach_arrest"
    SAFEGUARDING_DISCLOSURE = "safeguarding_disclosure"
    MISSING_PERSON_FOUND = "missing_person_found"
    NO_LONGER_WANTED = "no_longer_wanted"
    COMMANDER_INFORMED = "commander_informed"
    NO_FURTHER_ACTION = "no_further_action"


class HandsetAnswer(StrEnum):
    """What an engagement officer answers from the street."""

    SEEN = "seen"
    ENGAGING = "engaging"
    NOT_LOCATED = "not_located"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """One person's verdict, with the checklist and a reason."""

    by: str
    verdict: Verdict
    subject: tuple[SubjectFactor, ...]
    system: tuple[SystemFactor, ...]
    environment: tuple[EnvironmentFactor, ...]
    reason: str
    at: datetime


def adjudicated(
    verdicts: Sequence[Verdict], *, wanted: int, raised_at: datetime, now: datetime
) -> Adjudication:
    """What the verdicts so far come to, when ``wanted`` people are to look.

    One who sees another person ends it at once: nobody is stopped on a divided opinion.
    """
    if Verdict.DIFFERENT in verdicts:
        return Adjudication.FALSE_NOT_ENGAGED
    if len(verdicts) >= wanted:
        viable = all(verdict is Verdict.SAME for verdict in verdicts)
        return Adjudication.VIABLE if viable else Adjudication.NO_DECISION
    if now - raised_at >= EXPIRES_AFTER:
        return Adjudication.EXPIRED
    return Adjudication.WAITING


def check_verification(
    new: Verification,
    before: Sequence[str],
    *,
    standing: Adjudication,
) -> None:
    """Raise why a verification does not count. ``before`` names those who have looked.

    Raises:
        NotAllowedError: the same person a second time.
        ConflictError: others have decided meanwhile.
        WrongStateError: the alert has expired.
        BadInputError: a checklist is empty, or the reason is none.
    """
    if new.by in before:
        raise NotAllowedError("You have decided already: the second verifier is another person.")
    if standing is Adjudication.EXPIRED:
        raise WrongStateError("This alert has expired: nobody is where they were seen.")
    if standing is not Adjudication.WAITING:
        raise ConflictError("Somebody else has decided meanwhile. Your decision was not recorded.")
    if not (new.subject and new.system and new.environment):
        raise BadInputError("Tick at least one of each: the person, the system, the surroundings.")
    check_reason(new.reason)


_OF_A_SCORE: Final = re.compile(
    r"\d+|%|score|similarity|threshold|match(es|ed)?|confiden\w+|per ?cent|system|computer|says?|high|above",
    re.IGNORECASE,
)


def check_reason(reason: str) -> None:
    """Raise `BadInputError` for a reason that only repeats the comparison (domain row 15)."""
    own = _OF_A_SCORE.sub(" ", reason)
    if sum(character.isalpha() for character in own) < 12:
        raise BadInputError(
            "Say in words of your own what you see in the two pictures. A score is not a reason."
        )


def check_answer(adjudication: Adjudication, answer: HandsetAnswer) -> None:
    """Raise `WrongStateError` for an officer who would go to somebody whom the verifiers have not found to be the same."""
    if answer is HandsetAnswer.SEEN or adjudication is Adjudication.VIABLE:
        return
    if adjudication is Adjudication.WAITING:
        raise WrongStateError(
            "This alert has not been found viable yet: look at both pictures and decide first. Nobody is met before."
        )
    raise WrongStateError("This alert was not found viable, or has expired: nobody is met on it.")


def check_outcome(
    adjudication: Adjudication, truth: Truth | None, disposal: Disposal | None
) -> None:
    """Raise `WrongStateError` where nobody can have been met, or nothing can have come of it yet."""
    if truth is not None and adjudication is not Adjudication.VIABLE:
        raise WrongStateError("Only after a viable adjudication is anybody met.")
    if disposal is Disposal.ARREST and truth is Truth.CONFIRMED_FALSE:
        raise BadInputError("Not the person on the list: an arrest for it cannot be its outcome.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """What planted alerts, known to be false, tell of automation bias: ``taken_in`` of ``decided`` verdicts say "same"."""

    alerts: int
    decided: int
    taken_in: int


def taken_in(planted: Sequence[Sequence[Verification]]) -> Planted:
    """The count over the verifications of each planted alert."""
    verdicts = [one.verdict for alert in planted for one in alert]
    return Planted(
        alerts=len(planted), decided=len(verdicts), taken_in=verdicts.count(Verdict.SAME)
    )
