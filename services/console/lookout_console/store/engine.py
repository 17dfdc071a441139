"""Opening the store, and what a transaction is on each kind of it."""

import sqlite3
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from lookout.audit import GENESIS
from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import OperationalError

from lookout_console.store.columns import metadata
from lookout_console.store.tables import audit_head, audit_published

_WRITES: Final = "lookout_writes"
_BUSY_S: Final = 5
_AGAIN_S: Final = 0.02


class Store:
    """The database. ``reading`` takes no lock; ``writing`` gives transactions that nobody else writes beside (SQLite)."""

    def __init__(self, url: str, *, ca: Path | None = None) -> None:
        """``ca`` (PEM) signs the server's certificate: connections are TLS then, or are not made (PostgreSQL)."""
        tls = {} if ca is None else {"ssl_context": ssl.create_default_context(cafile=str(ca))}
        self.reading: Engine = create_engine(url, pool_pre_ping=True, connect_args=tls)
        if self.reading.dialect.name == "sqlite":
            _like_a_server(self.reading)
        _tell_lost_connections(self.reading)
        self.writing: Engine = self.reading.execution_options(**{_WRITES: True})

    def create(self) -> None:
        """Make what is missing of the tables that have been imported. For tests; `lookout_console.schema` migrates."""
        metadata.create_all(self.reading)
        with self.transaction() as connection:
            begin_chain(connection)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Everything in the block, or nothing of it."""
        with self.writing.begin() as connection:
            yield connection

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Reading only."""
        with self.reading.connect() as connection:
            yield connection

    def close(self) -> None:
        """Let go of every connection."""
        self.reading.dispose()


def begin_chain(connection: Connection) -> None:
    """The audit's first link, where there is none. Whoever may meet others doing the same holds a lock."""
    if connection.execute(select(audit_head.c.only)).first() is None:
        connection.execute(insert(audit_head).values(only=1, sequence=0, entry_hash=GENESIS.hex()))
    if connection.execute(select(audit_published.c.only)).first() is None:
        connection.execute(insert(audit_published).values(only=1, sequence=0))


def _tell_lost_connections(engine: Engine) -> None:
    """A connection lost at the wrong moment comes out of the driver as the operating system's error: make it the store's."""

    @event.listens_for(engine, "handle_error")
    def told(context: ExceptionContext) -> None:
        original = context.original_exception
        if isinstance(original, OSError):
            raise OperationalError(
                context.statement, None, original, connection_invalidated=True
            ) from original


def _log_ahead(cursor: DBAPICursor) -> None:
    """Turn the write-ahead log on. Where others open the same new file at once SQLite refuses instead of waiting."""
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_AGAIN_S)
        else:
            return


def _like_a_server(engine: Engine) -> None:
    """SQLite with a write-ahead log, overwritten deletions, checked foreign keys, and transactions that say if they write."""

    @event.listens_for(engine, "connect")
    def opened(connection: DBAPIConnection, _: Any) -> None:
        connection.isolation_level = None  # sqlite3's: the driver shall begin nothing by itself
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {_BUSY_S * 1000}",
            "synchronous = FULL",
            "secure_delete = ON",
            "foreign_keys = ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        _log_ahead(cursor)
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # A transaction that reads first and writes then would lose to another writer in between: it queues at once.
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
