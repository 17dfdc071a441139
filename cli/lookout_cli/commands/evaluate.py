"""``lookout evaluate``: how accurate a pack is, on pictures of yours."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from lookout.vision.pack import LoadedPack, load_pack
from rich.table import Table
from typer.core import TyperGroup

from lookout_cli.commands.models import FolderOption, MirrorOption, get_pack
from lookout_cli.console import err, out, told_plainly
from lookout_cli.demo.run import rows_of
from lookout_cli.evaluate import calibrating
from lookout_cli.evaluate.calibrating import first_of_each
from lookout_cli.evaluate.evaluation import Evaluation, Plan, evaluate
from lookout_cli.evaluate.faces import TemplateMaker, Templates
from lookout_cli.evaluate.passes import PassResult, read_passes
from lookout_cli.evaluate.samples import Half, Sample, read_samples
from lookout_cli.evaluate.video import run_video
from lookout_cli.models.store import default_models_folder
from lookout_cli.progress import progress_bars


class _IdentificationByDefault(TyperGroup):
    """``lookout evaluate FOLDER`` is ``lookout evaluate identification FOLDER``."""

    # The context's type is private to typer.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See `TyperGroup`."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


_DEFAULT = "identification"
app = typer.Typer(
    no_args_is_help=True,
    cls=_IdentificationByDefault,
    help="How accurate a pack is, on pictures or video of yours. `lookout evaluate FOLDER` measures identification.",
)

SourceArgument = Annotated[
    Path,
    typer.Argument(
        help="A folder with one folder of pictures per person, or a CSV table with the columns image and person, and "
        "optionally role (gallery, probe) and group."
    ),
]
PackOption = Annotated[str, typer.Option("--pack", help="The model pack: a name or a manifest.")]
HalfOption = Annotated[
    Half, typer.Option("--half", help="Only this half of the people, split by their names' hash.")
]


@app.command(_DEFAULT)
def identification(
    source: SourceArgument,
    enrolled: Annotated[int, typer.Option(help="People on the watchlist.", min=1)] = 400,
    images: Annotated[int, typer.Option(help="Pictures enrolled of each.", min=1)] = 1,
    pack: PackOption = "mobile",
    draws: Annotated[int, typer.Option(help="Watchlists drawn.", min=1)] = 20,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 7,
    half: HalfOption = Half.BOTH,
    report: Annotated[
        Path | None, typer.Option(help="Write a page with plots into this folder.")
    ] = None,
    models: FolderOption = default_models_folder(),
    mirror: MirrorOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Open-set identification as ISO/IEC 19795 has it: who is missed, and who is wrongly alerted.

    Watchlists are drawn from the people in the pictures; everyone else's pictures are searched as strangers'. Templates
    are made in memory and kept nowhere.
    """
    with told_plainly():
        samples = read_samples(source, half=half)
        loaded = loaded_pack(pack, models, mirror)
        templates = make_templates(loaded, samples)
        plan = Plan(enrolled=enrolled, images=images, draws=draws, seed=seed)
        found = evaluate(loaded.pack.name, samples, templates, plan)
        if report is not None:
            _write(report, [found])
        if as_json:
            print(json.dumps(found.as_json()))
        else:
            _print(found)


def make_templates(loaded: LoadedPack, samples: Sequence[Sample]) -> Templates:
    """Templates of all samples, with a progress bar on standard error."""
    maker = TemplateMaker(loaded)
    with progress_bars(console=err) as tell:
        return maker.make(samples, lambda done, total: tell("making templates", done, total))


def loaded_pack(pack: str, models: Path, mirror: Path | None) -> LoadedPack:
    """A pack by name, got where it is missing, or by the path of its manifest."""
    if "/" in pack or pack.endswith(".yaml"):
        return load_pack(Path(pack), models)
    return load_pack(get_pack(pack, models, mirror, console=err).pack.name, models)


def _write(folder: Path, evaluations: Sequence[Evaluation]) -> None:
    # Only here: drawing is what makes the library of plots worth its start.
    from lookout_cli.evaluate.pages import write_report  # noqa: PLC0415

    err.print(f"report: {write_report(folder, evaluations)}")


