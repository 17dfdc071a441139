"""The watchlist of a run: the person before the camera, invented people, and how it changes while something else is broken."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from lookout.enrolment.source import Row
from lookout.events import Deployment
from lookout.vision.pack import LoadedPack

from lookout_cli.chaos import camera, planting
from lookout_cli.chaos.invented import enrol, invent_chips, invent_templates, withdraw
from lookout_cli.chaos.roster import Roster
from lookout_cli.control import DeploymentPlan
from lookout_cli.session import Session
from lookout_cli.watchlist.enrolment import enrol_rows

_CHIPS: Final = 10
_TEMPLATES: Final = 6
_SPARES: Final = 6
_TARGET_FPIR: Final = 0.001
_LASTS: Final = timedelta(hours=12)


class Load:
    """Enrols, opens, and changes the watchlist on demand."""

    def __init__(
        self, session: Session, deployment_id: str, loaded: LoadedPack, *, seed: int
    ) -> None:
        self._session, self._loaded = session, loaded
        self.deployment_id = deployment_id
        self.deployment: Deployment
        others = _TEMPLATES + _SPARES + 1
        *templates, stranger = invent_templates(loaded.embedder().dim, others, seed)
        self._enrolled = [*invent_chips(loaded, _CHIPS, seed), *templates[:_TEMPLATES]]
        self.roster = Roster(
            deployment_id=deployment_id,
            enrolled=self._enrolled,
            spare=templates[_TEMPLATES:],
            stranger=stranger,
        )

    def open(self, rows: Sequence[Row], say: Callable[[str], None]) -> None:
        """Enrol ``rows`` and the invented people, and put a deployment into force over the cameras of the run."""
        pack = self._loaded.pack
        enrol_rows(
            self._session,
            self._loaded,
            deployment_id=self.deployment_id,
            rows=rows,
            progress=lambda verdict: say(f"enrol {verdict.reference}: {verdict.outcome}"),
        )
        for person in self._enrolled:
            enrol(self._session, person, deployment_id=self.deployment_id, pack_sha256=pack.sha256)
        self.deployment = self._session.control.open(
            DeploymentPlan(
                deployment_id=self.deployment_id,
                cameras=(camera.CAMERA, planting.CAMERA),
                duration=_LASTS,
                target_fpir=_TARGET_FPIR,
                pack_name=pack.name,
                pack_sha256=pack.sha256,
            )
        )

    def change(self) -> None:
        """Withdraw one and enrol another, and sign the deployment anew; both go on passing."""
        leaving, joining = self.roster.to_withdraw(), self.roster.to_enrol()
        if leaving is not None:
            self.roster.withdrawing(leaving)
            withdraw(self._session, leaving, deployment_id=self.deployment_id)
            self.roster.withdrawn(leaving, self._session.platform.clock())
        if joining is not None:
            enrol(
                self._session,
                joining,
                deployment_id=self.deployment_id,
                pack_sha256=self.deployment.pack_sha256,
            )
            self._session.control.renew(self.deployment_id)
            self.roster.enrolled(joining)
