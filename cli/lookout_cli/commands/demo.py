"""``lookout demo``: the main job on one machine, in two minutes."""

import contextlib
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from lookout.enrolment.source import Row
from lookout_console.domain.roles import Role
from rich.table import Table

from lookout_cli.commands.models import FolderOption, MirrorOption, get_pack, print_report
from lookout_cli.commands.watch import describe
from lookout_cli.console import out, told_plainly
from lookout_cli.demo.footage import ENROLLED_REFERENCE, compose
from lookout_cli.demo.officers import Officers
from lookout_cli.demo.photographs import fetch_photographs
from lookout_cli.demo.run import row_of, rows_of
from lookout_cli.demo.shift import (
    Result,
    Shown,
    check_waiting,
    clear_last,
    close_shift,
    run_shift,
    summary,
    write_summary,
)
from lookout_cli.local.kafka import LocalKafka
from lookout_cli.local.ports import free_ports
from lookout_cli.models.store import default_models_folder
from lookout_cli.progress import progress_bars
from lookout_cli.stack.console import ConsoleOptions
from lookout_cli.stack.folder import StackError, StateFolder
from lookout_cli.stack.local import LocalStack, Say
from lookout_cli.stack.running import CaptureOptions, RunningServices, running

CAMERA = "high-street-1"
_FOOTAGE = "footage-v1.mp4"
_TARGET_FPIR = 0.001
_UP_WITHIN_S = 60.0
_LOOK_S = 0.5


def demo(
    source: Annotated[
        str | None,
        typer.Option(help="Your own: a video, a folder of images, a webcam's number, an RTSP URL."),
    ] = None,
    watchlist: Annotated[
        Path | None,
        typer.Option(help="Your own: a folder of pictures or a CSV table of who is sought."),
    ] = None,
    models: FolderOption = default_models_folder(),
    mirror: MirrorOption = None,
    alerts: Annotated[Path, typer.Option(help="Folder for pictures and summary.json.")] = Path(
        "alerts"
    ),
    target_fpir: Annotated[
        float,
        typer.Option(help="False alerts per passer-by that are acceptable.", min=1e-7, max=1e-3),
    ] = _TARGET_FPIR,
    memory: Annotated[
        bool, typer.Option("--memory", help="The in-memory broker, even where Kafka could run.")
    ] = False,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="State folder to keep (logs, sealed records); by default a temporary one."
        ),
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="End at once, as without a terminal.")
    ] = False,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser.")] = False,
) -> None:
    """Show the main job: footage in, an alert at the console, everyone else forgotten. Stops everything it started.

    Without options it composes a short street scene from free photographs, puts one of the people in it on a list, and
    shows the alert for that person and none for the others. On a terminal the console then stays open until Ctrl-C, with
    the alert in its queue; elsewhere that is checked over HTTP.
    """
    with told_plainly():
        report = get_pack(None, models, mirror)
        print_report(report)
        footage = None if source and watchlist else prepare_footage()
        clear_last(alerts)
        stays = sys.stdout.isatty() and not no_wait
        with _state(keep) as folder:
            stack = _stack(folder, report.pack.name, models, memory=memory)
            console = ConsoleOptions(folder, free_ports(1)[0])
            capture = CaptureOptions(cameras=f"{CAMERA}={source or _path_of(footage)}")
            shown = Shown(
                rows=rows_of(watchlist)
                if watchlist
                else watchlist_of(footage or prepare_footage()),
                cameras=(CAMERA,),
                target_fpir=target_fpir,
                alerts_folder=alerts,
            )
            with stack, running(stack, capture, restart=False, console=console) as services:
                visit = _Visit(services, _Stay(opens=not no_open) if stays else None)
                content = visit.run(shown)
        if not content["keys_made"]:
            raise StackError("not one image was captured: what capture said of itself is above")


def _path_of(footage: "Footage | None") -> str:
    return "" if footage is None else str(footage.path)


@dataclass(frozen=True, slots=True)
class _Stay:
    """The console stays open until Ctrl-C, for whoever sits at this terminal."""

    opens: bool

    def at(self, officers: Officers, alerts: int) -> None:
        """Say where to look, and wait."""
        link = officers.link(Role.LFR_OPERATOR)
        # By another name of this machine, so that one browser can be two people.
        second = officers.link(Role.ENGAGEMENT_OFFICER).replace("//127.0.0.1:", "//localhost:")
        out.print(
            f"[bold]the console, for this machine, once, within 15 minutes:[/] {link}",
            soft_wrap=True,
        )
        if alerts:
            out.print(
                "Alerts holds the one to look at, for five minutes: both pictures, the category, the place, no score."
                " Decide; the second of two who decide does not see what the first saw:"
            )
        out.print(f"the second, an engagement officer with a handset: {second}", soft_wrap=True)
        if self.opens and has_graphical_browser():
            webbrowser.open(link)
        out.print("Ctrl-C ends it, and everything that was started", style="dim")
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(_LOOK_S)


