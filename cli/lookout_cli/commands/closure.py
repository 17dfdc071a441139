"""``lookout verify closure``: prove that a deployment is closed, or say what is broken."""

from typing import Annotated

import typer

from lookout_cli.closing import certificate_table
from lookout_cli.console import DEFAULT_STATE_FOLDER, StateOption, out, told_plainly
from lookout_cli.session import connected
from lookout_cli.verify.closure import verify_closure


def closure(
    deployment: Annotated[str, typer.Argument(help="The deployment's id.")],
    state: StateOption = DEFAULT_STATE_FOLDER,
) -> None:
    """Prove that a closed deployment is purged: its certificate, and everything that it says, checked again.

    Exits with 1 and names what is broken, or missing, if anything is.
    """
    with told_plainly(), connected(state) as session:
        report = verify_closure(session, deployment)
        if report.certificate is not None:
            out.print(certificate_table(report.certificate))
        for finding in report.findings:
            mark = "[green]holds[/]" if finding.holds else "[bold red]BROKEN[/]"
            out.print(f"{mark:>8} {finding.what}", soft_wrap=True)
        if not report.proved:
            raise typer.Exit(1)
        out.print(f"[bold green]closed[/]: {deployment}")
