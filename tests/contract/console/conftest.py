"""The console's store and actions, on SQLite and on PostgreSQL alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lookout_console.schema import upgrade
from lookout_console.store.engine import Store
from support.console_world import World, make_world
from support.postgres_node import PostgresNode, running_postgres


@pytest.fixture(name="postgres", scope="session")
def postgres_fixture() -> Iterator[PostgresNode]:
    with running_postgres() as node:
        yield node


@pytest.fixture(name="url", params=["sqlite", "postgresql"])
def url_fixture(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/console.db"
        return
    node = request.getfixturevalue("postgres")
    assert isinstance(node, PostgresNode)
    with node.database() as url:
        yield url


@pytest.fixture(name="store")
def store_fixture(url: str) -> Iterator[Store]:
    """A store as a console finds it: migrated."""
    store = Store(url)
    upgrade(store)
    yield store
    store.close()


@pytest.fixture(name="world")
def world_fixture(url: str, tmp_path: Path) -> Iterator[World]:
    world = make_world(tmp_path, url=url)
    yield world
    world.office.desk.store.close()