class _Visit:
    """The demonstration, on services that run: everything that is said on the way, and what came of it."""

    def __init__(self, services: RunningServices, stay: _Stay | None) -> None:
        self._services, self._stay = services, stay

    def run(self, shown: Shown) -> dict[str, object]:
        """To the end; what ``summary.json`` holds."""
        services = self._services
        services.wait_up(_UP_WITHIN_S)
        with Officers(_first_link(services)) as officers:
            result = run_shift(
                services,
                officers,
                shown,
                say=out.print,
                alerted=lambda alert, person: out.print(describe(alert, person)),
            )
            content = self._told(result, shown.alerts_folder)
            platform = services.session.platform
            waiting = check_waiting(officers.link(Role.LFR_OPERATOR), result, platform)
            out.print(
                f"at the console, by a one-time link: {_count(waiting)} in the queue, both pictures of each served"
            )
            if self._stay is not None:
                self._stay.at(officers, waiting)
            close_shift(officers, platform, result.deployment_id, out.print)
        return content

    def _told(self, result: Result, folder: Path) -> dict[str, object]:
        stack = self._services.stack
        broker = "kafka" if stack.kafka is not None else "memory"
        content = summary(result, broker=broker, pack=stack.pack)
        path = write_summary(folder, content)
        _closing_table(content)
        out.print(f"pictures and [bold]{path.name}[/] are in {folder}/")
        return content


def _count(waiting: int) -> str:
    return f"{waiting} alert waits" if waiting == 1 else f"{waiting} alerts wait"


def _first_link(services: RunningServices) -> str:
    console = services.console
    if console is None or not console.first_link:
        raise StackError(
            f"the console in {services.stack.folder.root} has accounts of an earlier run: name a new folder with --keep"
        )
    return f"{console.url}{console.first_link}"


def has_graphical_browser() -> bool:
    """Whether a browser would open a window of its own: one in the terminal would take the terminal away."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    # Text browsers are registered as these two kinds; windows are Mozilla's, Chrome's and the desktops' own.
    return type(browser) not in (webbrowser.GenericBrowser, webbrowser.Elinks)


@dataclass(frozen=True, slots=True)
class Footage:
    """The street scene, and the picture of the person in it who is to be enrolled."""

    path: Path
    enrolled_picture: Path


def prepare_footage(say: Say = out.print) -> Footage:
    """Compose the street scene, or take it from the cache."""
    cache = Path.home() / ".cache" / "lookout"
    photographs = fetch_photographs(cache / "photographs", say)
    path = cache / "footage" / _FOOTAGE
    if not path.exists():
        with progress_bars() as report:
            compose(
                photographs,
                path,
                progress=lambda done, total: report("composing the street scene", done, total),
            )
    return Footage(path, photographs.enrolled)


def watchlist_of(footage: Footage) -> Sequence[Row]:
    """The watchlist of the street scene: the one enrolled person."""
    return [row_of(ENROLLED_REFERENCE, footage.enrolled_picture)]


def kafka_or_why_not(folder: StateFolder) -> str | None:
    """Why Kafka cannot run here; None when it can."""
    return LocalKafka(folder.kafka).available()


def _stack(folder: StateFolder, pack: str, models: Path, *, memory: bool) -> LocalStack:
    why_not = "asked for" if memory else kafka_or_why_not(folder)
    if why_not is not None:
        out.print(f"[yellow]in-memory broker, all services in one process:[/] {why_not}")
    return LocalStack(
        folder=folder, with_kafka=why_not is None, pack=pack, models=models, say=out.print
    )


@contextlib.contextmanager
def _state(keep: Path | None) -> Iterator[StateFolder]:
    if keep is not None:
        yield StateFolder(keep)
        return
    with tempfile.TemporaryDirectory(prefix="lookout-") as folder:
        yield StateFolder(Path(folder))


def _closing_table(content: dict[str, object]) -> None:
    table = Table(
        "faces seen", "compared", "alerts", "keys made", "destroyed", "expired", "held for alerts"
    )
    names = (
        "faces_seen",
        "compared",
        "alerts",
        "keys_made",
        "keys_destroyed",
        "keys_expired",
        "keys_held",
    )
    table.add_row(*(str(content[name]) for name in names))
    out.print(table)
