"""The demonstration's shift: people open a deployment at the console, footage runs, and whoever is sought waits in the queue."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from lookout.enrolment.person import Person
from lookout.enrolment.source import Row
from lookout.events import Alert, Category, Response
from lookout.hosting.platform import Platform
from lookout.ids import entry_id
from lookout_console.domain.roles import Role

from lookout_cli.accounts import Tally, tally
from lookout_cli.closing import wait_certificate
from lookout_cli.control import ControlError
from lookout_cli.demo.officers import Officer, Officers
from lookout_cli.demo.opening import Say, open_deployment
from lookout_cli.people.feed import AlertFeed
from lookout_cli.people.side_by_side import side_by_side
from lookout_cli.stack.folder import StackError
from lookout_cli.stack.running import RunningServices

_READY_WITHIN_S: Final = 60.0
_SETTLE_WITHIN_S: Final = 20.0
_CERTIFIED_WITHIN_S: Final = 10.0
_SUMMARY: Final = "summary.json"
_PICTURES: Final = ("enrolled", "seen")
# An alert expires five minutes after it came: of an older one nothing is promised.
_WAITS_FOR: Final = timedelta(minutes=4)

Alerted = Callable[[Alert, Person | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is shown: who is sought, on which cameras, how strictly, and where pictures of alerts go."""

    rows: Sequence[Row]
    cameras: tuple[str, ...]
    target_fpir: float
    alerts_folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of it. ``held`` are keys alive for alerts whose evidence nobody took."""

    deployment_id: str
    tally: Tally
    held: int
    pictures: Sequence[str]


@dataclass(slots=True)
class _Watching:
    """Tells of alerts as they come. Takes nothing: evidence is the console's."""

    feed: AlertFeed
    people: Mapping[str, Person]
    told: Alerted
    seen: set[str] = field(default_factory=set)

    def turn(self) -> None:
        for received in self.feed.poll():
            alert = received.alert
            if alert.alert_id not in self.seen:
                self.seen.add(alert.alert_id)
                self.told(alert, self.people.get(alert.entry_id))


def run_shift(
    services: RunningServices, officers: Officers, shown: Shown, *, say: Say, alerted: Alerted
) -> Result:
    """Open the deployment, let the footage run to its end, wait until every key is accounted for, and count.

    Afterwards the deployment is still live, and its alerts wait at the console.

    Raises:
        StackError: a service did not come up.
        ControlError: nobody could be enrolled, or the console refused a step.
    """
    platform = services.session.platform
    feed = AlertFeed.watching(platform)
    try:
        say("opening a deployment at the console: drafted, listed, authorised, live")
        deployment_id = open_deployment(
            officers, shown.rows, shown.cameras, target_fpir=shown.target_fpir, say=say
        )
        services.wait_ready(_READY_WITHIN_S)
        say("in force: the footage runs (Ctrl-C ends a source that has no end)")
        people = dict(_people(deployment_id, shown.rows))
        watching = _Watching(feed, people, alerted)
        try:
            _while_it_runs(services, watching, say)
        except KeyboardInterrupt:
            say("ending the footage")
            services.end("capture")
        say("waiting until every key is accounted for")
        counted = _settled(platform, deployment_id, watching)
    finally:
        feed.close()
    operator = officers[Role.LFR_OPERATOR]
    for alert in counted.alerts:
        person = people.get(alert.entry_id)
        _write_picture(operator, alert, person, shown.alerts_folder, platform)
    return Result(
        deployment_id=deployment_id,
        tally=counted,
        held=counted.keys.alive,
        pictures=[f"{alert.alert_id}.jpg" for alert in counted.alerts],
    )


def check_waiting(link: str, result: Result, platform: Platform) -> int:
    """Look at the queue by a one-time link: how many alerts wait there, each with both its pictures.

    Raises:
        ControlError: one does not, or a picture is not served.
    """
    young = platform.clock() - _WAITS_FOR
    waiting = [alert for alert in result.tally.alerts if alert.alerted_at > young]
    with Officer(link) as officer:
        queue = officer.page("/alerts")
        for alert in waiting:
            if f'data-alert="{alert.alert_id}"' not in queue:
                raise ControlError(f"alert {alert.alert_id} does not wait in the console's queue")
            for which in _PICTURES:
                address = f"/alerts/{alert.alert_id}/picture/{which}"
                if f'src="{address}"' not in queue or not _is_picture(officer.picture(address)):
                    raise ControlError(f"the console shows no picture “{which}” with the alert")
    return len(waiting)


def close_shift(officers: Officers, platform: Platform, deployment_id: str, say: Say) -> None:
    """End the deployment, and wait a moment for the certificate of its purge."""
    officers[Role.COMMANDER].do(f"/deployments/{deployment_id}/end", reason="it is over")
    certificate = wait_certificate(platform, deployment_id, within_s=_CERTIFIED_WITHIN_S)
    if certificate is None:
        say("the deployment is closed; no certificate of its purge came: see the keeper's log")
        return
    missing = f" ({'; '.join(certificate.missing)})" if certificate.missing else ""
    say(f"the deployment is closed and purged: certificate {certificate.state}{missing}")


def _people(deployment_id: str, rows: Sequence[Row]) -> Iterator[tuple[str, Person]]:
    """Whoever is sought, by the id of their entry, without a picture."""
    for row in rows:
        yield (
            entry_id(deployment_id, row.reference),
            Person(
                reference=row.reference,
                name=row.name,
                category=row.category or Category.MISSING_AT_RISK,
                response=row.response or Response.AMBER,
                reason=row.reason,
                image_jpeg=b"",
            ),
        )


def _while_it_runs(services: RunningServices, watching: _Watching, say: Say) -> None:
    """Tell of alerts until capture has ended; say what capture says of itself, when that changes."""
    said = ""
    while not services.ended("capture"):
        watching.turn()
        reason = services.reason("capture")
        if reason and reason != said:
            say(f"capture: {reason}")
        said = reason


def _settled(platform: Platform, deployment_id: str, watching: _Watching) -> Tally:
    deadline = time.monotonic() + _SETTLE_WITHIN_S
    while True:
        watching.turn()
        counted = tally(platform, deployment_id)
        keys = counted.keys
        summed = keys.alive == 0 and keys.pending == 0 and keys.unaccounted == 0
        # Tracks end some time after their last frame: their summaries are waited for where there were frames.
        done = summed and (counted.faces_seen > 0 or keys.made == 0)
        if done or time.monotonic() > deadline:
            return counted


def _write_picture(
    operator: Officer, alert: Alert, person: Person | None, folder: Path, platform: Platform
) -> None:
    """What a person decides on, as a picture: both halves are what the console serves."""
    address = f"/alerts/{alert.alert_id}/picture"
    enrolled, seen = (_served(operator, f"{address}/{which}") for which in _PICTURES)
    known = None if person is None else replace(person, image_jpeg=enrolled or b"")
    folder.mkdir(parents=True, exist_ok=True)
    picture = side_by_side(alert, known, seen, now=platform.clock())
    if not cv2.imwrite(str(folder / f"{alert.alert_id}.jpg"), picture):
        raise StackError(f"no picture can be written into {folder}")


def _served(operator: Officer, address: str) -> bytes | None:
    """A picture; None where the console has none, which the picture that is written then says."""
    try:
        return operator.picture(address)
    except ControlError:
        return None


def _is_picture(jpeg: bytes) -> bool:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) is not None


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
        "pictures": list(result.pictures),
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
