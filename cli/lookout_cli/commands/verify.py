"""``lookout verify``: whether what was promised about forgetting holds."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from lookout.events import AuditEntry
from lookout.hosting.platform import utc_now
from lookout_verifier.export import export as export_file
from lookout_verifier.keyring import KeyringError
from lookout_verifier.schemas import SchemasError
from lookout_verifier.topics import KafkaDataError
from lookout_verifier.trust import TrustError
from lookout_verifier.verification import CannotVerifyError, Options, Sources
from rich.markup import escape
from sqlalchemy.exc import SQLAlchemyError

from lookout_cli.console import DEFAULT_STATE_FOLDER, KNOWN, StateOption, err, out
from lookout_cli.control import read_all
from lookout_cli.session import connected
from lookout_cli.verify.audit import check as check_audit
from lookout_cli.verify.erasure import verify_given, verify_local
from lookout_cli.verify.faults import Fault

_CANNOT = 2
_ERRORS: tuple[type[Exception], ...] = (
    *KNOWN,
    OSError,
    CannotVerifyError,
    KafkaDataError,
    KeyringError,
    SchemasError,
    TrustError,
)

app = typer.Typer(no_args_is_help=True, help="Whether what was promised about forgetting holds.")


@app.command()
def erasure(
    state: StateOption = DEFAULT_STATE_FOLDER,
    kafka_data: Annotated[
        list[Path] | None,
        typer.Option(help="By hand: a broker's log.dirs, or a copy; repeat for more brokers."),
    ] = None,
    trust: Annotated[Path | None, typer.Option(help="By hand: trust.json, who may sign.")] = None,
    anchors: Annotated[
        list[Path] | None,
        typer.Option(help="By hand: anchors of the chain that were taken away; repeat."),
    ] = None,
    keyring: Annotated[
        str | None, typer.Option(help="By hand: the keyring, unix://, redis:// or rediss://.")
    ] = None,
    keyring_file: Annotated[
        Path | None,
        typer.Option(help="By hand: file with that address, where it holds a password."),
    ] = None,
    scan: Annotated[
        list[Path] | None, typer.Option(help="By hand: folder to look through; repeat.")
    ] = None,
    gallery: Annotated[
        list[Path] | None,
        typer.Option(help="By hand: Qdrant's storage or a gallery's folder; repeat."),
    ] = None,
    metrics: Annotated[
        list[str] | None, typer.Option(help="By hand: endpoint of metrics; repeat.")
    ] = None,
    pid: Annotated[
        list[int] | None,
        typer.Option(help="By hand: process whose core dumps must be off; repeat."),
    ] = None,
    schemas: Annotated[
        Path | None,
        typer.Option(help="avro/ and schemas.lock.json, where a registry gave the ids."),
    ] = None,
    prefix: Annotated[str, typer.Option(help="What the names of topics begin with.")] = "lookout.",
    sample: Annotated[
        int, typer.Option(help="How many destroyed payloads to try to open.", min=1)
    ] = 200,
    settle: Annotated[
        float, typer.Option(help="Seconds that receipts under way get to arrive.", min=0)
    ] = 20.0,
    inject: Annotated[
        Fault | None,
        typer.Option(
            help="Break a promise first, to see that it is noticed. Local demonstration stacks only."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report for machines.")] = False,
) -> None:
    """Check that whoever was to be forgotten is. Exit 0: kept; 1: a promise is broken; 2: cannot verify.

    Without --kafka-data it looks at the local stack, running or ended. With it, at nothing but what is named.
    """
    options = Options(sample=sample, settle_s=settle)
    with _told():
        if kafka_data is None:
            report = verify_local(state, options, inject, as_json=as_json)
        else:
            _refuse(inject)
            sources = Sources(
                kafka=kafka_data,
                prefix=prefix,
                schemas=schemas,
                trust=trust,
                keyring=keyring_file.read_text().strip() if keyring_file else keyring,
                scan=scan or [],
                gallery=gallery,
                metrics=metrics or [],
                pids=pid or [],
                anchors=anchors or [],
            )
            report = verify_given(sources, options, as_json=as_json)
    raise typer.Exit(report.exit_code)


@app.command()
def audit(
    store: Annotated[
        Path | None,
        typer.Option(
            help="File that holds the SQLAlchemy URL of the console's store, password and all: compared with the topic."
        ),
    ] = None,
    state: StateOption = DEFAULT_STATE_FOLDER,
) -> None:
    """Check the audit's chain on its topic and in the console's store. Exit 0: it holds; 1: broken; 2: cannot verify."""
    with _told(), connected(state) as session:
        topic = read_all(session.platform, AuditEntry)
        report = check_audit(topic, None if store is None else _kept(store))
    kept = "" if report.in_store is None else f", {report.in_store} in the store"
    out.print(
        f"{report.on_topic} entries on the topic{kept}, {report.waiting} wait to be published"
    )
    for finding in report.broken:
        err.print(f"[bold red]broken:[/] {finding}")
    if report.broken:
        raise typer.Exit(1)
    out.print("[green]the chain holds[/]")


def _kept(file: Path) -> Sequence[AuditEntry]:
    # Imported here: no other command needs the console's store.
    from lookout_console.store.audit import Audit  # noqa: PLC0415
    from lookout_console.store.engine import Store  # noqa: PLC0415

    opened = Store(file.read_text().strip())
    try:
        return Audit(opened, utc_now).entries()
    except SQLAlchemyError as error:
        raise CannotVerifyError(
            f"the console's store cannot be read ({type(error).__name__}): is the URL in {file} right?"
        ) from None
    finally:
        opened.close()


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to write it, for example lookout-verify.pyz")],
) -> None:
    """Write the verifier as one file for a machine without Lookout: `python3 FILE --help` (needs `cryptography`)."""
    with _told():
        export_file(file)
        out.print(f"{file}: run it with `python3 {file} --kafka-data DIR`")


def _refuse(fault: Fault | None) -> None:
    if fault is not None:
        raise CannotVerifyError(
            "--inject breaks promises: only on a local stack in demonstration mode (--state), never with --kafka-data"
        )


@contextmanager
def _told() -> Iterator[None]:
    """Tell in one sentence why nothing can be verified, and exit with 2: not being able to look is not a broken promise."""
    try:
        yield
    except _ERRORS as error:
        err.print(f"[bold red]cannot verify:[/] {escape(str(error))}")
        raise typer.Exit(_CANNOT) from None
