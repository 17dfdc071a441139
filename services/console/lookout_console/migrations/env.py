"""Alembic's entry: it works on the connection that `lookout_console.schema` gives it."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import BigInteger

from lookout_console.schema import METADATA
from lookout_console.store.columns import Instant


def _as_kept(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """A revision names columns as the database has them, not by classes of ours that may change."""
    return "sa.BigInteger()" if kind == "type" and isinstance(item, Instant) else False


def _differs(*args: object) -> bool | None:
    """Instants are whole numbers in the database."""
    kept, wanted = args[3], args[4]
    return False if isinstance(kept, BigInteger) and isinstance(wanted, Instant) else None


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_item=_as_kept,
    compare_type=_differs,
    # SQLite changes a table by making another.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
