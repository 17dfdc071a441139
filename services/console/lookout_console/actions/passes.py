"""Passes of volunteers: written down while they are walked, and compared with the alerts that came."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from lookout_console.actions.desk import Actor, Desk
from lookout_console.actions.listed import opened
from lookout_console.domain.errors import BadInputError, UnknownError
from lookout_console.domain.intervals import Rate
from lookout_console.domain.passes import Pass, Seen, check_pass, true_positive_rate
from lookout_console.domain.roles import Permission
from lookout_console.store.tables import alerts, deployments, entries, passes


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What the passes of a deployment say: over all, and by camera. None where nobody walked."""

    rate: Rate | None
    by_camera: Mapping[str, Rate | None]


class Passes:
    """The actions on passes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def walk(
        self, actor: Actor, deployment_id: str, *, entry_id: str, camera: str, at: datetime
    ) -> None:
        """Write down that a volunteer walked past a camera.

        Raises:
            BadInputError: nobody of the blue list, a camera that the deployment has not, or a time to come.
            ConflictError: too soon after the last pass.
        """
        desk = self._desk
        desk.require(actor, Permission.CHECK)
        new = Pass(entry_id=entry_id, camera=camera, at=at)
        with desk.store.transaction() as connection:
            _check_subject(connection, deployment_id, new)
            check_pass(new, _passes(connection, deployment_id), desk.clock())
            connection.execute(
                insert(passes).values(
                    deployment_id=deployment_id,
                    entry_id=entry_id,
                    camera=camera,
                    at=at,
                    by=actor.account_id,
                )
            )
            desk.record(
                connection,
                actor,
                "pass.walk",
                entry_id,
                f"camera {camera}",
                deployment_id=deployment_id,
            )

    def volunteers(self, actor: Actor, deployment_id: str) -> tuple[tuple[str, str], ...]:
        """Who may walk: id and reference of everybody on the blue list who is not withdrawn, by reference. No name."""
        desk = self._desk
        desk.require(actor, Permission.CHECK)
        wanted = select(entries.c.entry_id, entries.c.sealed).where(
            entries.c.deployment_id == deployment_id,
            entries.c.blue,
            entries.c.withdrawn_at.is_(None),
        )
        with desk.store.look() as connection:
            rows = connection.execute(wanted).all()
        found = [
            (entry_id, person[0].reference)
            for entry_id, sealed in rows
            if (person := opened(desk, deployment_id, entry_id, sealed)) is not None
        ]
        return tuple(sorted(found, key=lambda one: one[1]))

    def measured(self, actor: Actor, deployment_id: str) -> Walked:
        """How many of the passes raised their alert."""
        self._desk.require(actor, Permission.SEE_RECORD)
        with self._desk.store.look() as connection:
            walked, seen = _passes(connection, deployment_id), _seen(connection, deployment_id)
        cameras = sorted({one.camera for one in walked})
        return Walked(
            rate=true_positive_rate(walked, seen),
            by_camera={
                camera: true_positive_rate([one for one in walked if one.camera == camera], seen)
                for camera in cameras
            },
        )


def _check_subject(connection: Connection, deployment_id: str, new: Pass) -> None:
    cameras = connection.execute(
        select(deployments.c.cameras).where(deployments.c.deployment_id == deployment_id)
    ).scalar_one_or_none()
    if cameras is None:
        raise UnknownError("There is no such deployment.")
    if new.camera not in cameras:
        raise BadInputError("This deployment has no such camera.")
    blue = connection.execute(
        select(entries.c.blue).where(
            entries.c.deployment_id == deployment_id, entries.c.entry_id == new.entry_id
        )
    ).scalar_one_or_none()
    if not blue:
        raise BadInputError(
            "Only a volunteer of the blue list walks: nobody else's passes are kept."
        )


def _passes(connection: Connection, deployment_id: str) -> list[Pass]:
    wanted = select(passes).where(passes.c.deployment_id == deployment_id).order_by(passes.c.at)
    return [
        Pass(entry_id=row["entry_id"], camera=row["camera"], at=row["at"])
        for row in connection.execute(wanted).mappings()
    ]


def _seen(connection: Connection, deployment_id: str) -> list[Seen]:
    wanted = select(alerts).where(
        alerts.c.deployment_id == deployment_id,
        alerts.c.seeded.is_(False),
        alerts.c.test.is_(False),
    )
    return [
        Seen(
            entry_id=row["entry_id"],
            cameras=tuple(row["cameras"]),
            captured_at=row["captured_at"],
        )
        for row in connection.execute(wanted).mappings()
    ]
