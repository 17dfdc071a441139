"""``lookout models``: packs of models, where they come from, whether they are here."""

from pathlib import Path
from typing import Annotated

import typer
from lookout.vision.manifest import read_pack
from rich.console import Console
from rich.table import Table

from lookout_cli.console import out, told_plainly
from lookout_cli.models.pull import PullReport, pull, pull_with_fallback
from lookout_cli.models.store import DEFAULT_PACK, all_packs, default_models_folder, why_not_there
from lookout_cli.progress import progress_bars

app = typer.Typer(
    no_args_is_help=True, help="Model packs: a detector, an embedder, and what their scores mean."
)

FolderOption = Annotated[
    Path, typer.Option("--models", help="Folder of model files.", envvar="LOOKOUT_MODELS_FOLDER")
]
MirrorOption = Annotated[
    Path | None,
    typer.Option(
        "--mirror",
        help="Folder to look in before the official address.",
        envvar="LOOKOUT_MODEL_MIRROR",
    ),
]


@app.command("list")
def list_packs(models: FolderOption = default_models_folder()) -> None:
    """Print the packs, their licences, and whether they are on this machine."""
    table = Table("pack", "detector", "embedder", "licences", "here")
    for pack in all_packs():
        licences = sorted({str(file.licence) for file in pack.files})
        table.add_row(
            pack.name,
            pack.detector.file.name,
            pack.embedder.file.name,
            ", ".join(licences),
            "no" if why_not_there(pack, models) else "yes",
        )
    out.print(table)


@app.command("pull")
def pull_pack(
    pack: Annotated[
        str | None, typer.Argument(help="Pack to get; by default the best that can be had.")
    ] = None,
    models: FolderOption = default_models_folder(),
    mirror: MirrorOption = None,
    acknowledge_licence: Annotated[
        bool, typer.Option(help="You have read and accept a licence that is not permissive.")
    ] = False,
) -> None:
    """Get a pack's files: from the cache, the mirror, or the official address, each checked by its SHA-256."""
    with told_plainly():
        print_report(get_pack(pack, models, mirror, acknowledge=acknowledge_licence))


def get_pack(
    name: str | None,
    models: Path,
    mirror: Path | None,
    *,
    acknowledge: bool = False,
    console: Console = out,
) -> PullReport:
    """Pull a pack with progress bars; without a name the default, else what falls in for it."""
    with progress_bars(console) as report:
        if name is None:
            return pull_with_fallback(
                models, mirror=mirror, acknowledge=acknowledge, progress=report
            )
        return pull(
            read_pack(name), models, mirror=mirror, acknowledge=acknowledge, progress=report
        )


def print_report(report: PullReport) -> None:
    """Say where each file came from, and why it is another pack than the default, if it is."""
    for file in report.files:
        out.print(f"{file.name}: from {file.origin} ({file.place})")
    if report.fallback_reason:
        out.print(
            f"[yellow]{DEFAULT_PACK} could not be had, so this is {report.pack.name}:[/] {report.fallback_reason}"
        )
