"""The demonstration: a stack, a watchlist, a deployment, footage through it, and what became of everybody."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from lookout.enrolment.enrol import EnrolReport, Verdict
from lookout.enrolment.source import Defaults, Row, read_source
from lookout.events import Alert, Category, Response
from lookout.vision.pack import LoadedPack

from lookout_cli.accounts import Tally, tally
from lookout_cli.closing import end, note_window, wait_certificate
from lookout_cli.commands.watch import write_picture
from lookout_cli.control import ControlError, DeploymentPlan, new_deployment_id
from lookout_cli.people.feed import AlertFeed
from lookout_cli.people.taking import EvidenceTaker
from lookout_cli.session import Session
from lookout_cli.stack.running import RunningServices
from lookout_cli.watchlist.enrolment import enrol_rows

_READY_WITHIN_S = 60.0
_SETTLE_WITHIN_S = 20.0
_CERTIFIED_WITHIN_S = 10.0
_DURATION = timedelta(hours=1)
_SUMMARY = "summary.json"
_DEFAULTS = Defaults(
    category=Category.MISSING_AT_RISK, response=Response.AMBER, reason="demonstration"
)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """What is shown: whose faces, on which cameras, and how strict."""

    rows: Sequence[Row]
    cameras: tuple[str, ...]
    loaded: LoadedPack
    target_fpir: float
    alerts_folder: Path | None


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


@dataclass(slots=True)
class Result:
    """What came of it."""

    deployment_id: str
    tally: Tally
    held: int
    latencies_s: dict[str, float] = field(default_factory=dict)


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
            duration=_DURATION,
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


def run_to_the_end(
    services: RunningServices,
    demonstration: Demonstration,
    *,
    say: Say,
    alerted: Callable[[Alert], None],
) -> Result:
    """Enrol, open, let the footage run to its end, wait until every key is accounted for, and count.

    Raises:
        StackError: a service did not come up.
        ControlError: nobody could be enrolled.
    """
    session = services.session
    services.wait_up(_READY_WITHIN_S)
    deployment_id = enrol_and_open(session, demonstration, say)
    services.wait_ready(_READY_WITHIN_S)
    say("in force: the footage runs (Ctrl-C ends a source that has no end)")
    with taking(session, demonstration.alerts_folder, alerted) as feed:
        try:
            _while_it_runs(services, feed, say)
        except KeyboardInterrupt:
            say("ending")
            services.end("capture")
        say("waiting until every key is accounted for")
        result = _settled(session, deployment_id, feed)
    _close(session, deployment_id, say)
    return result


def _close(session: Session, deployment_id: str, say: Say) -> None:
    """End the deployment, and wait a moment for the certificate of its purge."""
    end(session, deployment_id)
    certificate = wait_certificate(session.platform, deployment_id, within_s=_CERTIFIED_WITHIN_S)
    if certificate is None:
        say("the deployment is closed; no certificate of its purge came: see the keeper's log")
        return
    missing = f" ({'; '.join(certificate.missing)})" if certificate.missing else ""
    say(f"the deployment is closed and purged: certificate {certificate.state}{missing}")


def _while_it_runs(services: RunningServices, feed: Taking, say: Say) -> None:
    """Deal with alerts until capture has ended; say what capture says of itself, when that changes."""
    said = ""
    while not services.ended("capture"):
        feed.turn()
        reason = services.reason("capture")
        if reason and reason != said:
            say(f"capture: {reason}")
        said = reason


def _settled(session: Session, deployment_id: str, feed: Taking) -> Result:
    deadline = time.monotonic() + _SETTLE_WITHIN_S
    while True:
        feed.turn()
        counted = tally(session.platform, deployment_id)
        keys = counted.keys
        summed = keys.alive == 0 and keys.pending == 0 and keys.unaccounted == 0
        # Tracks end some time after their last frame: their summaries are waited for where there were frames.
        done = summed and (counted.faces_seen > 0 or keys.made == 0)
        if done or time.monotonic() > deadline:
            return Result(
                deployment_id=deployment_id,
                tally=counted,
                held=keys.alive,
                latencies_s=dict(feed.latencies_s),
            )


def clear_last(folder: Path) -> None:
    """Remove the pictures that the last demonstration's summary names, and the summary; nothing else."""
    path = folder / _SUMMARY
    try:
        named = json.loads(path.read_text())["pictures"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    for name in named:
        (folder / Path(str(name)).name).unlink(missing_ok=True)
    path.unlink()


def summary(result: Result, *, broker: str, pack: str) -> dict[str, object]:
    """What ``summary.json`` holds. ``keys_held`` are those alive for alerts whose evidence nobody took."""
    keys = result.tally.keys
    return {
        "broker": broker,
        "pack": pack,
        "faces_seen": result.tally.faces_seen,
        "compared": result.tally.compared,
        "alerts": len(result.tally.alerts),
        "alert_latency_s": _latencies(result.tally.alerts),
        "keys_made": keys.made,
        "keys_destroyed": sum(keys.destroyed.values()),
        "keys_expired": keys.expired,
        "keys_held": result.held,
        "pictures": [f"{alert_id}.jpg" for alert_id in result.latencies_s],
    }


def write_summary(folder: Path, content: dict[str, object]) -> Path:
    """Write ``summary.json`` into the alerts folder; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _SUMMARY
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path


def _latencies(alerts: Sequence[Alert]) -> list[float]:
    """Seconds from capture to alert, of each alert."""
    return [round((a.alerted_at - a.captured_at).total_seconds(), 3) for a in alerts]
