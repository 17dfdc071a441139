"""What is gathered of a local stack by itself: its folder, temporary files, and galleries that nobody else holds."""

from pathlib import Path

import pytest
from lookout_cli.stack.folder import StackError, StateFolder
from lookout_cli.verify.local import Places, local_sources


@pytest.fixture(name="places")
def places_fixture(tmp_path: Path) -> Places:
    places = Places(temporary=tmp_path / "tmp", memory=tmp_path / "shm")
    places.temporary.mkdir()
    places.memory.mkdir()
    return places


def test_a_folder_without_kafka_cannot_be_verified(tmp_path: Path, places: Places) -> None:
    with pytest.raises(StackError, match="no Kafka data"):
        local_sources(StateFolder(tmp_path), places)


def test_an_ended_stack_is_verified_without_its_keyring(tmp_path: Path, places: Places) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.kafka.mkdir(parents=True)
    folder.anchors.mkdir()

    sources = local_sources(folder, places)

    assert (sources.keyring, sources.metrics, sources.pids) == (None, [], [])
    assert (list(sources.kafka), list(sources.anchors)) == ([folder.kafka], [folder.anchors])
    assert sources.gallery == []


def test_temporary_files_are_looked_through_and_galleries_judged_apart(
    tmp_path: Path, places: Places
) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.kafka.mkdir(parents=True)
    (places.temporary / "lookout-demo-x").mkdir()
    (places.temporary / "somebody-elses").mkdir()
    (places.memory / "lookout-gallery-y").mkdir()

    sources = local_sources(folder, places)

    assert list(sources.scan) == [folder.root, places.temporary / "lookout-demo-x"]
    assert sources.gallery == [places.memory / "lookout-gallery-y"]
