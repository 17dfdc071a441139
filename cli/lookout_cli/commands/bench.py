"""``lookout bench``: what it costs and how fast it is, as ratios within one run."""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from lookout.topics import schemas_folder
from lookout.vision.pack import LoadedPack, load_pack
from rich.table import Table

from lookout_cli.bench import growth, machine, pipeline, search
from lookout_cli.bench.bare_loop import Gallery
from lookout_cli.bench.peers import (
    PeerResult,
    PeerUnavailableError,
    face_recognition_loop,
    naive_loop,
    opencv_zoo_loop,
)
from lookout_cli.bench.plan import BenchPlan, GrowthPlan, PeersPlan, read_plan
from lookout_cli.bench.results import BenchResults
from lookout_cli.bench.scene import BenchScene, bench_scene, gallery_of
from lookout_cli.bench.stack_run import Load, Step, bench_stack
from lookout_cli.commands.demo import kafka_or_why_not
from lookout_cli.commands.models import FolderOption, MirrorOption, get_pack
from lookout_cli.console import err, out, told_plainly
from lookout_cli.models.store import default_models_folder
from lookout_cli.progress import Report, progress_bars
from lookout_cli.stack.folder import StackError, StateFolder

_TARGET_FPIR = 0.001
_CACHE = Path.home() / ".cache" / "lookout"


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Under ten minutes.")] = False,
    scenarios: Annotated[
        Path | None, typer.Option(help="Your own scenarios, as in benchmarks/quick.yaml.")
    ] = None,
    qdrant: Annotated[
        str, typer.Option(help="URL of a Qdrant server to measure the search of, too.")
    ] = "",
    report: Annotated[
        Path | None, typer.Option(help="Also write tables and plots, as docs/performance.md.")
    ] = None,
    models: FolderOption = default_models_folder(),
    mirror: MirrorOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure the pipeline against a bare loop of the same steps, its latencies, exact search, and what others do.

    Everything runs on this machine and ends with the command. Leave the machine alone meanwhile: other work makes latencies
    worse. Ratios are within the run, so that they carry over to other machines better than times do.
    """
    with told_plainly():
        plan = read_plan(scenarios or _scenarios("quick" if quick else "full"))
        why_not = kafka_or_why_not(StateFolder(Path(".lookout")))
        if why_not is not None:
            raise StackError(f"`bench` measures the pipeline on Kafka: {why_not}")
        loaded = load_pack(get_pack(None, models, mirror, console=err).pack.name, models)
        found = _run(plan, loaded, models, qdrant, mirror)
        if report is not None:
            from lookout_cli.bench.pages import write_page  # noqa: PLC0415 - plots are slow to import

            err.print(f"written: {write_page(report, found)}")
        if as_json:
            print(json.dumps(found.as_json()))
        else:
            _print(found)


def _scenarios(name: str) -> Path:
    return schemas_folder().parent / "benchmarks" / f"{name}.yaml"


def _run(
    plan: BenchPlan, loaded: LoadedPack, models: Path, qdrant: str, mirror: Path | None
) -> BenchResults:
    began = time.monotonic()
    warning = machine.busy_with_other_work()
    if warning:
        err.print(f"[yellow]{warning}[/]")
    scene = bench_scene(err.print)
    gallery = gallery_of(scene, loaded, _TARGET_FPIR)
    with progress_bars(err) as tell, tempfile.TemporaryDirectory(prefix="lookout-bench-") as state:
        piped = pipeline.measure(
            scene,
            loaded,
            gallery,
            pipeline.LoadPlan(cameras=plan.pipeline.cameras, seconds=plan.pipeline.seconds),
            state=Path(state),
            models=models,
            say=lambda _words: None,
            report=tell,
        )
        peers, unavailable = _peers(plan.peers, scene, loaded, gallery, mirror, tell)
        searched = search.measure(
            [search.SearchCase(**case.model_dump()) for case in plan.search.cases],
            [*plan.search.kinds, *(["server"] if qdrant else [])],
            tell,
            url=qdrant,
        )
        tell("faces in a frame", 0, 1)
        faces = growth.by_faces(scene, loaded, gallery, plan.growth.faces)
        tell("faces in a frame", 1, 1)
        grown = _by_stack(plan.growth, scene, loaded, models, tell)
    return BenchResults(
        machine=machine.describe(),
        warning=warning,
        pipeline=piped,
        search=searched,
        peers=peers,
        unavailable=unavailable,
        growth_by_faces=faces,
        growth_by_stack=grown,
        seconds=time.monotonic() - began,
    )


_STREAM = ("frames", "faces", "embeddings")
"""The topics whose partitions are varied together. Those of matches are alerting's tables' too, and stay."""


def _by_stack(
    plan: GrowthPlan, scene: BenchScene, loaded: LoadedPack, models: Path, tell: Report
) -> dict[str, Mapping[str, object]]:
    """One load on stacks that differ in the number of detection's processes, or of the stream's partitions."""
    load = Load(footage=scene.path, rows=scene.rows, loaded=loaded)
    total, done = len(plan.workers) + len(plan.partitions), 0

    def run(
        *, workers: Mapping[str, int] | None = None, partitions: Mapping[str, int] | None = None
    ) -> Step:
        nonlocal done
        tell("workers and partitions", done, total)
        with (
            tempfile.TemporaryDirectory(prefix="lookout-bench-") as state,
            bench_stack(
                Path(state),
                load,
                models=models,
                say=lambda _words: None,
                workers=workers,
                partitions=partitions,
            ) as stack,
        ):
            step = stack.step(plan.cameras, plan.seconds)
        done += 1
        tell("workers and partitions", done, total)
        return step

    return {
        "workers": growth.by_stack(
            "workers", plan.workers, lambda count: run(workers={"detection": count})
        ),
        "partitions": growth.by_stack(
            "partitions",
            plan.partitions,
            lambda count: run(partitions=dict.fromkeys(_STREAM, count)),
        ),
    }


def _peers(
    plan: PeersPlan,
    scene: BenchScene,
    loaded: LoadedPack,
    gallery: Gallery,
    mirror: Path | None,
    tell: Report,
) -> tuple[list[PeerResult], dict[str, str]]:
    runs: list[tuple[str, int, Callable[[], PeerResult]]] = [
        (
            "naive_loop",
            plan.naive_loop,
            lambda: naive_loop(scene, loaded, gallery, plan.naive_loop),
        ),
        (
            "opencv_zoo",
            plan.opencv_zoo,
            lambda: opencv_zoo_loop(
                scene, loaded, gallery, _published_yunet(loaded, mirror), plan.opencv_zoo
            ),
        ),
        (
            "face_recognition",
            plan.face_recognition,
            lambda: face_recognition_loop(scene, _CACHE / "peers", plan.face_recognition),
        ),
    ]
    found: list[PeerResult] = []
    unavailable: dict[str, str] = {}
    for number, (name, images, run) in enumerate(runs):
        tell("what others do", number, len(runs))
        if not images:
            continue
        try:
            found.append(run())
        except PeerUnavailableError as error:
            unavailable[name] = str(error)
    tell("what others do", len(runs), len(runs))
    return found, unavailable


def _published_yunet(loaded: LoadedPack, mirror: Path | None) -> Path:
    """YuNet as its makers publish it, which OpenCV's own detector wants."""
    source = loaded.pack.detector.file.source
    path = (mirror or Path()) / (source.name if source else "")
    if mirror is None or source is None or not path.is_file():
        raise PeerUnavailableError(
            "OpenCV's detector wants YuNet as published: name a folder that holds it with --mirror"
        )
    return path


