"""The tables of a store are those of the code, whatever way it came to them."""

import sys
import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from lookout_console.__main__ import main
from lookout_console.schema import METADATA, upgrade
from lookout_console.store.columns import Instant
from lookout_console.store.engine import Store
from lookout_console.store.tables import audit_head
from sqlalchemy import BigInteger, select


def _as_bytes(*types: object) -> bool | None:
    return False if isinstance(types[-2], BigInteger) and isinstance(types[-1], Instant) else None


def test_a_migrated_store_has_the_tables_that_the_code_asks_for(store: Store) -> None:
    with store.look() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": _as_bytes})
        assert compare_metadata(context, METADATA) == []


def test_migrating_again_changes_nothing(store: Store) -> None:
    upgrade(store)
    with store.look() as connection:
        assert len(connection.execute(select(audit_head)).all()) == 1


def test_a_store_can_be_migrated_without_running_a_console(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["lookout_console", "migrate"])
    monkeypatch.setenv("LOOKOUT_CONSOLE_DATABASE_URL", url)

    main()

    store = Store(url)
    with store.look() as connection:
        assert len(connection.execute(select(audit_head)).all()) == 1
    store.close()


def test_consoles_that_start_at_once_on_an_empty_store_all_find_it_ready(url: str) -> None:
    stores = [Store(url) for _ in range(3)]
    errors: list[Exception] = []

    def start(store: Store) -> None:
        try:
            upgrade(store)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the test's finding
            errors.append(error)

    threads = [threading.Thread(target=start, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with stores[0].look() as connection:
        heads = connection.execute(select(audit_head)).all()
    for store in stores:
        store.close()
    assert errors == []
    assert len(heads) == 1
