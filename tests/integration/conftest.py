"""What the tests of the whole pipeline share: models, and a scene that is composed once."""

from pathlib import Path

import pytest
from support.scene import Scene, compose_scene, pulled_models


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long-load",
        action="store_true",
        default=False,
        help="a minute of load on the console's live feed, and 200 alerts timed (give the file, too)",
    )


@pytest.fixture(name="models_folder", scope="session")
def models_folder_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default pack's files. Mark the test ``models``."""
    return pulled_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(name="scene", scope="session")
def scene_fixture(models_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Footage of one wanted person and two strangers. Mark the test ``models`` and ``faces``."""
    return compose_scene(models_folder, tmp_path_factory.mktemp("scene"))