def _print(found: BenchResults) -> None:
    pipe = found.pipeline
    table = Table("load", "frames/s", "shed", "cpu ms a frame", "alert p50/p95/p99", "destruction")
    for step in (*pipe.steps, pipe.overload):
        table.add_row(
            f"{step.cameras} cameras",
            f"{step.frames_per_s:.1f}",
            f"{100 * step.shed:.1f} %",
            f"{pipe.cpu_ms(step):.1f}",
            step.alert_s.in_words(),
            step.forgotten_s.in_words(),
        )
    out.print(table)
    out.print(
        f"bare loop {pipe.bare_ms:.1f} ms a frame; pipeline {pipe.cpu_ms(pipe.carried):.1f} ms at {pipe.carried.cameras} "
        f"cameras: {pipe.cpu_ratio:.2f} times"
    )
    for peer in found.peers:
        ratio = pipe.carried.frames_per_s / peer.frames_per_s
        out.print(
            f"{peer.name}: {peer.frames_per_s:.1f} frames/s; the pipeline does {ratio:.1f} times as many"
        )
    for name, why in found.unavailable.items():
        out.print(f"[yellow]{name} could not be run:[/] {why}")
    searches = Table(
        "search", "enrolled", "numbers", "ms p50 / p95 / p99", "enrol ms", "withdraw ms"
    )
    for one in found.search:
        searches.add_row(
            one.kind,
            f"{one.case.enrolled:,}",
            str(one.case.dim),
            one.search_ms.in_words(unit="ms"),
            f"{one.enrol_ms:.3f}",
            "-" if one.withdraw_ms is None else f"{one.withdraw_ms:.3f}",
        )
    out.print(searches)
