"""``lookout soak``: many passes through a local stack while its parts are killed, and then the account of every key."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from lookout.events import Erasure, ErasureReason
from lookout.vision.pack import load_pack
from lookout_verifier.verification import Options
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from lookout_cli.accounts import Tally, tally
from lookout_cli.bench.machine import describe
from lookout_cli.bench.stack_run import Load as SteadyLoad
from lookout_cli.bench.stack_run import Reading, bench_stack
from lookout_cli.commands.demo import CAMERA, prepare_footage, watchlist_of
from lookout_cli.commands.models import FolderOption, MirrorOption, get_pack
from lookout_cli.console import DEFAULT_STATE_FOLDER, StateOption, err, out, told_plainly
from lookout_cli.control import read_all
from lookout_cli.demo.run import Demonstration, enrol_and_open, taking
from lookout_cli.models.store import default_models_folder
from lookout_cli.soak.faults import FaultInjector, plan_faults
from lookout_cli.soak.hold import hold
from lookout_cli.soak.load import Load, SyntheticPassers
from lookout_cli.soak.trends import KINDS
from lookout_cli.stack.folder import StackError, StateFolder
from lookout_cli.stack.local import LocalStack
from lookout_cli.stack.running import CaptureOptions, RunningServices, running
from lookout_cli.verify.erasure import verify_local

_READY_WITHIN_S = 60.0
_SETTLE_WITHIN_S = 120.0
_GAP_S = "9.5"
_AROUND = timedelta(minutes=10)


def soak(
    passes: Annotated[int, typer.Option(help="Synthetic passers-by.", min=1)] = 10_000,
    per_second: Annotated[float, typer.Option(help="Of them a second.", min=1)] = 60,
    kills: Annotated[
        int, typer.Option(help="Times that each service and the keyring is killed.", min=0)
    ] = 10,
    seed: Annotated[int, typer.Option(help="Of the passers and the faults.")] = 7,
    hold_for: Annotated[
        float,
        typer.Option(
            "--hold",
            help="Instead of passes and kills: minutes of a steady load, each service in little memory; tells what grows.",
            min=0,
        ),
    ] = 0,
    cameras: Annotated[
        int,
        typer.Option(
            help="Of the steady load, 10 images a second each. 70 % of what `lookout bench` says is carried tells most.",
            min=1,
        ),
    ] = 2,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Also write the steady load's table as a Markdown page, e.g. docs/soak.md."
        ),
    ] = None,
    models: FolderOption = default_models_folder(),
    mirror: MirrorOption = None,
    state: StateOption = DEFAULT_STATE_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end.")] = False,
) -> None:
    """Run passes while parts are killed with kill -9, then verify that every key is accounted for. Exit 1 if not. Or hold a load.

    Real faces come from the demonstration's street scene in a loop; the volume is synthetic faces sent as detection would.
    """
    with told_plainly():
        pack = get_pack(None, models, mirror).pack
        if hold_for:
            _hold(pack.name, cameras, 60 * hold_for, models, report, as_json=as_json)
            return
        footage = prepare_footage()
        stack = LocalStack(
            folder=StateFolder(state),
            with_kafka=True,
            pack=pack.name,
            models=models,
            say=out.print,
        )
        options = CaptureOptions(cameras=f"{CAMERA}={footage.path}", loop=True)
        more = {"alerting": {"LOOKOUT_ALERTING_GAP_S": _GAP_S}}
        demonstration = Demonstration(
            rows=watchlist_of(footage),
            cameras=(CAMERA,),
            loaded=load_pack(pack.name, models),
            target_fpir=0.001,
            alerts_folder=None,
        )
        load = Load(passes=passes, per_second=per_second, chip_size=pack.embedder.size, seed=seed)
        with stack, running(stack, options, restart=True, more=more) as services:
            found = _soak(services, demonstration, load, kills)
            report_of = verify_local(state, Options(), None, as_json=as_json)
    out.print_json(json.dumps(found)) if as_json else out.print(found)
    if found["unaccounted"] or report_of.exit_code:
        raise typer.Exit(1)


def _hold(
    pack: str, cameras: int, seconds: float, models: Path, report: Path | None, *, as_json: bool
) -> None:
    footage = prepare_footage(err.print)
    load = SteadyLoad(
        footage=footage.path,
        rows=watchlist_of(footage),
        loaded=load_pack(pack, models),
        duration=timedelta(seconds=seconds) + _AROUND,
    )
    with (
        tempfile.TemporaryDirectory(prefix="lookout-soak-") as folder,
        bench_stack(Path(folder), load, models=models, say=err.print) as stack,
        _bar(err) as bar,
    ):
        task = bar.add_task("a steady load", total=seconds)

        def told(reading: Reading) -> None:
            bar.update(task, completed=reading.after_s)
            err.print(json.dumps(reading.as_json()), soft_wrap=True, highlight=False)

        held = hold(stack, cameras=cameras, seconds=seconds, say=err.print, told=told)
    if report is not None:
        known = describe()
        told_of = ", ".join(
            f"{name} {known[name]}" for name in ("processor", "cores", "memory_gib")
        )
        report.write_text(held.page(f"Machine: {told_of}."))
    if as_json:
        out.print_json(json.dumps(held.as_json()))
        return
    table = Table("process", *KINDS.values())
    for name in held.trends["resident_mb"]:
        table.add_row(name, *(held.cell(kind, name) for kind in KINDS))
    out.print(table)
    out.print({name: found for name, found in held.as_json().items() if name != "trends"})


def _soak(
    services: RunningServices, demonstration: Demonstration, load: Load, kills: int
) -> dict[str, object]:
    session, stack = services.session, services.stack
    services.wait_up(_READY_WITHIN_S)
    name = enrol_and_open(session, demonstration, out.print)
    services.wait_ready(_READY_WITHIN_S)
    if services.supervisor is None:
        raise StackError("a soak needs services that are processes")
    platform = stack.platform("soak")
    deployment = session.control.only_live(platform.clock())
    passers = SyntheticPassers(platform=platform, deployment=deployment, load=load)
    injector = FaultInjector(
        faults=plan_faults(times=kills, over_s=load.passes / load.per_second, seed=load.seed),
        supervisor=services.supervisor,
        keyring=stack.keyring,
        say=out.print,
    )
    try:
        with (
            taking(session, demonstration.alerts_folder, lambda _alert: None) as feed,
            _bar() as bar,
        ):
            task = bar.add_task("passes", total=load.passes)
            passers.start()
            while not (passers.over() and injector.over()):
                injector.turn()
                feed.turn()
                bar.update(task, completed=passers.sent)
            services.end("capture")
            counted = _settled(services, name, feed.turn)
    finally:
        passers.stop()
        platform.close()
    return {
        "passes": passers.sent,
        "waited": passers.waited,
        "kills": injector.done,
        **_figures(services, name, counted),
    }


def _settled(services: RunningServices, name: str, turn: Callable[[], None]) -> Tally:
    deadline = time.monotonic() + _SETTLE_WITHIN_S
    while True:
        turn()
        counted = tally(services.session.platform, name)
        keys = counted.keys
        if (
            keys.alive == 0 and keys.pending == 0 and keys.unaccounted == 0
        ) or time.monotonic() > deadline:
            return counted


def _figures(services: RunningServices, name: str, counted: Tally) -> dict[str, object]:
    delays = sorted(
        (receipt.destroyed_at - receipt.captured_at).total_seconds()
        for record in read_all(services.session.platform, Erasure)
        if record.deployment_id == name and record.receipts is not None
        for receipt in record.receipts.receipts
        if receipt.reason is ErasureReason.NO_MATCH and receipt.captured_at is not None
    )
    cuts = statistics.quantiles(delays, n=100) if len(delays) > 1 else [0.0] * 99
    keys = counted.keys
    return {
        "alerts": len(counted.alerts),
        "keys_issued": keys.issued,
        "keys_made": keys.made,
        "keys_destroyed": {str(reason): count for reason, count in keys.destroyed.items()},
        "keys_expired": keys.expired,
        "keys_alive": keys.alive,
        "unaccounted": keys.unaccounted,
        "no_match_destroyed_after_s": {
            "p50": cuts[49],
            "p95": cuts[94],
            "p99": cuts[98],
            "n": len(delays),
        },
    }


def _bar(console: Console = out) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console
    )
