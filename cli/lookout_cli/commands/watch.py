"""``lookout watch``: alerts as they come, for people."""

from pathlib import Path
from typing import Annotated

import cv2
import typer
from lookout.enrolment.person import Person
from lookout.events import Alert, Response
from rich.panel import Panel

from lookout_cli.console import DEFAULT_STATE_FOLDER, StateOption, out, told_plainly
from lookout_cli.control import ControlError
from lookout_cli.people.feed import AlertFeed
from lookout_cli.people.side_by_side import side_by_side
from lookout_cli.people.taking import EvidenceTaker
from lookout_cli.session import Session, connected

_COLOURS = {Response.RED: "red", Response.AMBER: "yellow", Response.GREEN: "green"}
_NAME = "watch"


def watch(
    save: Annotated[
        bool,
        typer.Option(
            "--save", help="Take the evidence: keep it sealed in the state folder, destroy its key."
        ),
    ] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Also write side-by-side pictures here, in the clear. Off by default."),
    ] = None,
    state: StateOption = DEFAULT_STATE_FOLDER,
) -> None:
    """Print alerts as they come. An alert is a reason to look and check, never a reason to arrest. Ctrl-C ends it."""
    with told_plainly(), connected(state) as session:
        if save:
            require_ours(session)
        feed = AlertFeed.taking(session.platform) if save else AlertFeed.watching(session.platform)
        out.print("waiting for alerts", style="dim")
        try:
            while True:
                for received in feed.poll():
                    handle(session, received.alert, save=save, pictures=pictures)
                    received.done()
        except KeyboardInterrupt:
            out.print("stopped")
        finally:
            feed.close()


def require_ours(session: Session) -> None:
    """Raise `ControlError` while a deployment of a console is in force: two who take evidence would take it from each other."""
    elsewhere = session.control.opened_elsewhere()
    if elsewhere:
        raise ControlError(
            f"deployment {elsewhere[0].deployment_id} was opened at a console, which takes its evidence itself:"
            " look at its alerts there, or watch without --save"
        )


def handle(session: Session, alert: Alert, *, save: bool, pictures: Path | None) -> None:
    """Print an alert, take its evidence if asked and ours to take, and write its picture if asked."""
    if save and not session.control.is_ours(alert.deployment_id):
        # Opened at a console since the watch began.
        out.print("[yellow]evidence not taken:[/] this deployment was opened at a console")
        save = False
    taker = EvidenceTaker(
        keyring=session.platform.keyring,
        store=session.evidence,
        clock=session.platform.clock,
        name=_NAME,
    )
    thumbnail = taker.take(alert) if save else taker.open(alert)
    person = session.people.get(alert.deployment_id, alert.entry_id)
    out.print(describe(alert, person))
    if pictures is not None and alert.revision == 1:
        write_picture(session, alert, person, thumbnail, pictures)


def write_picture(
    session: Session, alert: Alert, person: Person | None, thumbnail: bytes | None, folder: Path
) -> Path:
    """Write an alert's side-by-side picture; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{alert.alert_id}.jpg"
    cv2.imwrite(str(path), side_by_side(alert, person, thumbnail, now=session.platform.clock()))
    return path


def describe(alert: Alert, person: Person | None) -> Panel:
    """An alert for a terminal. The score is not shown: it is no reason to act."""
    latency = (alert.alerted_at - alert.captured_at).total_seconds()
    latest = alert.sightings[-1]
    lines = [
        f"{person.reference if person else alert.entry_id}: {alert.category}, response {alert.response}",
        f"camera {latest.camera_id}, seen {alert.captured_at:%H:%M:%S.%f} UTC, alerted after {latency:.3f} s",
    ]
    if alert.revision > 1:
        cameras = ", ".join(sighting.camera_id for sighting in alert.sightings)
        lines.append(f"seen again: {cameras}")
    if alert.demonstration:
        lines.append("DEMONSTRATION: no authority stands behind this")
    return Panel(
        "\n".join(lines),
        title="possible match: look, talk, check, decide",
        border_style=_COLOURS[alert.response],
    )
