"""What every command prints with, and how errors are told to a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from lookout.enrolment.source import SourceError
from lookout.hosting.errors import KNOWN_ERRORS
from rich.console import Console
from rich.markup import escape

from lookout_cli.bench.plan import PlanError
from lookout_cli.control import ControlError
from lookout_cli.demo.photographs import PhotographsUnavailableError
from lookout_cli.evaluate.calibrating import TooFewPairsError
from lookout_cli.evaluate.identification import DrawError
from lookout_cli.evaluate.samples import SamplesError
from lookout_cli.local.kafka import LocalKafkaError
from lookout_cli.local.keyring import LocalKeyringError
from lookout_cli.people.evidence import EvidenceStoreError
from lookout_cli.people.ledger import LedgerError
from lookout_cli.people.store import PeopleStoreError
from lookout_cli.production.acls import AclError
from lookout_cli.stack.folder import DEFAULT_STATE, StackError

KNOWN: tuple[type[Exception], ...] = (
    *KNOWN_ERRORS,
    AclError,
    ControlError,
    DrawError,
    EvidenceStoreError,
    LedgerError,
    LocalKafkaError,
    LocalKeyringError,
    PeopleStoreError,
    PhotographsUnavailableError,
    PlanError,
    SamplesError,
    SourceError,
    StackError,
    TooFewPairsError,
)

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

StateOption = Annotated[
    Path, typer.Option("--state", help="Folder of the local stack.", envvar="LOOKOUT_STATE")
]
DEFAULT_STATE_FOLDER = DEFAULT_STATE


@contextmanager
def told_plainly() -> Iterator[None]:
    """Tell an error that a person can do something about in one sentence, and exit with 1."""
    try:
        yield
    except KNOWN as error:
        err.print(f"[bold red]error:[/] {escape(str(error))}")
        raise typer.Exit(1) from None
