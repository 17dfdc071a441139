"""``lookout topics acls | strimzi | asyncapi | register``: what a cluster and its consumers are told, out of the catalogue."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import lookout
import typer
from lookout.hosting.platform import kafka_settings, registry_client
from lookout.hosting.settings import PlatformSettings
from lookout.topics import DEFAULT_PREFIX, load_catalogue, schemas_folder
from rich.table import Table

from lookout_cli.console import DEFAULT_STATE_FOLDER, StateOption, err, out, told_plainly
from lookout_cli.production.acl_formats import as_commands, as_json, as_users
from lookout_cli.production.acls import USER_PREFIX, Principal, principals
from lookout_cli.production.asyncapi import document
from lookout_cli.production.granting import grant_all
from lookout_cli.production.kafka_users import make_users
from lookout_cli.production.registering import register_all
from lookout_cli.production.strimzi import API_VERSION, Labels, as_topics
from lookout_cli.session import settings_of


class Format(StrEnum):
    """What grants are printed as."""

    TABLE = "table"
    COMMANDS = "commands"
    STRIMZI = "strimzi"
    JSON = "json"


class Authentication(StrEnum):
    """How Strimzi's users prove who they are."""

    SCRAM = "scram"
    MTLS = "mtls"


PrefixOption = Annotated[
    str,
    typer.Option("--prefix", envvar="LOOKOUT_TOPIC_PREFIX", help="What topics' names begin with."),
]
ClusterOption = Annotated[str, typer.Option(help="Name of Strimzi's Kafka resource.")]
NamespaceOption = Annotated[str | None, typer.Option(help="Namespace of the documents.")]
VersionOption = Annotated[str, typer.Option(help="apiVersion of Strimzi's documents.")]


def acls(
    form: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.TABLE,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--role", help="This role alone; again for more. Also: auditor, alerts-consumer."
        ),
    ] = None,
    prefix: PrefixOption = DEFAULT_PREFIX,
    user_prefix: Annotated[
        str, typer.Option(help="What the users' names begin with; the role follows.")
    ] = USER_PREFIX,
    bootstrap: Annotated[str, typer.Option(help="Broker, for commands.")] = "kafka:9092",
    admin_file: Annotated[
        str, typer.Option(help="Client properties of the administrator, for commands.")
    ] = "/run/secrets/admin.properties",
    cluster: ClusterOption = "kafka",
    namespace: NamespaceOption = None,
    api_version: VersionOption = API_VERSION,
    authentication: Annotated[
        Authentication, typer.Option(help="How Strimzi's users prove who they are.")
    ] = Authentication.SCRAM,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Grant what is missing on the cluster that is connected to."),
    ] = False,
    passwords: Annotated[
        Path | None,
        typer.Option(
            help="With --apply: make the users, too, by SCRAM passwords in ROLE.password here."
        ),
    ] = None,
    state: StateOption = DEFAULT_STATE_FOLDER,
) -> None:
    """Who may do what on Kafka: every service the topics that name it, and nothing else."""
    with told_plainly():
        found = principals(load_catalogue(prefix=prefix), only=only or (), user_prefix=user_prefix)
        if apply:
            _apply(found, state, passwords)
        elif form is Format.COMMANDS:
            typer.echo(as_commands(found, bootstrap=bootstrap, admin_file=admin_file), nl=False)
        elif form is Format.STRIMZI:
            labels = Labels(cluster=cluster, namespace=namespace, api_version=api_version)
            typer.echo(as_users(found, labels, authentication=authentication), nl=False)
        elif form is Format.JSON:
            typer.echo(as_json(found))
        else:
            out.print(_table(found))


def strimzi(
    replicas: Annotated[int, typer.Option(help="Copies of every partition.")] = 3,
    min_in_sync: Annotated[
        int | None, typer.Option(help="Copies that acknowledge a record; unset, the broker's own.")
    ] = 2,
    prefix: PrefixOption = DEFAULT_PREFIX,
    cluster: ClusterOption = "kafka",
    namespace: NamespaceOption = None,
    api_version: VersionOption = API_VERSION,
) -> None:
    """Print the topics as Strimzi's KafkaTopic documents."""
    with told_plainly():
        labels = Labels(cluster=cluster, namespace=namespace, api_version=api_version)
        catalogue = load_catalogue(prefix=prefix)
        typer.echo(
            as_topics(catalogue, labels, replicas=replicas, min_in_sync=min_in_sync), nl=False
        )


def asyncapi(
    to: Annotated[Path | None, typer.Option("--to", help="File to write; else printed.")] = None,
    prefix: PrefixOption = DEFAULT_PREFIX,
) -> None:
    """Print the AsyncAPI 3 document of all topics, schemas included."""
    with told_plainly():
        text = document(
            load_catalogue(prefix=prefix), schemas_folder(), version=lookout.__version__
        )
        if to is None:
            typer.echo(text, nl=False)
        else:
            to.write_text(text)
            err.print(f"written to {to}")


def register(prefix: PrefixOption = DEFAULT_PREFIX) -> None:
    """Register all schemas, with their compatibility, at LOOKOUT_REGISTRY_URL. For CI or a job: services only read it."""
    with told_plainly():
        with registry_client(PlatformSettings()) as client:
            lines = register_all(client, load_catalogue(prefix=prefix), schemas_folder())
        typer.echo("\n".join(lines))


def _apply(found: Sequence[Principal], state: Path, passwords: Path | None) -> None:
    # The administrator's credentials are all that this needs: no vault, no keyring.
    kafka = kafka_settings(settings_of(state), "admin", "admin")
    if passwords is not None:
        out.print(f"{make_users(kafka, found, passwords)} users have their passwords")
    granted = grant_all(kafka, found)
    out.print(f"{granted} rights of {len(found)} principals are granted")


def _table(found: Sequence[Principal]) -> Table:
    table = Table("user", "may", "on", "named")
    for principal in found:
        for number, grant in enumerate(principal.grants):
            table.add_row(
                principal.user if number == 0 else "",
                ", ".join(grant.operations),
                grant.resource,
                grant.name + ("*" if grant.pattern == "prefixed" else ""),
            )
        table.add_section()
    return table
