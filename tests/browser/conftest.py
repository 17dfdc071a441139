"""A real Chromium, headless, before a real console on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.browser_faces import Faces, fetch_faces
from support.console_browser import Screens, Visitors, chromium, find_chromium
from support.console_world import make_world
from support.served_console import Served, serve


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--screenshots",
        type=Path,
        default=None,
        metavar="FOLDER",
        help="write the pictures of the pages there: pytest tests/browser --screenshots docs/images",
    )


@pytest.fixture(name="browser", scope="module")
def browser_fixture() -> Iterator[Browser]:
    if find_chromium() is None:
        pytest.skip("no chromium: `apt-get install chromium` (Debian) installs it")
    with chromium() as browser:
        yield browser


@pytest.fixture(name="served")
def served_fixture(tmp_path: Path) -> Iterator[Served]:
    with serve(make_world(tmp_path)) as served:
        yield served


@pytest.fixture(name="visitors")
def visitors_fixture(browser: Browser, served: Served) -> Iterator[Visitors]:
    visitors = Visitors(browser=browser, served=served)
    yield visitors
    visitors.leave()
    # A script that fails, or one that the content policy stops, is a defect wherever it happens.
    assert visitors.troubles == []


@pytest.fixture(name="faces", scope="session")
def faces_fixture() -> Faces:
    found = fetch_faces()
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture(name="screens")
def screens_fixture(request: pytest.FixtureRequest) -> Screens:
    return Screens(folder=request.config.getoption("--screenshots", default=None))
