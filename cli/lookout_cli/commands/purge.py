"""``lookout purge``: forget what the retention policy says is to be forgotten, in the command line's stores."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer
from lookout.retention import RetentionPolicy, load_retention
from lookout_keeper.closing_domain import is_over

from lookout_cli.console import DEFAULT_STATE_FOLDER, StateOption, out, told_plainly
from lookout_cli.session import Session, connected

EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is to be forgotten: evidence of days before ``before``, and the people of deployments that are over."""

    before: date | None
    alerts: int
    deployments: Sequence[str]

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to do."""
        return not self.alerts and not self.deployments


def due(session: Session, policy: RetentionPolicy, now: datetime) -> Due:
    """What the policy says is to be forgotten now. A day's evidence goes as one: none of it is kept longer than its class."""
    cutoff = policy.named(EVIDENCE).cutoff(now)
    before = None if cutoff is None else cutoff.astimezone(UTC).date() + timedelta(days=1)
    return Due(
        before=before,
        alerts=0 if before is None else session.evidence.count_before(before),
        deployments=[
            known.deployment_id
            for known in session.control.deployments()
            if is_over(known, now) and session.people.entries(known.deployment_id)
        ],
    )


def forget(session: Session, what: Due) -> None:
    """Forget what is due: keys first, then files."""
    if what.before is not None:
        session.evidence.purge_before(what.before)
    for deployment_id in what.deployments:
        session.people.purge(deployment_id)


def purge(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be forgotten, and stop there.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    state: StateOption = DEFAULT_STATE_FOLDER,
) -> None:
    """Forget evidence older than the retention policy says, and the people of deployments that are over."""
    with told_plainly(), connected(state) as session:
        what = due(session, load_retention(), session.platform.clock())
        if what.before is not None:
            out.print(f"evidence of {what.alerts} alerts is from before {what.before}")
        out.print(f"people of {len(what.deployments)} deployments that are over are in the store")
        if dry_run or what.nothing:
            return
        if not yes and not typer.confirm("This cannot be undone. Go on?"):
            raise typer.Exit(1)
        forget(session, what)
        out.print("forgotten")
