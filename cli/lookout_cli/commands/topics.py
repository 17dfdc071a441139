"""``lookout topics``: the catalogue, and the topics made from it."""

import json

import typer
from lookout.hosting.platform import kafka_settings
from lookout.schema_ids import LOCK_FILE, locked_id
from lookout.stream.kafka import KafkaBroker
from lookout.topics import load_catalogue, schemas_folder
from rich.table import Table

from lookout_cli.commands.topic_rights import acls, asyncapi, register, strimzi
from lookout_cli.console import DEFAULT_STATE_FOLDER, StateOption, out, told_plainly
from lookout_cli.session import settings_of

app = typer.Typer(
    no_args_is_help=True, help="The catalogue of topics: show it, create what is missing."
)
app.command()(acls)
app.command()(strimzi)
app.command()(asyncapi)
app.command()(register)


@app.command()
def show() -> None:
    """Print every topic: who writes it, who reads it, its key, partitions and retention."""
    table = Table("topic", "key", "parts", "kept", "sealed", "from", "to")
    for topic in load_catalogue().topics:
        entry = topic.entry
        kept = str(entry.config.get("retention.ms", entry.config["cleanup.policy"]))
        table.add_row(
            topic.name,
            entry.key or "",
            str(entry.partitions),
            _duration(kept),
            "sealed" if entry.biometric == "sealed" else "",
            ", ".join(entry.producers),
            ", ".join(entry.consumers),
        )
    out.print(table)


@app.command()
def create(state: StateOption = DEFAULT_STATE_FOLDER) -> None:
    """Create the topics that are missing. Existing ones are left as they are."""
    with told_plainly():
        settings = settings_of(state)
        catalogue = load_catalogue(prefix=settings.topic_prefix)
        # Kafka's credentials are all that this job needs: it sees no vault and no keyring.
        broker = KafkaBroker(kafka_settings(settings, "topics", "topics"))
        created = broker.create_topics([topic.spec for topic in catalogue.topics])
        out.print("\n".join(f"created {name}" for name in created) or "every topic is there")


@app.command()
def lock() -> None:
    """Write the ids of all schemas into the lock file, for a checkout where a new version was added."""
    with told_plainly():
        root = schemas_folder()
        files = sorted((root / "avro").rglob("*.avsc"))
        ids = {str(path.relative_to(root / "avro")): locked_id(path.read_text()) for path in files}
        (root / LOCK_FILE).write_text(json.dumps(ids, indent=2) + "\n")
        out.print(f"{len(ids)} schemas locked in {root / LOCK_FILE}")


def _duration(kept: str) -> str:
    if not kept.lstrip("-").isdigit():
        return "newest of each key"
    seconds = int(kept) // 1000
    if seconds < 0:
        return "for ever"
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size * 2:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
