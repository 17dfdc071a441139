"""A deployment by the command line alone, and its evidence: what measures and soaks runs on. The demonstration has a console."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from lookout.enrolment.enrol import EnrolReport, Verdict
from lookout.enrolment.source import Defaults, Row, read_source
from lookout.events import Alert, Category, Response
from lookout.vision.pack import LoadedPack

from lookout_cli.closing import note_window
from lookout_cli.commands.watch import write_picture
from lookout_cli.control import ControlError, DeploymentPlan, new_deployment_id
from lookout_cli.people.feed import AlertFeed
from lookout_cli.people.taking import EvidenceTaker
from lookout_cli.session import Session
from lookout_cli.watchlist.enrolment import enrol_rows

_DEFAULTS = Defaults(
    category=Category.MISSING_AT_RISK, response=Response.AMBER, reason="demonstration"
)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """What is shown: whose faces, on which cameras, how strict, and for how long it may be."""

    rows: Sequence[Row]
    cameras: tuple[str, ...]
    loaded: LoadedPack
    target_fpir: float
    alerts_folder: Path | None
    duration: timedelta = timedelta(hours=1)


def rows_of(watchlist: Path) -> Sequence[Row]:
    """The pictures of a folder or table. Raises `SourceError` where it is none."""
    return tuple(read_source(watchlist, defaults=_DEFAULTS))


def row_of(reference: str, picture: Path) -> Row:
    """One picture of one person, where it lies: a copy would be one more place to forget."""
    return Row(
        place=picture.name,
        reference=reference,
        image=picture,
        category=_DEFAULTS.category,
        response=_DEFAULTS.response,
        name="",
        reason=_DEFAULTS.reason,
        problem="",
    )


def enrol_and_open(session: Session, demonstration: Demonstration, say: Say) -> str:
    """Enrol the watchlist into a new deployment and put it into force; the deployment's id."""
    deployment_id = new_deployment_id()

    def tell(verdict: Verdict) -> None:
        reasons = f" ({'; '.join(verdict.reasons)})" if verdict.reasons else ""
        say(f"enrol {verdict.reference}: {verdict.outcome}{reasons}")

    report: EnrolReport = enrol_rows(
        session,
        demonstration.loaded,
        deployment_id=deployment_id,
        rows=demonstration.rows,
        progress=tell,
    )
    if not report.entries:
        raise ControlError("nobody could be enrolled: the reasons are above")
    pack = demonstration.loaded.pack
    opened = session.control.open(
        DeploymentPlan(
            deployment_id=deployment_id,
            cameras=demonstration.cameras,
            duration=demonstration.duration,
            target_fpir=demonstration.target_fpir,
            pack_name=pack.name,
            pack_sha256=pack.sha256,
        )
    )
    note_window(session, opened)
    return deployment_id


class Taking:
    """Takes the evidence of alerts while the demonstration runs, and writes their pictures where a folder is given."""

    def __init__(self, session: Session, folder: Path | None, say: Callable[[Alert], None]) -> None:
        self._session, self._folder, self._say = session, folder, say
        self._taker = EvidenceTaker(
            keyring=session.platform.keyring,
            store=session.evidence,
            clock=session.platform.clock,
            name="demonstration",
        )
        self._feed = AlertFeed.taking(session.platform)
        self.latencies_s: dict[str, float] = {}

    def turn(self) -> None:
        """Deal with what has come."""
        for received in self._feed.poll():
            alert = received.alert
            thumbnail = self._taker.take(alert)
            if alert.alert_id not in self.latencies_s:
                latency = self._session.platform.clock() - alert.captured_at
                self.latencies_s[alert.alert_id] = latency.total_seconds()
                person = self._session.people.get(alert.deployment_id, alert.entry_id)
                if self._folder is not None:
                    write_picture(self._session, alert, person, thumbnail, self._folder)
                self._say(alert)
            received.done()

    def close(self) -> None:
        """Let go."""
        self._feed.close()


@contextmanager
def taking(session: Session, folder: Path | None, say: Callable[[Alert], None]) -> Iterator[Taking]:
    """Take evidence within the context."""
    feed = Taking(session, folder, say)
    try:
        yield feed
    finally:
        feed.close()
