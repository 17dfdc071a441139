"""The part of ``lookout doctor`` that looks at an installation: what is open, why it matters, and what to do."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from lookout.hosting.platform import kafka_settings, keyring_address
from lookout.hosting.settings import PlatformSettings
from lookout.sealing.signing import TrustError, TrustStore
from lookout.topics import load_catalogue
from lookout_console.settings import Settings as ConsoleSettings
from lookout_matching.settings import Settings as MatchingSettings
from rich.table import Table
from rich.text import Text

from lookout_cli.console import out
from lookout_cli.production.acls import principals
from lookout_cli.production.findings import Check, Verdict, any_open, as_json
from lookout_cli.production.host_checks import file_checks, host_checks, this_machine
from lookout_cli.production.kafka_checks import kafka_checks
from lookout_cli.production.part_checks import (
    console_checks,
    gallery_checks,
    keyring_checks,
    trust_checks,
)
from lookout_cli.session import settings_of

ProductionOption = Annotated[
    bool,
    typer.Option(
        "--production",
        help="Look at the installation that the environment names (or the stack that runs here): what is open.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="With --production: for programs.")]

_COLOURS = {Verdict.OK: "green", Verdict.OPEN: "bold red", Verdict.UNKNOWN: "yellow"}
_WAIT = timedelta(seconds=2)
_REQUEST_S = 5.0


def check_production(state: Path, *, json: bool) -> bool:
    """Look at everything and tell; whether nothing is open."""
    checks = list(findings(settings_of(state), ConsoleSettings(), MatchingSettings()))
    if json:
        typer.echo(as_json(checks))
    else:
        out.print(_table(checks))
        counts = {verdict: sum(c.verdict is verdict for c in checks) for verdict in Verdict}
        out.print(", ".join(f"{number} {verdict}" for verdict, number in counts.items()))
    return not any_open(checks)


def findings(
    settings: PlatformSettings, console: ConsoleSettings, matching: MatchingSettings
) -> Iterator[Check]:
    """Every check, in the order in which they are told."""
    kafka = kafka_settings(settings, "monitor", "doctor", request_timeout_s=_REQUEST_S)
    wanted = principals(load_catalogue(prefix=settings.topic_prefix))
    yield from kafka_checks(kafka, list(wanted))
    yield from keyring_checks(
        keyring_address(settings, _WAIT), clocks_differ=timedelta(seconds=settings.clocks_differ_s)
    )
    yield from gallery_checks(matching)
    yield from console_checks(console)
    yield from trust_checks(_trust(settings), demonstration=settings.demonstration)
    yield from file_checks(_secret_files(settings, console, matching))
    yield from host_checks(this_machine())


def _trust(settings: PlatformSettings) -> TrustStore | None:
    try:
        return TrustStore.load(settings.trust_file)
    except TrustError:
        return None


def _secret_files(
    settings: PlatformSettings, console: ConsoleSettings, matching: MatchingSettings
) -> Sequence[Path]:
    named = (
        settings.vault_secret_file,
        settings.vault_folder,
        settings.kafka.password_file,
        settings.kafka.key_file,
        settings.keyring_password_file,
        settings.keyring_key_file,
        settings.registry_password_file,
        console.database_url_file,
        console.database_password_file,
        console.oidc_client_secret_file,
        console.push_key_file,
        matching.gallery_api_key_file,
    )
    return [path for path in named if path is not None]


def _table(checks: Sequence[Check]) -> Table:
    table = Table(show_lines=True)
    for heading in ("", "what", "found", "why it matters", "what to do"):
        table.add_column(heading, overflow="fold")  # advice that is cut off is none
    for check in checks:
        table.add_row(
            Text(check.verdict, style=_COLOURS[check.verdict]),
            Text(check.what),
            Text(check.found),
            Text(check.why),
            Text(check.remedy),
        )
    return table
