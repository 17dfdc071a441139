"""All tables of the console, and bringing a store to them. New tables are imported here, and get a revision.

A new revision: ``python -m lookout_console.schema "what it does"``.
"""

import sys
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

import lookout_console.accounts.tables
import lookout_console.notify.tables
import lookout_console.store.tables
from lookout_console.store.columns import metadata
from lookout_console.store.engine import Store, begin_chain

METADATA: Final = metadata
_TABLES = (
    lookout_console.accounts.tables,
    lookout_console.notify.tables,
    lookout_console.store.tables,
)
_LOCK: Final = 0x100C0_07
"""PostgreSQL's advisory lock: of consoles that start at once, one migrates and the others wait."""


def upgrade(store: Store) -> None:
    """Bring a store to the newest revision, whole or not at all, and begin its audit chain. Blocks."""
    with store.transaction() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        command.upgrade(config_for(connection), "head")
        begin_chain(connection)


def config_for(connection: Connection) -> Config:
    """Alembic's configuration on a connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _write_revision(message: str) -> None:
    store = Store("sqlite://")
    with store.transaction() as connection:
        command.upgrade(config_for(connection), "head")
        config = config_for(connection)
        number = 1 + sum(1 for _ in ScriptDirectory.from_config(config).walk_revisions())
        command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")


if __name__ == "__main__":
    _write_revision(sys.argv[1])
