"""``lookout chaos``: fault after fault on a local stack under load, and what became of every pass, key and decision."""

import fnmatch
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from lookout.vision.pack import load_pack

from lookout_cli.bench.machine import describe
from lookout_cli.bench.stack_run import Load as BenchLoad
from lookout_cli.bench.stack_run import bench_stack
from lookout_cli.chaos.actions import ClockJump
from lookout_cli.chaos.faults import FAULTS
from lookout_cli.chaos.ground import prepared
from lookout_cli.chaos.report import Outcome, page_of, table_of
from lookout_cli.chaos.run import Material, Plan, run
from lookout_cli.commands.demo import prepare_footage, watchlist_of
from lookout_cli.commands.models import FolderOption, MirrorOption, get_pack
from lookout_cli.console import err, out, told_plainly
from lookout_cli.models.store import default_models_folder
from lookout_cli.stack.folder import StackError

_READ_EVERY_S = 10.0


def chaos(
    times: Annotated[int, typer.Option(help="How often each fault is tried.", min=1)] = 3,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only faults whose names match, e.g. 'kill*'; repeat for more."),
    ] = None,
    every: Annotated[
        float, typer.Option(help="Seconds from one planted pass to the next.", min=0.6)
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the invented people.")] = 7,
    models: FolderOption = default_models_folder(),
    mirror: MirrorOption = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="State folder to keep (logs); by default a temporary one."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Also write the table as a Markdown page, e.g. docs/chaos.md."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end.")] = False,
    overload: Annotated[
        int,
        typer.Option(
            help="Instead of faults: so many cameras at 10 images a second; memory, lag and latency every 10 s.",
            min=0,
        ),
    ] = 0,
    seconds: Annotated[float, typer.Option(help="How long the overload lasts.", min=10)] = 90,
    names: Annotated[bool, typer.Option("--list", help="Only name the faults.")] = False,
) -> None:
    """Break parts of a local stack one after another, under planted passes, and check what must hold. Exit 1 if it did not.

    Some faults need root (small file systems of their own) or Debian's package faketime (a clock that jumps); where one
    cannot be had it is skipped, with the reason. Everything is started here, on the loopback, and ended again.
    """
    faults = [
        fault
        for fault in FAULTS
        if not only or any(fnmatch.fnmatch(fault.name, one) for one in only)
    ]
    if names:
        for fault in faults:
            out.print(fault.name)
        return
    say: Callable[[str], None] = err.print if as_json else out.print
    with told_plainly():
        if not faults:
            raise StackError("no fault has such a name: see `lookout chaos --list`")
        pack = get_pack(None, models, mirror).pack
        if overload:
            _overload(overload, seconds, models, say)
            return
        machine = describe()
        material = Material(
            loaded=load_pack(pack.name, models),
            footage=prepare_footage(say),
            machine={
                name: machine[name] for name in ("processor", "cores", "memory_gib", "python")
            },
        )
        plan = Plan(faults=faults, times=times, every_s=every, seed=seed)
        with (
            tempfile.TemporaryDirectory(prefix="lookout-") as folder,
            prepared(
                keep or Path(folder),
                pack=pack.name,
                models=models,
                say=say,
                with_clocks=any(isinstance(fault.action, ClockJump) for fault in faults),
            ) as ground,
        ):
            outcome = run(ground, plan, material, say)
    _tell(outcome, report, as_json=as_json)


def _overload(cameras: int, seconds: float, models: Path, say: Callable[[str], None]) -> None:
    """Load without a fault: nothing may queue, whatever comes in."""
    footage = prepare_footage(say)
    load = BenchLoad(
        footage=footage.path,
        rows=watchlist_of(footage),
        loaded=load_pack(get_pack(None, models, None).pack.name, models),
    )
    readings = []
    with (
        tempfile.TemporaryDirectory(prefix="lookout-") as folder,
        bench_stack(Path(folder), load, models=models, say=say) as stack,
    ):
        for reading in stack.hold(cameras, seconds, _READ_EVERY_S):
            err.print(json.dumps(reading.as_json()), soft_wrap=True)
            readings.append(reading.as_json())
    out.print_json(json.dumps({"cameras": cameras, "readings": readings}))


def _tell(outcome: Outcome, report: Path | None, *, as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps(outcome.content()))
    else:
        out.print(table_of(outcome))
        for name, why in outcome.skipped.items():
            out.print(f"not tried: {name}: {why}")
        out.print({name: found for name, found in outcome.content().items() if name != "faults"})
    if report is not None:
        report.write_text(page_of(outcome))
    if not outcome.holds:
        raise typer.Exit(1)
