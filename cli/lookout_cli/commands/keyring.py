"""``lookout keyring``: what the keyring's server is set up with."""

import os
from pathlib import Path
from typing import Annotated

import typer
from lookout.hosting.settings import secret_of
from rich.table import Table
from rich.text import Text

from lookout_cli.console import err, out, told_plainly
from lookout_cli.production.acls import USER_PREFIX, AclError
from lookout_cli.production.keyring_acls import ALWAYS, CALLS, acl_file, rules_of

app = typer.Typer(no_args_is_help=True, help="The keyring: what each service may do in it.")


@app.callback()
def keyring() -> None:
    """Make a group of it, for more commands to come."""


@app.command()
def acls(
    passwords: Annotated[
        Path | None,
        typer.Option(
            help="Folder with a file ROLE.password for each role; without, a table is printed."
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="File to write (mode 0640), for the server's aclfile."),
    ] = None,
    user_prefix: Annotated[
        str, typer.Option(help="What the users' names begin with; the role follows.")
    ] = USER_PREFIX,
) -> None:
    """The users of the keyring, each with the commands and keys of its service; passwords as digests."""
    with told_plainly():
        if passwords is None:
            out.print(_table(user_prefix))
            return
        found = {
            role: secret_of(path) or ""
            for role in CALLS
            if (path := passwords / f"{role}.password").is_file()
        }
        if not found or not all(found.values()):
            raise AclError(
                f"{passwords} holds no file ROLE.password, or an empty one: roles are {', '.join(CALLS)}"
            )
        text = acl_file(found, user_prefix=user_prefix)
        if to is None:
            typer.echo(text, nl=False)
            return
        descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        err.print(f"{len(found)} users written to {to}")


def _table(user_prefix: str) -> Table:
    table = Table("user", "call", "commands", "on keys")
    for role in CALLS:
        table.add_row(f"{user_prefix}{role}", "", ", ".join(ALWAYS), "")
        for rule in rules_of(role):
            # As text: a table's words would take ":b:" for a picture.
            keys = Text(" ".join(rule.keys))
            table.add_row("", rule.call, ", ".join(rule.commands), keys)
        table.add_section()
    return table
