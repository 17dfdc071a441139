"""The console's closed lists in words for people, in one place."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from lookout.events import Category, Response, ServiceState

from lookout_console.domain.alerts import Adjudication, Verdict
from lookout_console.domain.deployments import Stage, UseCase
from lookout_console.domain.roles import Role

CATEGORY: Final[Mapping[Category, str]] = {
    Category.WANTED_BY_COURTS: "Wanted by the courts",
    Category.SUSPECTED_OF_OFFENCE: "Suspected of an offence",
    Category.COURT_CONDITIONS: "Subject to court conditions",
    Category.MISSING_AT_RISK: "Missing, at risk",
    Category.RISK_OF_HARM: "Risk of harm",
    Category.ASSOCIATE: "Associate",
    Category.WITNESS: "Witness",
    Category.VICTIM: "Victim",
}
ASKED: Final[Mapping[Response, str]] = {
    Response.RED: "Respond immediately, call first",
    Response.AMBER: "Stop and check",
    Response.GREEN: "Identify only",
}
STATE: Final[Mapping[ServiceState, str]] = {
    ServiceState.LIVE: "LIVE",
    ServiceState.DEGRADED: "DEGRADED",
    ServiceState.NOT_RUNNING: "NOT RUNNING",
}
KIND: Final[Mapping[ServiceState, str]] = {
    ServiceState.LIVE: "good",
    ServiceState.DEGRADED: "warn",
    ServiceState.NOT_RUNNING: "bad",
}
STAGE: Final[Mapping[Stage, str]] = {
    Stage.DRAFT: "Draft",
    Stage.APPLIED: "Applied for",
    Stage.AUTHORISED: "Authorised",
    Stage.LIVE: "Live",
    Stage.STOPPED: "Stopped",
    Stage.ENDED: "Ended",
    Stage.REVIEWED: "Reviewed",
    Stage.PURGED: "Purged",
    Stage.CANCELLED: "Cancelled",
}
USE_CASE: Final[Mapping[UseCase, str]] = {
    UseCase.HOTSPOT: "Crime hotspot or a way to one",
    UseCase.PROTECTIVE_SECURITY: "Protective security of an event or place",
    UseCase.INTELLIGENCE_OF_LOCATION: "Intelligence of where sought persons are likely",
}
ADJUDICATION: Final[Mapping[Adjudication, str]] = {
    Adjudication.WAITING: "Waits for a decision",
    Adjudication.VIABLE: "Viable: officers may engage",
    Adjudication.FALSE_NOT_ENGAGED: "Decided: not the same person",
    Adjudication.NO_DECISION: "No decision could be made",
    Adjudication.EXPIRED: "Expired: too old to act on",
}
VERDICT: Final[Mapping[Verdict, tuple[str, str]]] = {
    Verdict.SAME: ("Same person", "viable"),
    Verdict.DIFFERENT: ("Not the same person", "not viable"),
    Verdict.UNSURE: ("I cannot tell", ""),
}
ROLE: Final[Mapping[Role, str]] = {
    Role.WATCHLIST_OFFICER: "Watchlist officer",
    Role.AUTHORISING_OFFICER: "Authorising officer",
    Role.COMMANDER: "Commander",
    Role.LFR_OPERATOR: "LFR operator",
    Role.ENGAGEMENT_OFFICER: "Engagement officer",
    Role.AUDITOR: "Auditor",
    Role.ADMINISTRATOR: "Administrator",
}
SEXES: Final = ("female", "male", "another")
ETHNICITIES: Final = ("asian", "black", "mixed", "white", "other")
AGE_BANDS: Final = ("under_18", "18_24", "25_34", "35_49", "50_and_over")


def plain(value: str) -> str:
    """A closed list's value as words: officer_says → Officer says."""
    words = value.replace("_", " ")
    return words[:1].upper() + words[1:]


def options(kind: Iterable[StrEnum | str]) -> list[tuple[str, str]]:
    """Values with their words, for a form."""
    return [(str(one), plain(str(one))) for one in kind]


def choices(kind: Iterable[StrEnum | str]) -> list[tuple[str, str, str]]:
    """Values with their words, for radio buttons."""
    return [(*pair, "") for pair in options(kind)]
