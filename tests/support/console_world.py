"""A whole console for tests: the real application on a real SQLite store, seven accounts, and what it is told by hand."""

import csv
import io
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from lookout.events import (
    Alert,
    Category,
    Event,
    Response,
    Sealed,
    ServiceState,
    ServiceStatus,
    Sighting,
)
from lookout.ids import entry_id as id_of
from lookout.sealing.vault import FileVault
from lookout.stream.ports import DeliveryError
from lookout_console.accounts.oidc import Provider
from lookout_console.actions.deployments import Pack
from lookout_console.actions.desk import Actor
from lookout_console.actions.ports import Examined, Examiner
from lookout_console.domain.alerts import (
    EnvironmentFactor,
    SubjectFactor,
    SystemFactor,
    Verdict,
)
from lookout_console.domain.deployments import Plan, Step, UseCase
from lookout_console.domain.roles import Role
from lookout_console.store.engine import Store
from lookout_console.web.assembly import Outside, build_office
from lookout_console.web.office import Office
from lookout_console.web.words import ROLE

PACK = Pack(name="test", sha256="0" * 64)
PASSWORD = "correct horse battery staple"


class Told:
    """The control topics, as what was published."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.away = False
        """Whether the broker acknowledges nothing."""

    def publish(self, event: Event) -> None:
        self.publish_all([event])

    def publish_all(self, events: Sequence[Event]) -> None:
        if self.away:
            raise DeliveryError("not acknowledged")
        self.events.extend(events)


class Decodes:
    """An examiner that takes every picture that decodes: what models say is the enrolment's own tests' matter."""

    def examine(self, reference: str, picture: bytes) -> Examined:
        image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            return Examined(
                refusal="this is no picture", warnings=(), portrait_jpeg=b"", collides_with=()
            )
        return Examined(
            refusal="",
            warnings=(),
            portrait_jpeg=picture,
            collides_with=(),
            templates=(Sealed(key_id="watchlist/test", nonce=b"n" * 12, ciphertext=b"c" * 32),),
            pack_sha256=PACK.sha256,
        )


def drawn_face(seed: int, side: int = 320) -> bytes:
    """A drawn face as a JPEG: nobody's."""
    random = np.random.default_rng(seed)
    image = np.full((side * 5 // 4, side, 3), (212, 196, 180), np.uint8)
    skin = tuple(int(one) for one in random.integers(90, 200, 3))
    centre = (side // 2, side * 9 // 16)
    cv2.ellipse(image, centre, (side // 4, side // 3), 0, 0, 360, skin, -1, cv2.LINE_AA)
    for x in (-1, 1):
        eye = (centre[0] + x * side // 9, centre[1] - side // 14)
        cv2.circle(image, eye, side // 34, (30, 30, 30), -1, cv2.LINE_AA)
    mouth = (centre[0], centre[1] + side // 7)
    cv2.ellipse(image, mouth, (side // 11, side // 30), 0, 0, 180, (40, 40, 120), 3, cv2.LINE_AA)
    _, encoded = cv2.imencode(".jpg", image)
    return encoded.tobytes()


def row_of(reference: str, **said: str) -> dict[str, str]:
    """A complete row of the table."""
    return {
        "reference": reference,
        "name": f"Name of {reference}",
        "picture": f"{reference}.jpg",
        "category": "wanted_by_courts",
        "response": "amber",
        "reason": "Failed to appear at court",
        "legal_basis": "warrant",
        "image_source": "Custody image",
        "image_date": "2026-03-14",
        "requested_by": "Warrants unit",
        "contact": "",
        "birth_date": "1990-01-01",
        "vulnerable": "",
        "extra_authority": "",
        "blue": "",
        **said,
    }


def archive_of(rows: Sequence[dict[str, str]], pictures: dict[str, bytes] | None = None) -> bytes:
    """A zip of a table and its pictures."""
    table = io.StringIO()
    writer = csv.DictWriter(table, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    found = pictures or {row["picture"]: drawn_face(n) for n, row in enumerate(rows)}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("people.csv", table.getvalue())
        for name, data in found.items():
            archive.writestr(name, data)
    return out.getvalue()


@dataclass
class Clock:
    """The machine's time, moved."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(kw_only=True)
class World:
    """The office, its accounts, and hands to move things on with."""

    office: Office
    control: Told
    clock: Clock
    actors: dict[Role, Actor] = field(default_factory=dict)

    def account(self, role: Role, number: int = 1) -> Actor:
        """An account with one role; made once."""
        made = self.office.register.add(
            name=f"{role}-{number}",
            shown=f"{ROLE[role]} {number}",
            roles=[role],
            password=PASSWORD,
            by="test",
            reason="test",
        )
        return Actor(account_id=made.account_id, shown=made.shown, roles=frozenset({role}))

    def plan(self, *, verifiers: int = 2, title: str = "North Square, 27 November") -> Plan:
        now = self.clock()
        return Plan(
            title=title,
            use_case=UseCase.HOTSPOT,
            location="North Square",
            rationale="Three people on the list were seen here this week.",
            opens_at=now - timedelta(minutes=1),
            closes_at=now + timedelta(hours=6),
            cameras=("van-1",),
            target_fpir=1e-4,
            verifiers=verifiers,
        )

    def listed(
        self,
        deployment_id: str,
        rows: Sequence[dict[str, str]],
        pictures: dict[str, bytes] | None = None,
    ) -> None:
        """Import rows and wait for their verdicts."""
        archive = archive_of(rows, pictures)
        officer = self.actors[Role.WATCHLIST_OFFICER]
        job = self.office.watchlists.begin_import(officer, deployment_id, "people.zip", archive)
        self.office.watchlists.run_import(job, archive)

    def live(
        self,
        *,
        verifiers: int = 2,
        rows: Sequence[dict[str, str]] | None = None,
        pictures: dict[str, bytes] | None = None,
    ) -> str:
        """A live deployment with a watchlist; its id."""
        deployments = self.office.deployments
        commander, authorising = (
            self.actors[Role.COMMANDER],
            self.actors[Role.AUTHORISING_OFFICER],
        )
        deployment_id = deployments.draft(commander, self.plan(verifiers=verifiers))
        self.listed(deployment_id, rows or [row_of("reference-17")], pictures)
        self.office.watchlists.freeze(self.actors[Role.WATCHLIST_OFFICER], deployment_id)
        deployments.step(commander, deployment_id, Step.APPLY, "necessary and proportionate")
        deployments.step(authorising, deployment_id, Step.AUTHORISE, "the list is needed here")
        deployments.step(commander, deployment_id, Step.GO_LIVE, "the shift begins")
        return deployment_id

    def decide(self, alert_id: str, verdict: Verdict, *roles: Role) -> None:
        """People look at an alert and see the same, for a reason of their own."""
        for role in roles:
            self.office.alerts.verify(
                self.actors[role],
                alert_id,
                verdict=verdict,
                subject=[SubjectFactor.NOTHING_AGAINST],
                system=[SystemFactor.NOTHING_AGAINST],
                environment=[EnvironmentFactor.NOTHING_AGAINST],
                reason="The ears and the line of the jaw, in both pictures.",
            )

    def end(self, deployment_id: str) -> None:
        """The shift is over."""
        commander = self.actors[Role.COMMANDER]
        self.office.deployments.step(commander, deployment_id, Step.END, "the shift is over")

    def services_live(self, state: ServiceState = ServiceState.LIVE, reason: str = "") -> None:
        """Every service says how it is, once."""
        now = self.clock()
        for name in ("capture", "detection", "embedding", "matching", "alerting", "keeper"):
            self.office.statuses.take(
                ServiceStatus(
                    deployment_id="",
                    service=name,
                    instance=f"{name}-1",
                    state=state,
                    reason=reason or "works",
                    since=now,
                    reported_at=now,
                )
            )

    def raised(
        self,
        deployment_id: str,
        reference: str = "reference-17",
        *,
        response: Response = Response.AMBER,
        category: Category = Category.WANTED_BY_COURTS,
        ago: timedelta = timedelta(),
        demonstration: bool = False,
    ) -> Alert:
        """An alert without a picture, as alerting raised it ``ago``."""
        now = self.clock() - ago
        sighting = Sighting(
            match_id="match",
            face_id="face",
            track_id="track",
            camera_id="van-1",
            captured_at=now,
            score=0.71,
        )
        return Alert(
            deployment_id=deployment_id,
            alert_id=str(uuid.uuid4()),
            revision=1,
            entry_id=id_of(deployment_id, reference),
            category=category,
            response=response,
            threshold=0.62,
            margin=None,
            captured_at=now,
            alerted_at=now,
            sightings=(sighting,),
            demonstration=demonstration,
            thumbnail=None,
        )

    def alert(
        self,
        deployment_id: str,
        reference: str = "reference-17",
        *,
        picture: bytes | None = None,
        **said: Any,
    ) -> str:
        """An alert comes in; its id. ``said`` is what `raised` takes."""
        alert = self.raised(deployment_id, reference, **said)
        self.office.alerts.take(alert, picture or drawn_face(99))
        return alert.alert_id


def make_world(
    folder: Path,
    *,
    url: str = "",
    provider: Provider | None = None,
    canary_every: timedelta = timedelta(minutes=3),
) -> World:
    """A console with one account per role, on an empty store."""
    (folder / "vault").mkdir()
    store = Store(url or f"sqlite:///{folder}/console.db")
    store.create()
    control, clock = Told(), Clock()

    def examiner(deployment_id: str, known: Mapping[str, tuple[Sealed, ...]]) -> Examiner:
        return Decodes()

    office = build_office(
        Outside(
            store=store,
            vault=FileVault(folder / "vault", b"v" * 32),
            control=control,
            clock=clock,
            new_examiner=examiner,
            pack=PACK,
            demonstration=True,
            tls=False,
            provider=provider,
            provider_name="the force's sign-in" if provider else "",
            canary_every=canary_every,
        )
    )
    world = World(office=office, control=control, clock=clock)
    for role in Role:
        world.actors[role] = world.account(role)
    return world
