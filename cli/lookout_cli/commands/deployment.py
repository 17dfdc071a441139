"""``lookout deployment``: open and close a demonstration deployment, and see what is in force."""

from datetime import timedelta
from typing import Annotated

import typer
from lookout.authority import why_not_in_force
from lookout.events import Deployment
from lookout.vision.manifest import read_pack
from rich.table import Table

from lookout_cli.closing import certificate_table, end, note_window, wait_certificate
from lookout_cli.console import DEFAULT_STATE_FOLDER, StateOption, out, told_plainly
from lookout_cli.control import ControlError, DeploymentPlan
from lookout_cli.session import Session, connected

_CERTIFIED_WITHIN_S = 30.0

app = typer.Typer(
    no_args_is_help=True,
    help="Deployments in demonstration mode: signed by the command line, and every alert says so.",
)


@app.command("open")
def open_deployment(
    deployment: Annotated[
        str, typer.Argument(help="The deployment's id, as `watchlist enrol` printed it.")
    ],
    camera: Annotated[list[str], typer.Option(help="Camera id that it covers; repeat for more.")],
    minutes: Annotated[float, typer.Option(help="How long it is in force.", min=0.1)] = 60,
    target_fpir: Annotated[
        float,
        typer.Option(help="False alerts per passer-by that are acceptable.", min=1e-7, max=0.5),
    ] = 0.001,
    confirm: Annotated[
        int, typer.Option(help="Shots of a track that must agree.", min=1, max=5)
    ] = 2,
    out_of: Annotated[
        int, typer.Option("--of", help="… out of its last so many.", min=1, max=5)
    ] = 3,
    state: StateOption = DEFAULT_STATE_FOLDER,
) -> None:
    """Put a deployment into force over its watchlist as it is now."""
    with told_plainly(), connected(state) as session:
        pack = read_pack(session.platform.settings.pack)
        opened = session.control.open(
            DeploymentPlan(
                deployment_id=deployment,
                cameras=tuple(camera),
                duration=timedelta(minutes=minutes),
                target_fpir=target_fpir,
                pack_name=pack.name,
                pack_sha256=pack.sha256,
                confirm_shots=confirm,
                confirm_of=max(confirm, out_of),
            )
        )
        note_window(session, opened)
        out.print(f"in force until {opened.closes_at:%H:%M:%S} UTC: {opened.deployment_id}")


@app.command("close")
def close_deployment(
    deployment: Annotated[
        str | None, typer.Argument(help="Its id; by default the one in force.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option(help="Say what would be destroyed, and stop there.")
    ] = False,
    wait: Annotated[
        bool, typer.Option(help="Wait for the certificate of its purge, and print it.")
    ] = True,
    state: StateOption = DEFAULT_STATE_FOLDER,
) -> None:
    """End a deployment: nothing is matched any more, everything sealed in it is purged, and a certificate says so."""
    with told_plainly(), connected(state) as session:
        name = deployment or session.control.only_live(session.platform.clock()).deployment_id
        people = len(session.people.entries(name))
        out.print(
            f"ends {name}: destroys its keys, its watchlist, its sealed records and what is known of {people} people;"
            " who was on it stays in the membership ledger, without name or picture"
        )
        if dry_run:
            return
        if not yes and not typer.confirm("This cannot be undone. Go on?"):
            raise typer.Exit(1)
        end(session, name)
        out.print("ended")
        if wait:
            _print_certificate(session, name)


def _print_certificate(session: Session, deployment_id: str) -> None:
    with out.status("waiting for the certificate of its purge"):
        certificate = wait_certificate(
            session.platform, deployment_id, within_s=_CERTIFIED_WITHIN_S
        )
    if certificate is None:
        raise ControlError(
            f"no certificate came within {_CERTIFIED_WITHIN_S:.0f} s: does the keeper run? Its log says what it waits for."
            f" Nothing is lost: it goes on by itself; see `lookout verify closure {deployment_id}`"
        )
    out.print(certificate_table(certificate))
    if certificate.missing:
        out.print(
            f"not complete yet; the keeper goes on by itself: lookout verify closure {deployment_id}",
            soft_wrap=True,
        )


@app.command()
def show(state: StateOption = DEFAULT_STATE_FOLDER) -> None:
    """Print every deployment: whether it is in force, and why not."""
    with told_plainly(), connected(state) as session:
        now = session.platform.clock()
        table = Table(
            "deployment", "state", "window (UTC)", "cameras", "pack", "target FPIR", "in force"
        )
        for known in session.control.deployments():
            table.add_row(*_row(known, why_not_in_force(known, now)))
        out.print(table)


def _row(known: Deployment, why_not: str | None) -> list[str]:
    return [
        known.deployment_id,
        known.state,
        f"{known.opens_at:%H:%M:%S} to {known.closes_at:%H:%M:%S}",
        ", ".join(known.cameras),
        known.pack_name,
        f"{known.target_fpir:g}",
        why_not or "yes",
    ]
