"""A deployment's way from draft to purge: which step follows which, and who must not do it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from lookout_console.domain.errors import BadInputError, NotAllowedError, WrongStateError
from lookout_console.domain.retention import EvidenceKept
from lookout_console.domain.roles import Permission

LONGEST_WINDOW: Final = timedelta(hours=24)


class Stage(StrEnum):
    """Where a deployment stands."""

    DRAFT = "draft"
    APPLIED = "applied"
    AUTHORISED = "authorised"
    LIVE = "live"
    STOPPED = "stopped"
    ENDED = "ended"
    REVIEWED = "reviewed"
    PURGED = "purged"
    CANCELLED = "cancelled"


class UseCase(StrEnum):
    """What a deployment may be for: a closed list (domain row 3)."""

    HOTSPOT = "hotspot"
    PROTECTIVE_SECURITY = "protective_security"
    INTELLIGENCE_OF_LOCATION = "intelligence_of_location"


class Step(StrEnum):
    """What moves a deployment on."""

    APPLY = "apply"
    AUTHORISE = "authorise"
    REFUSE = "refuse"
    GO_LIVE = "go_live"
    STOP = "stop"
    END = "end"
    EXTEND = "extend"
    CANCEL = "cancel"
    WITHDRAW_AUTHORITY = "withdraw_authority"
    REVIEW = "review"
    PURGE = "purge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """From which stages a step leads where, and the permission it needs."""

    origins: frozenset[Stage]
    goal: Stage
    permission: Permission


def _way(permission: Permission, goal: Stage, *origins: Stage) -> Way:
    return Way(origins=frozenset(origins), goal=goal, permission=permission)


WAYS: Final[Mapping[Step, Way]] = {
    Step.APPLY: _way(Permission.APPLY, Stage.APPLIED, Stage.DRAFT),
    # Again from later stages: a list that changed voids the authority, and needs a new one.
    Step.AUTHORISE: _way(
        Permission.AUTHORISE, Stage.AUTHORISED, Stage.APPLIED, Stage.AUTHORISED, Stage.STOPPED
    ),
    Step.REFUSE: _way(Permission.AUTHORISE, Stage.CANCELLED, Stage.APPLIED),
    Step.GO_LIVE: _way(Permission.COMMAND, Stage.LIVE, Stage.AUTHORISED, Stage.STOPPED),
    Step.STOP: _way(Permission.STOP, Stage.STOPPED, Stage.LIVE),
    Step.END: _way(Permission.COMMAND, Stage.ENDED, Stage.LIVE, Stage.STOPPED),
    # A longer window is a new authority: it is applied for and authorised again.
    Step.EXTEND: _way(Permission.APPLY, Stage.APPLIED, Stage.AUTHORISED, Stage.STOPPED),
    Step.CANCEL: _way(
        Permission.COMMAND, Stage.CANCELLED, Stage.DRAFT, Stage.APPLIED, Stage.AUTHORISED
    ),
    Step.WITHDRAW_AUTHORITY: _way(
        Permission.AUTHORISE, Stage.CANCELLED, Stage.AUTHORISED, Stage.LIVE, Stage.STOPPED
    ),
    Step.REVIEW: _way(Permission.REVIEW, Stage.REVIEWED, Stage.ENDED),
    Step.PURGE: _way(Permission.PURGE, Stage.PURGED, Stage.REVIEWED, Stage.CANCELLED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is applied for. Texts are required; cameras are ids."""

    title: str
    use_case: UseCase
    location: str
    rationale: str
    opens_at: datetime
    closes_at: datetime
    cameras: tuple[str, ...]
    target_fpir: float
    verifiers: int
    evidence_kept: EvidenceKept = EvidenceKept.DAYS_31


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the rules need to know of a deployment. Hashes are hex, empty where there is none."""

    stage: Stage
    opens_at: datetime
    closes_at: datetime
    drafted_by: str
    applied_by: str
    frozen_by: str
    frozen_hash: str
    signed_hash: str
    authorised_by: str


def check_plan(plan: Plan, now: datetime) -> None:
    """Raise `BadInputError` for a plan that nobody could authorise."""
    if not (plan.title.strip() and plan.location.strip() and plan.rationale.strip()):
        raise BadInputError("Title, location and the grounds for it are needed.")
    if not plan.opens_at < plan.closes_at:
        raise BadInputError("It must close after it opens.")
    if plan.closes_at <= now:
        raise BadInputError("It would be over before it began: set a later window.")
    if plan.closes_at - plan.opens_at > LONGEST_WINDOW:
        raise BadInputError("A window is at most 24 hours long.")
    if not plan.cameras:
        raise BadInputError("Name at least one camera.")
    if not 0 < plan.target_fpir <= 1e-3:
        raise BadInputError("The target false positive rate is above 0 and at most 1 in 1,000.")
    if plan.verifiers not in (1, 2):
        raise BadInputError("One or two verifiers.")


def check_step(standing: Standing, step: Step, *, by: str, now: datetime) -> Stage:
    """The stage that a step leads to.

    Raises:
        WrongStateError: it does not follow from where the deployment stands, or its window is not now.
        NotAllowedError: this person has had another hand in it.
    """
    way = WAYS[step]
    if standing.stage not in way.origins:
        raise WrongStateError(
            f"This deployment is {standing.stage}: that cannot follow. Read the page again."
        )
    if step is Step.AUTHORISE:
        _check_authority(standing, by, now)
    if step is Step.GO_LIVE:
        _check_window(standing, now)
    return way.goal


def _check_authority(standing: Standing, by: str, now: datetime) -> None:
    if by in {standing.drafted_by, standing.applied_by, standing.frozen_by}:
        raise NotAllowedError(
            "Whoever drafted, applied or composed the watchlist does not authorise: another officer must."
        )
    if not standing.frozen_hash:
        raise WrongStateError("The watchlist is not frozen: there is nothing to sign yet.")
    if standing.closes_at <= now:
        raise WrongStateError("Its window is over: it must be applied for anew.")


def _check_window(standing: Standing, now: datetime) -> None:
    if not standing.frozen_hash or standing.frozen_hash != standing.signed_hash:
        raise WrongStateError(
            "The watchlist has changed since it was authorised: it must be frozen and authorised again."
        )
    if not standing.opens_at <= now < standing.closes_at:
        raise WrongStateError("It is not within the authorised window.")
