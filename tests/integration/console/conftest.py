"""One console for a module of tests; whoever changes it says so by making their own."""

from collections.abc import Iterator

import pytest
from support.console_world import make_world
from support.served_console import Served, serve


@pytest.fixture(name="served", scope="module")
def served_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(make_world(tmp_path_factory.mktemp("console"))) as served:
        yield served
