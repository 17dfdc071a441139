"""``lookout verify erasure``: gather, sabotage if asked, verify, tell."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

from lookout.telemetry.textfile import verification, write_textfile
from lookout_verifier.promises import Report, Verdict
from lookout_verifier.render import verdict_of
from lookout_verifier.verification import Options, Progress, Sources, silent, verify
from rich.markup import escape
from rich.table import Table

from lookout_cli.console import err, out
from lookout_cli.progress import progress_bars
from lookout_cli.session import connected
from lookout_cli.stack.folder import StackError, StateFolder
from lookout_cli.verify.faults import Fault
from lookout_cli.verify.local import local_sources, places_here

_COLOURS = {Verdict.KEPT: "green", Verdict.BROKEN: "bold red", Verdict.SKIPPED: "yellow"}


def verify_given(sources: Sources, options: Options, *, as_json: bool) -> Report:
    """Verify from what was named by hand, and print the report."""
    with _progress(as_json=as_json) as progress:
        report = verify(sources, options, progress)
    show(report, as_json=as_json)
    return report


def verify_local(state: Path, options: Options, fault: Fault | None, *, as_json: bool) -> Report:
    """Verify the local stack on ``state``, with one promise broken on purpose if asked, and print the report.

    Raises:
        StackError: there is no such stack, or it may not be sabotaged.
    """
    folder, places = StateFolder(state), places_here()
    with contextlib.ExitStack() as stack:
        if fault is not None:
            session = stack.enter_context(connected(state))
            running = folder.running()
            settings = session.platform.settings
            if not settings.demonstration or settings.kafka.bootstrap != running.bootstrap:
                raise StackError(
                    "--inject breaks promises: only on a local stack in demonstration mode, and this is none"
                )
            # Imported here: breaking a promise takes a service's libraries, checking them does not.
            from lookout_cli.verify.inject import Saboteur  # noqa: PLC0415

            stack.enter_context(Saboteur(session.platform, places.memory).injected(fault))
            err.print(f"[yellow]broken on purpose:[/] {fault}")
        report = verify_given(local_sources(folder, places), options, as_json=as_json)
    if fault is None:
        result = verification(ok=not report.broken, finished_at=time.time())
        write_textfile(folder.verification, result)
    return report


def show(report: Report, *, as_json: bool) -> None:
    """Print a report, for people or for machines."""
    if as_json:
        out.print_json(json.dumps(report.as_json()))
        return
    table = Table("promise", "", "what was found")
    for one in report.findings:
        mark = f"[{_COLOURS[one.verdict]}]{one.verdict}[/]"
        table.add_row(one.promise, mark, escape(one.sentence))
    out.print(table)
    for one in report.findings:
        for detail in one.details:
            # Paths and key ids are to be copied, so they are never folded.
            out.print(f"{one.promise}: {escape(detail)}", soft_wrap=True)
    colour = "bold red" if report.broken else "green"
    out.print(f"[{colour}]{escape(verdict_of(report))}[/]")


@contextlib.contextmanager
def _progress(*, as_json: bool) -> Iterator[Progress]:
    if as_json:
        yield silent
        return
    with progress_bars() as report:
        yield report
