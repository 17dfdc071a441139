"""``lookout up``: the local stack in the foreground, with a live status table."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from lookout.enrolment.source import Row
from lookout.events import ServiceState
from lookout.vision.pack import load_pack
from rich.live import Live

from lookout_cli.commands.demo import (
    CAMERA,
    kafka_or_why_not,
    prepare_footage,
    watchlist_of,
)
from lookout_cli.commands.models import FolderOption, MirrorOption, get_pack, print_report
from lookout_cli.console import DEFAULT_STATE_FOLDER, StateOption, out, told_plainly
from lookout_cli.demo.run import Demonstration, enrol_and_open, rows_of
from lookout_cli.local.ports import free_ports
from lookout_cli.models.store import default_models_folder
from lookout_cli.stack.console import NAME as CONSOLE
from lookout_cli.stack.console import ConsoleOptions
from lookout_cli.stack.folder import StackError, StateFolder
from lookout_cli.stack.local import LocalStack
from lookout_cli.stack.running import CaptureOptions, RunningServices, running
from lookout_cli.stack.view import status_table

_REFRESH_S = 0.5
_TARGET_FPIR = 0.001
_CONSOLE_WITHIN_S = 60.0
# The scene's enrolled person crosses twice in a round of 20 s, 8 s apart at most from sighting to sighting, and comes back 10 s
# after that: with this gap each round is one alert.
_DEMO_GAP_S = 9.5


def up(
    camera: Annotated[
        list[str] | None,
        typer.Option(
            help="ID=SOURCE: a video, folder:PATH, a webcam's number, an RTSP URL; repeat for more."
        ),
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Play recordings again and again.")] = False,
    watchlist: Annotated[
        Path | None,
        typer.Option(
            help="Also enrol these pictures and open a demonstration deployment over all cameras."
        ),
    ] = None,
    demonstration: Annotated[
        bool,
        typer.Option(
            "--demo", help="The demonstration's street scene in a loop, its watchlist in force."
        ),
    ] = False,
    models: FolderOption = default_models_folder(),
    mirror: MirrorOption = None,
    state: StateOption = DEFAULT_STATE_FOLDER,
    gap: Annotated[
        float | None,
        typer.Option(
            help="Seconds without a sighting after which the same person is alerted again.", min=1
        ),
    ] = None,
    kafka_port: Annotated[
        int | None, typer.Option(help="Port for Kafka; by default a free one.")
    ] = None,
    console_port: Annotated[
        int | None, typer.Option(help="Port for the console's pages; by default a free one.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="No live table: for logs and scripts.")
    ] = False,
) -> None:
    """Run Kafka, the keyring and all services here until Ctrl-C. A service that dies is started again.

    Nothing is captured until a deployment is in force: enrol a watchlist and open one from another terminal
    (`lookout watchlist enrol`, `lookout deployment open`), or let --watchlist or --demo do it.
    """
    with told_plainly():
        folder = StateFolder(state)
        if folder.is_running():
            raise StackError(
                f"a stack runs on {state} already: end it, or name another folder with --state"
            )
        why_not = kafka_or_why_not(folder)
        if why_not is not None:
            raise StackError(f"`up` needs Kafka: {why_not}. `lookout demo` works without")
        report = get_pack(None, models, mirror)
        print_report(report)
        cameras = list(camera or [])
        rows: Sequence[Row] = rows_of(watchlist) if watchlist is not None else ()
        if demonstration:
            footage = prepare_footage()
            cameras, loop, gap = [f"{CAMERA}={footage.path}"], True, gap or _DEMO_GAP_S
            rows = watchlist_of(footage)
        stack = LocalStack(
            folder=folder,
            with_kafka=True,
            pack=report.pack.name,
            models=models,
            say=out.print,
            kafka_port=kafka_port,
        )
        options = CaptureOptions(cameras="\n".join(cameras), loop=loop)
        more: dict[str, Mapping[str, str]] = (
            {} if gap is None else {"alerting": {"LOOKOUT_ALERTING_GAP_S": str(gap)}}
        )
        console = ConsoleOptions(folder, console_port or free_ports(1)[0])
        with stack, running(stack, options, restart=True, more=more, console=console) as services:
            if rows:
                _open(services, rows, cameras, models)
            _tell_way_in(services, console)
            _show(services, plain=plain)


def _open(services: RunningServices, rows: Sequence[Row], cameras: list[str], models: Path) -> None:
    loaded = load_pack(services.stack.pack, models)
    name = enrol_and_open(
        services.session,
        Demonstration(
            rows=rows,
            cameras=tuple(one.split("=", 1)[0] for one in cameras),
            loaded=loaded,
            target_fpir=_TARGET_FPIR,
            alerts_folder=None,
        ),
        out.print,
    )
    out.print(f"in force for an hour: deployment {name}")


def _tell_way_in(services: RunningServices, console: ConsoleOptions) -> None:
    def is_up() -> bool:
        said = services.statuses().values()
        return any(
            one.service == CONSOLE and one.state is not ServiceState.NOT_RUNNING for one in said
        )

    way_in = console.way_in(is_up, _CONSOLE_WITHIN_S)
    if way_in is None:
        out.print(
            f"[yellow]the console did not come up:[/] see {services.stack.folder.logs}/{CONSOLE}.log"
        )
        return
    out.print(f"the console, for this machine: {way_in}", soft_wrap=True)


def _show(services: RunningServices, *, plain: bool) -> None:
    clock = services.session.platform.clock
    out.print(f"state in {services.stack.folder.root}; Ctrl-C ends it")
    try:
        if plain:
            while True:
                time.sleep(_REFRESH_S)
        with Live(console=out, refresh_per_second=2) as live:
            while True:
                live.update(status_table(services.statuses(), services.children, clock()))
                time.sleep(_REFRESH_S)
    except KeyboardInterrupt:
        out.print("ending the services in order")