def _print(found: Evaluation) -> None:
    table = Table(
        "pack", "TPIR at FPIR 1 %", "TPIR at FPIR 0.1 %", "rank 1", "ms a face", "searches"
    )
    table.add_row(
        found.pack,
        *(
            f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
            for one in found.tpir_at_fpir.values()
        ),
        f"{found.rank1:.3f}",
        "-" if found.ms_per_face is None else f"{found.ms_per_face:.1f}",
        f"{found.mated:,} mated, {found.non_mated:,} not",
    )
    out.print(table)
    for group in found.groups:
        out.print(f"{group.name}: {group.people} people, {group.strangers} strangers")
    for note in found.notes():
        out.print(f"[dim]{note}[/]")


@app.command()
def calibrate(
    source: SourceArgument,
    pack: PackOption = "mobile",
    half: HalfOption = Half.BOTH,
    all_pictures: Annotated[
        bool,
        typer.Option("--all-pictures", help="Every picture of everybody, not one of each person."),
    ] = False,
    measured_on: Annotated[str, typer.Option(help="The pictures in words, for the manifest.")] = "",
    models: FolderOption = default_models_folder(),
    mirror: MirrorOption = None,
) -> None:
    """Measure what a pack's scores mean, and print the calibration section of its manifest.

    Calibrate on pictures like the cameras': press portraits flatter a pack that is to look at a street.
    """
    with told_plainly():
        samples = read_samples(source, half=half)
        templates = make_templates(loaded_pack(pack, models, mirror), samples)
        names = {
            name: number for number, name in enumerate(sorted({one.person for one in samples}))
        }
        persons = np.array([names[one.person] for one in samples], dtype=np.int64)
        there = np.flatnonzero(templates.acquired)
        if not all_pictures:
            there = there[first_of_each(persons[there].tolist())]
        found = calibrating.calibrate(
            templates.vectors[there],
            persons[there],
            measured_on=measured_on
            or f"{source.name}, {'one picture' if not all_pictures else 'all pictures'} of each person",
            day=datetime.now(UTC).date(),
        )
        print(calibrating.as_yaml(found), end="")


@app.command()
def video(
    recording: Annotated[Path, typer.Argument(help="A video, or a folder of images.")],
    passes: Annotated[
        Path,
        typer.Option(
            help="Pass log: CSV with reference (empty for a stranger), begins_s and ends_s."
        ),
    ],
    watchlist: Annotated[
        Path, typer.Option(help="Folder of pictures, or CSV table, of who is on the list.")
    ],
    pack: PackOption = "mobile",
    target_fpir: Annotated[
        float, typer.Option(help="The false alert rate in force.", min=1e-7, max=0.5)
    ] = 0.001,
    fps: Annotated[float, typer.Option(help="Images a second looked at.", min=0.5)] = 10.0,
    models: FolderOption = default_models_folder(),
    mirror: MirrorOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """TPIR per pass, as forces measure it with a blue list: a recording with known passes, through the services themselves.

    Plays at its own pace, on the in-memory broker; nothing of it is kept.
    """
    with told_plainly():
        log = read_passes(passes)
        loaded = loaded_pack(pack, models, mirror)
        with progress_bars(err) as tell:
            found = run_video(
                recording,
                log,
                rows_of(watchlist),
                loaded,
                models=models,
                target_fpir=target_fpir,
                fps=fps,
                say=err.print,
                tell=lambda seconds: tell("playing", round(seconds), 0),
            )
        if as_json:
            print(json.dumps({"pack": loaded.pack.name, **found.as_json()}))
        else:
            _print_passes(found)


def _print_passes(found: PassResult) -> None:
    table = Table("passes", "recognised", "TPIR", "faces seen", "false matches")
    tpir = found.tpir
    table.add_row(
        str(len(found.recognised) + len(found.missed)),
        str(len(found.recognised)),
        "-" if tpir is None else f"{tpir.value:.3f} ({tpir.low:.3f} to {tpir.high:.3f})",
        str(found.faces_seen),
        str(len(found.false_claims)),
    )
    out.print(table)
    for one in found.missed:
        out.print(f"missed: {one.reference}, {one.begins_s:g} to {one.ends_s:g} s")
    for claim in found.false_claims:
        out.print(f"false: {claim.reference} at {claim.at_s:.1f} s")
