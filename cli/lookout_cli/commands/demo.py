"""``lookout demo``: the main job on one machine, in two minutes."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from lookout.enrolment.source import Row
from lookout.events import Alert
from lookout.vision.pack import LoadedPack, load_pack
from rich.table import Table

from lookout_cli.commands.models import FolderOption, MirrorOption, get_pack, print_report
from lookout_cli.commands.watch import describe
from lookout_cli.console import out, told_plainly
from lookout_cli.demo.footage import ENROLLED_REFERENCE, compose
from lookout_cli.demo.photographs import fetch_photographs
from lookout_cli.demo.run import (
    Demonstration,
    Result,
    clear_last,
    row_of,
    rows_of,
    run_to_the_end,
    summary,
    write_summary,
)
from lookout_cli.local.kafka import LocalKafka
from lookout_cli.models.store import default_models_folder
from lookout_cli.progress import progress_bars
from lookout_cli.stack.folder import StackError, StateFolder
from lookout_cli.stack.local import LocalStack, Say
from lookout_cli.stack.running import CaptureOptions, RunningServices, running

CAMERA = "high-street-1"
_FOOTAGE = "footage-v1.mp4"
_TARGET_FPIR = 0.001


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
        typer.Option(help="False alerts per passer-by that are acceptable.", min=1e-7, max=0.5),
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
) -> None:
    """Show the main job: footage in, alerts out, everyone else forgotten. Stops everything it started.

    Without options it composes a short street scene from free photographs, enrols one of the people in it, and shows the
    alert for that person and none for the others.
    """
    with told_plainly():
        report = get_pack(None, models, mirror)
        print_report(report)
        loaded = load_pack(report.pack.name, models)
        footage = None if source and watchlist else prepare_footage()
        clear_last(alerts)
        with _state(keep) as folder:
            stack = _stack(folder, loaded.pack.name, models, memory=memory)
            result = _run(stack, loaded, source, watchlist, footage, alerts, target_fpir)
        broker = "kafka" if stack.kafka is not None else "memory"
        content = summary(result, broker=broker, pack=loaded.pack.name)
        path = write_summary(alerts, content)
        _closing_table(content)
        out.print(f"pictures and [bold]{path.name}[/] are in {alerts}/")
        if not content["keys_made"]:
            raise StackError("not one image was captured: what capture said of itself is above")


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


def _run(
    stack: LocalStack,
    loaded: LoadedPack,
    source: str | None,
    watchlist: Path | None,
    footage: Footage | None,
    alerts: Path,
    target_fpir: float,
) -> Result:
    rows: Sequence[Row] = rows_of(watchlist) if watchlist is not None else ()
    if footage is not None:
        source = source or str(footage.path)
        rows = rows or watchlist_of(footage)
    demonstration = Demonstration(
        rows=rows,
        cameras=(CAMERA,),
        loaded=loaded,
        target_fpir=target_fpir,
        alerts_folder=alerts,
    )
    capture = CaptureOptions(cameras=f"{CAMERA}={source}")
    with stack, running(stack, capture, restart=False) as services:
        return _interruptible(services, demonstration)


def _interruptible(services: RunningServices, demonstration: Demonstration) -> Result:
    def alerted(alert: Alert) -> None:
        person = services.session.people.get(alert.deployment_id, alert.entry_id)
        out.print(describe(alert, person))

    return run_to_the_end(services, demonstration, say=out.print, alerted=alerted)


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
