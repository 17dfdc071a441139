"""Deployments: drafted, applied for, authorised by another, live, stopped at once, ended, reviewed, purged."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from lookout.events import UNSIGNED, Deployment, DeploymentState
from sqlalchemy import Connection, RowMapping, insert, select, update

from lookout_console.actions.desk import Actor, Desk
from lookout_console.actions.listing import publish_list
from lookout_console.actions.retention import purge_evidence, purge_people
from lookout_console.domain.deployments import (
    WAYS,
    Plan,
    Stage,
    Standing,
    Step,
    UseCase,
    check_plan,
    check_step,
)
from lookout_console.domain.errors import BadInputError, UnknownError
from lookout_console.domain.retention import EvidenceKept
from lookout_console.domain.roles import Permission
from lookout_console.store.tables import deployments, steps

_CONFIRM_SHOTS: Final = 2
_CONFIRM_OF: Final = 3
_OVER: Final = (Stage.ENDED, Stage.CANCELLED)
_TOLD: Final = {
    Stage.LIVE: DeploymentState.LIVE,
    Stage.STOPPED: DeploymentState.STOPPED,
    Stage.ENDED: DeploymentState.ENDED,
    Stage.CANCELLED: DeploymentState.ENDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """The model pack in use, which every deployment record names."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A deployment as it stands."""

    deployment_id: str
    plan: Plan
    standing: Standing
    authority: str
    review: str
    faces_seen: int
    list_hash: str
    told: str
    made_at: datetime

    @property
    def stage(self) -> Stage:
        """Where it stands."""
        return self.standing.stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A step that was taken."""

    step: str
    stage: Stage
    by: str
    reason: str
    at: datetime


class Deployments:
    """The actions on deployments."""

    def __init__(self, desk: Desk, pack: Pack, *, demonstration: bool) -> None:
        self._desk, self._pack, self._demonstration = desk, pack, demonstration

    def draft(self, actor: Actor, plan: Plan) -> str:
        """A new draft; its id.

        Raises:
            BadInputError: a plan that nobody could authorise.
        """
        desk = self._desk
        desk.require(actor, Permission.APPLY)
        now = desk.clock()
        check_plan(plan, now)
        deployment_id = str(uuid.uuid4())
        with desk.store.transaction() as connection:
            connection.execute(
                insert(deployments).values(
                    deployment_id=deployment_id,
                    stage=Stage.DRAFT,
                    drafted_by=actor.account_id,
                    made_at=now,
                    **_plan_values(plan),
                )
            )
            self._took(connection, deployment_id, "draft", Stage.DRAFT, actor, "")
        desk.changed("deployment", deployment_id, deployment_id)
        return deployment_id

    def step(self, actor: Actor, deployment_id: str, step: Step, reason: str) -> Stage:
        """Move a deployment on; where it stands then. Services are told before this returns.

        Raises:
            NotAllowedError, WrongStateError: see `check_step`.
            BadInputError: without a reason.
            UnknownError: there is no such deployment.
        """
        desk = self._desk
        desk.require(actor, WAYS[step].permission)
        if not reason.strip():
            raise BadInputError("A reason is needed: it is recorded with your name.")
        if step is Step.EXTEND:
            raise BadInputError("Say until when.")
        if step is Step.GO_LIVE:
            known = self.get(deployment_id)
            check_step(known.standing, step, by=actor.account_id, now=desk.clock())
            publish_list(desk, deployment_id, self._pack.sha256)
        with desk.store.transaction() as connection:
            known = self._locked(connection, deployment_id)
            goal = check_step(known.standing, step, by=actor.account_id, now=desk.clock())
            self._set(connection, deployment_id, self._changes(known, step, goal, actor, reason))
            self._took(connection, deployment_id, step, goal, actor, reason)
            self._forget(connection, deployment_id, step, goal)
            if goal is not Stage.LIVE:
                # Before the commit: what stops is told first, whatever becomes of the record of it.
                self._tell(self._read(connection, deployment_id, lock=False))
        if goal is Stage.LIVE:
            # After it: nothing runs that the store does not know of.
            self.tell_untold()
        desk.changed("deployment", deployment_id, deployment_id)
        return goal

    def _changes(
        self, known: Known, step: Step, goal: Stage, actor: Actor, reason: str
    ) -> dict[str, Any]:
        values: dict[str, Any] = {"stage": goal, "told": ""}
        if goal in _OVER:
            values["over_at"] = self._desk.clock()
        if step is Step.APPLY:
            values["applied_by"] = actor.account_id
        elif step is Step.AUTHORISE:
            values |= {
                "authorised_by": actor.account_id,
                "signed_hash": known.standing.frozen_hash,
                "authority": reason,
            }
        elif step is Step.REVIEW:
            values["review"] = reason
        return values

    def _forget(self, connection: Connection, deployment_id: str, step: Step, goal: Stage) -> None:
        if goal in _OVER:
            # What the services hold of the list opens for nobody any more.
            self._desk.vault.destroy(f"watchlist/{deployment_id}")
        if step in (Step.PURGE, Step.REFUSE, Step.WITHDRAW_AUTHORITY):
            purge_people(self._desk, connection, deployment_id)
        if step in (Step.REFUSE, Step.WITHDRAW_AUTHORITY):
            purge_evidence(self._desk, connection, deployment_id)

    def extend(self, actor: Actor, deployment_id: str, closes_at: datetime, reason: str) -> None:
        """Apply for a longer window: a new authority by another officer is needed before it is live again."""
        desk = self._desk
        desk.require(actor, Permission.APPLY)
        if not reason.strip():
            raise BadInputError("A reason is needed: it is recorded with your name.")
        with desk.store.transaction() as connection:
            known = self._locked(connection, deployment_id)
            goal = check_step(known.standing, Step.EXTEND, by=actor.account_id, now=desk.clock())
            if closes_at <= known.plan.closes_at:
                raise BadInputError("An extension ends later than the window that there is.")
            values = {
                "stage": goal,
                "closes_at": closes_at,
                "applied_by": actor.account_id,
                "signed_hash": "",
                "authorised_by": "",
            }
            self._set(connection, deployment_id, values)
            self._took(connection, deployment_id, Step.EXTEND, goal, actor, reason)
        desk.changed("deployment", deployment_id, deployment_id)

    def end_overdue(self) -> None:
        """End every deployment whose window is over: the hard stop, whoever is or is not at the console."""
        now = self._desk.clock()
        for known in self.all():
            if known.stage in (Stage.LIVE, Stage.STOPPED) and known.plan.closes_at <= now:
                self._end(known.deployment_id)

    def tell_untold(self) -> None:
        """Tell the services of every deployment that is live and has not been told as such: they could not be reached.

        Raises what the broker raises; the next call tries again.
        """
        untold = (deployments.c.stage == Stage.LIVE, deployments.c.told != Stage.LIVE)
        with self._desk.store.look() as connection:
            rows = connection.execute(select(deployments).where(*untold)).mappings().all()
        for known in map(known_of, rows):
            self._tell(known)
            with self._desk.store.transaction() as connection:
                mine = deployments.c.deployment_id == known.deployment_id
                connection.execute(update(deployments).where(mine, *untold).values(told=Stage.LIVE))

    def count_faces(self, deployment_id: str, faces: int) -> None:
        """The faces seen so far: tracks that ended, which is approximate, for one person may pass twice. Never fewer."""
        with self._desk.store.transaction() as connection:
            connection.execute(
                update(deployments)
                .where(
                    deployments.c.deployment_id == deployment_id, deployments.c.faces_seen < faces
                )
                .values(faces_seen=faces)
            )

    def all(self) -> tuple[Known, ...]:
        """Every deployment, the newest first."""
        with self._desk.store.look() as connection:
            rows = connection.execute(
                select(deployments).order_by(deployments.c.made_at.desc())
            ).mappings()
            return tuple(known_of(row) for row in rows)

    def get(self, deployment_id: str) -> Known:
        """One deployment. Raises `UnknownError`."""
        with self._desk.store.look() as connection:
            return self._read(connection, deployment_id, lock=False)

    def current(self) -> Known | None:
        """The deployment that is on: live or stopped, else authorised, else the newest that is not over."""
        order = [Stage.LIVE, Stage.STOPPED, Stage.AUTHORISED, Stage.APPLIED, Stage.DRAFT]
        standing = [known for known in self.all() if known.stage in order]
        return min(standing, key=lambda known: order.index(known.stage), default=None)

    def taken(self, deployment_id: str) -> tuple[Taken, ...]:
        """The steps of a deployment, the oldest first."""
        with self._desk.store.look() as connection:
            rows = connection.execute(
                select(steps).where(steps.c.deployment_id == deployment_id).order_by(steps.c.number)
            ).mappings()
            return tuple(
                Taken(
                    step=row["step"],
                    stage=Stage(row["stage"]),
                    by=row["by"],
                    reason=row["reason"],
                    at=row["at"],
                )
                for row in rows
            )

    def _end(self, deployment_id: str) -> None:
        clock = Actor(account_id="window", shown="The authorised window", roles=frozenset())
        with self._desk.store.transaction() as connection:
            known = self._locked(connection, deployment_id)
            if known.stage not in (Stage.LIVE, Stage.STOPPED):
                return
            self._set(
                connection,
                deployment_id,
                {"stage": Stage.ENDED, "told": "", "over_at": self._desk.clock()},
            )
            reason = "the authorised window is over"
            self._took(connection, deployment_id, Step.END, Stage.ENDED, clock, reason)
            self._desk.vault.destroy(f"watchlist/{deployment_id}")
            self._tell(self._read(connection, deployment_id, lock=False))
        self._desk.changed("deployment", deployment_id, deployment_id)

    def _tell(self, known: Known) -> None:
        deployment_id = known.deployment_id
        state = _TOLD.get(known.stage)
        if state is None:
            return
        self._desk.control.publish(
            Deployment(
                deployment_id=deployment_id,
                state=state,
                opens_at=known.plan.opens_at,
                closes_at=known.plan.closes_at,
                cameras=known.plan.cameras,
                target_fpir=known.plan.target_fpir,
                pack_name=self._pack.name,
                pack_sha256=self._pack.sha256,
                watchlist_hash=known.list_hash,
                confirm_shots=_CONFIRM_SHOTS,
                confirm_of=_CONFIRM_OF,
                authority=known.standing.authorised_by,
                demonstration=self._demonstration,
                updated_at=self._desk.clock(),
                signature=UNSIGNED,
            )
        )

    def _took(
        self,
        connection: Connection,
        deployment_id: str,
        step: str,
        stage: Stage,
        actor: Actor,
        reason: str,
    ) -> None:
        connection.execute(
            insert(steps).values(
                deployment_id=deployment_id,
                step=step,
                stage=stage,
                by=actor.account_id,
                reason=reason,
                at=self._desk.clock(),
            )
        )
        self._desk.record(
            connection,
            actor,
            f"deployment.{step}",
            deployment_id,
            reason,
            deployment_id=deployment_id,
        )

    def _locked(self, connection: Connection, deployment_id: str) -> Known:
        return self._read(connection, deployment_id, lock=True)

    @staticmethod
    def _read(connection: Connection, deployment_id: str, *, lock: bool) -> Known:
        wanted = select(deployments).where(deployments.c.deployment_id == deployment_id)
        if lock:
            wanted = wanted.with_for_update()
        row = connection.execute(wanted).mappings().one_or_none()
        if row is None:
            raise UnknownError("There is no such deployment.")
        return known_of(row)

    @staticmethod
    def _set(connection: Connection, deployment_id: str, values: dict[str, Any]) -> None:
        connection.execute(
            update(deployments).where(deployments.c.deployment_id == deployment_id).values(values)
        )


def _plan_values(plan: Plan) -> dict[str, Any]:
    return {
        "title": plan.title,
        "use_case": plan.use_case,
        "location": plan.location,
        "rationale": plan.rationale,
        "opens_at": plan.opens_at,
        "closes_at": plan.closes_at,
        "cameras": list(plan.cameras),
        "target_fpir": plan.target_fpir,
        "verifiers": plan.verifiers,
        "evidence_kept": plan.evidence_kept,
    }


def known_of(row: RowMapping) -> Known:
    """A deployment out of its row."""
    return Known(
        deployment_id=row["deployment_id"],
        plan=Plan(
            title=row["title"],
            use_case=UseCase(row["use_case"]),
            location=row["location"],
            rationale=row["rationale"],
            opens_at=row["opens_at"],
            closes_at=row["closes_at"],
            cameras=tuple(row["cameras"]),
            target_fpir=row["target_fpir"],
            verifiers=row["verifiers"],
            evidence_kept=EvidenceKept(row["evidence_kept"]),
        ),
        standing=Standing(
            stage=Stage(row["stage"]),
            opens_at=row["opens_at"],
            closes_at=row["closes_at"],
            drafted_by=row["drafted_by"],
            applied_by=row["applied_by"],
            frozen_by=row["frozen_by"],
            frozen_hash=row["frozen_hash"],
            signed_hash=row["signed_hash"],
            authorised_by=row["authorised_by"],
        ),
        authority=row["authority"],
        review=row["review"],
        faces_seen=row["faces_seen"],
        list_hash=row["list_hash"],
        told=row["told"],
        made_at=row["made_at"],
    )
