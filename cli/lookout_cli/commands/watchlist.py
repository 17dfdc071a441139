"""``lookout watchlist``: enrol people into a deployment's watchlist, and see what is in it."""

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from lookout.enrolment.enrol import EnrolReport, Outcome, Verdict
from lookout.enrolment.source import Defaults, read_source
from lookout.events import Category, Response, WatchlistAction
from lookout.sealing.ports import DataKey
from lookout.vision.pack import load_pack
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from lookout_cli.commands.models import FolderOption, MirrorOption, get_pack
from lookout_cli.console import DEFAULT_STATE_FOLDER, StateOption, err, out, told_plainly
from lookout_cli.control import new_deployment_id
from lookout_cli.models.store import default_models_folder
from lookout_cli.progress import progress_bars
from lookout_cli.session import connected
from lookout_cli.watchlist.check import check_rows
from lookout_cli.watchlist.enrolment import enrol_rows

app = typer.Typer(
    no_args_is_help=True, help="Watchlists: each belongs to one deployment, and ends with it."
)

_COLOURS = {Outcome.ACCEPTED: "green", Outcome.WARNING: "yellow", Outcome.REFUSED: "red"}


@app.command()
def enrol(
    source: Annotated[
        Path,
        typer.Argument(help="Folder of pictures (one per person, or a folder each), or CSV table."),
    ],
    deployment: Annotated[
        str | None, typer.Option(help="Deployment to enrol into; by default a new one.")
    ] = None,
    category: Annotated[
        Category | None,
        typer.Option(help="Why these people are sought, where the source does not say."),
    ] = None,
    response: Annotated[
        Response | None,
        typer.Option(help="What officers are asked to do, where the source does not say."),
    ] = None,
    reason: Annotated[
        str, typer.Option(help="The reason in words, where the source gives none.")
    ] = "",
    models: FolderOption = default_models_folder(),
    state: StateOption = DEFAULT_STATE_FOLDER,
) -> None:
    """Enrol people: a verdict and its reason for each picture. A CSV table has reference, image, category, response."""
    with told_plainly(), connected(state) as session:
        rows = list(
            read_source(
                source, defaults=Defaults(category=category, response=response, reason=reason)
            )
        )
        loaded = load_pack(session.platform.settings.pack, models)
        name = deployment or new_deployment_id()
        with Progress(
            TextColumn("enrolling"), BarColumn(), MofNCompleteColumn(), console=out
        ) as progress:
            task = progress.add_task("enrolling", total=len(rows))

            def tell(verdict: Verdict) -> None:
                progress.advance(task)
                progress.console.print(*_told(verdict))

            report = enrol_rows(session, loaded, deployment_id=name, rows=rows, progress=tell)
        _summary(report, name)
        for one in report.collisions:
            out.print(
                f"[yellow]{one.first} and {one.second} look like one person[/] ({one.score:.2f})"
            )
        if not report.entries:
            raise typer.Exit(1)


@app.command()
def check(
    source: Annotated[
        Path,
        typer.Argument(help="Folder of pictures (one per person, or a folder each), or CSV table."),
    ],
    pack: Annotated[str | None, typer.Option(help="Model pack; by default the best here.")] = None,
    target_fpir: Annotated[
        float,
        typer.Option(help="The false alert rate that is to be in force.", min=1e-7, max=0.5),
    ] = 0.001,
    page: Annotated[
        Path | None,
        typer.Option(help="Write a page with look-alikes side by side: it shows enrolled people."),
    ] = None,
    models: FolderOption = default_models_folder(),
    mirror: MirrorOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Judge a list before it goes live: each picture, and who looks like whom. Nothing is enrolled or kept."""
    with told_plainly():
        anything = Defaults(category=Category.WITNESS, response=Response.GREEN)
        rows = list(read_source(source, defaults=anything))
        loaded = load_pack(get_pack(pack, models, mirror, console=err).pack.name, models)
        people = len({row.reference for row in rows})
        with progress_bars(err) as tell:
            judged: list[Verdict] = []

            def told(verdict: Verdict) -> None:
                judged.append(verdict)
                tell("judging pictures", len(judged), len(rows))

            found = check_rows(
                loaded,
                rows,
                lookalike_threshold=loaded.pack.threshold(target_fpir, max(1, people)),
                key=DataKey("check", secrets.token_bytes(32)),
                clock=lambda: datetime.now(UTC),
                progress=told,
            )
        if page is not None:
            found.write_page(page)
        if as_json:
            print(json.dumps(found.as_json()))
        else:
            _print_check(found.report)


def _print_check(report: EnrolReport) -> None:
    for verdict in report.verdicts:
        if verdict.reasons:
            out.print(*_told(verdict))
    for one in report.collisions:
        out.print(f"[yellow]{one.first} and {one.second} look like one person[/] ({one.score:.2f})")
    out.print(
        f"{len(report.verdicts)} pictures of {len(report.entries)} people: {report.count(Outcome.WARNING)} with "
        f"warnings, {report.count(Outcome.REFUSED)} refused, {len(report.collisions)} pairs look alike"
    )


@app.command()
def show(
    deployment: Annotated[
        str | None, typer.Argument(help="The deployment; by default the one in force.")
    ] = None,
    state: StateOption = DEFAULT_STATE_FOLDER,
) -> None:
    """Print a deployment's watchlist: references, categories and responses, from the command line's sealed store."""
    with told_plainly(), connected(state) as session:
        name = deployment or session.control.only_live(session.platform.clock()).deployment_id
        table = Table("entry", "reference", "category", "response", "templates", "in force")
        latest = {entry.entry_id: entry for entry in session.control.entries(name)}
        for entry_id, entry in latest.items():
            person = session.people.get(name, entry_id)
            table.add_row(
                entry_id,
                person.reference if person else "(not in this store)",
                str(entry.category or ""),
                str(entry.response or ""),
                str(len(entry.templates)),
                "yes" if entry.action is WatchlistAction.ENROL else str(entry.action),
            )
        out.print(table)


@app.command("was-on-it")
def was_on_it(
    reference: Annotated[str, typer.Argument(help="The person's reference in enrolments.")],
    state: StateOption = DEFAULT_STATE_FOLDER,
) -> None:
    """Answer whether somebody was on a watchlist, and when: from the membership ledger, which outlives them."""
    with told_plainly(), connected(state) as session:
        found = session.ledger.find(reference)
        if not found:
            out.print("the ledger knows nobody by this reference")
            return
        table = Table("deployment", "category", "enrolled (UTC)", "in force (UTC)")
        for entry in found:
            table.add_row(
                entry.deployment_id,
                str(entry.member.category),
                _moment(entry.member.enrolled_at),
                f"{_moment(entry.opens_at)} to {_moment(entry.closes_at)}"
                if entry.opens_at
                else "never opened",
            )
        out.print(table)


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at is not None else ""


def _told(verdict: Verdict) -> tuple[str, ...]:
    colour = _COLOURS[verdict.outcome]
    reasons = "; ".join(verdict.reasons)
    return (f"[{colour}]{verdict.outcome:>8}[/]", verdict.reference, reasons)


def _summary(report: EnrolReport, deployment_id: str) -> None:
    out.print(
        f"{len(report.entries)} people enrolled from {len(report.verdicts)} pictures"
        f" ({report.count(Outcome.WARNING)} with warnings, {report.count(Outcome.REFUSED)} refused)"
    )
    if report.entries:
        out.print(f"next: lookout deployment open {deployment_id} --camera CAMERA", soft_wrap=True)
