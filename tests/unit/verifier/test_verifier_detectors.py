"""What is found among bytes, and what is not taken for something: ciphertext, text, tables, zeros."""

import base64
import gzip
import json
import os
import resource
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from lookout_cli.verify.inject import leave_template, picture_of_nobody
from lookout_verifier.detectors import find_all, is_text, looks_random
from lookout_verifier.files import Scan, files_below, needle, scan, scan_file
from lookout_verifier.gallery import find_galleries, find_templates_in, judge_gallery
from lookout_verifier.opening import candidates
from lookout_verifier.processes import judge_core_dumps
from lookout_verifier.promises import Verdict
from lookout_verifier.verification import silent

RANDOM = np.random.default_rng(7)


def template(dim: int = 128) -> bytes:
    vector = RANDOM.normal(size=dim)
    octets: bytes = (vector / np.linalg.norm(vector)).astype("<f4").tobytes()
    return octets


def jpeg() -> bytes:
    image = np.frombuffer(picture_of_nobody(), np.uint8).reshape(112, 112, 3)
    return bytes(cv2.imencode(".jpg", image)[1])


def found_in(data: bytes) -> set[str]:
    return {hit.what for hit in find_all(data)}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", set()),
        (RANDOM.bytes(4 << 20), set()),
        (bytes(1 << 20), set()),
        (json.dumps([round(number, 3) for number in RANDOM.normal(size=4000)]).encode(), set()),
        (("2026-01-01T00:00:00Z INFO batch=50 took=0.031 offset=123456\n" * 2000).encode(), set()),
        (np.arange(20_000, dtype="<i8").tobytes(), set()),
        (np.linspace(0, 1, 20_000, dtype="<f4").tobytes(), set()),
        (struct.pack("<f", 1.0) + bytes(511), set()),
        (RANDOM.bytes(999) + jpeg() + RANDOM.bytes(500), {"jpeg"}),
        (b'{"picture": "' + base64.b64encode(jpeg()) + b'"}', {"jpeg"}),
        (repr(jpeg()).encode(), {"jpeg"}),
        (RANDOM.bytes(1001) + template() + RANDOM.bytes(1000), {"template"}),
        (RANDOM.bytes(3) + template(512), {"template"}),
        (json.dumps(np.frombuffer(template(), "<f4").tolist()).encode(), {"template"}),
        (RANDOM.bytes(5000) + picture_of_nobody(), {"chip"}),
    ],
    ids=[
        "empty", "ciphertext", "zeros", "numbers as text", "log", "table of integers", "ramp", "one-hot",
        "jpeg", "jpeg in base64", "jpeg printed by Python", "template", "template of 512", "template printed", "chip",
    ],
)  # fmt: skip
def test_only_pictures_chips_and_templates_are_found(data: bytes, expected: set[str]) -> None:
    assert found_in(data) == expected


def test_pages_of_a_database_are_no_chip(tmp_path: Path) -> None:
    """Text between zeros, one page like the next: most bytes equal those three further on."""
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as store:
        store.execute("pragma journal_mode=wal")
        store.execute("pragma wal_autocheckpoint=0")
        for number in range(40):
            store.execute(f"create table t{number} (id text primary key, state text, said text)")
            for row in range(6):
                said = f"2026-01-01T12:00:{row:02} deployment {number} is in force"
                store.execute(f"insert into t{number} values (?, 'live', ?)", (str(row), said))  # noqa: S608 - names of the test's own
            store.commit()
        written = path.read_bytes() + path.with_name("store.db-wal").read_bytes()
    assert {hit for at in range(0, 8192, 512) for hit in find_all(written[at:])} == set()


@pytest.mark.parametrize("shift", range(4))
def test_templates_are_found_at_every_alignment(shift: int) -> None:
    assert found_in(RANDOM.bytes(64 + shift) + template() * 3) == {"template"}


def test_a_jpegs_mark_alone_is_no_jpeg() -> None:
    """It occurs in ciphertext every 16 MB."""
    assert found_in(RANDOM.bytes(100) + b"\xff\xd8\xff\xe0" + RANDOM.bytes(5000)) == set()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", True),
        (RANDOM.bytes(300), True),
        (RANDOM.bytes(100_000), True),
        (picture_of_nobody(), False),
        (template(512), False),
        (b"text " * 200, False),
        (RANDOM.bytes(40_000) + bytes(40_000), False),
    ],
)
def test_what_is_not_encrypted_does_not_look_random(data: bytes, *, expected: bool) -> None:
    assert looks_random(data) is expected


def test_ciphertext_is_no_text() -> None:
    assert is_text(b"plain words\n")
    assert not is_text(RANDOM.bytes(1000))


def test_nothing_hides_at_the_seam_between_two_pieces_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(RANDOM.bytes((1 << 20) - 200) + template() + RANDOM.bytes(1000))
    found = Scan()

    scan_file(path, (), found)

    assert [one.what for one in found.plaintext] == ["template"]


def test_holes_in_a_file_do_not_hide_what_is_between_them(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.seek(64 << 20)
        file.write(jpeg())
        file.truncate(128 << 20)
    found = Scan()

    scan_file(path, (), found)

    assert [one.what for one in found.plaintext] == ["jpeg"]


def test_packed_logs_are_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "service.log.1.gz"
    path.write_bytes(gzip.compress(b"line\n" + base64.b64encode(jpeg())))

    assert scan([path], (), silent).plaintext[0].what == "jpeg"


@pytest.mark.parametrize("form", range(4))
def test_keys_are_found_raw_and_as_text(tmp_path: Path, form: int) -> None:
    wanted = needle("block:1", RANDOM.bytes(32))
    path = tmp_path / "dump"
    path.write_bytes(RANDOM.bytes(100) + wanted.forms[form] + b"\n")

    found = scan([path], [wanted], silent)

    assert [one.what for one in found.keys] == ["key block:1"]
    assert str(wanted.forms[form]) not in str(found.keys[0])


def test_files_are_looked_at_once_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("x")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "a" / "file")
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "out").write_text("x")

    paths = list(files_below([tmp_path, tmp_path / "a"], leave=lambda path: path.name == "left"))

    assert paths == [tmp_path / "a" / "file"]


def test_a_file_that_disappears_is_no_trouble(tmp_path: Path) -> None:
    assert scan([tmp_path / "gone"], (), silent).files == 0


def test_a_core_dump_is_found(tmp_path: Path) -> None:
    path = tmp_path / "core.123"
    path.write_bytes(b"\x7fELF" + bytes(12) + (4).to_bytes(2, "little") + bytes(100))

    finding = judge_core_dumps([], scan([path], (), silent).cores, looked_in=1)

    assert finding.verdict is Verdict.BROKEN


def test_a_process_that_may_dump_is_named() -> None:

    may_dump = resource.getrlimit(resource.RLIMIT_CORE)[1] != 0

    finding = judge_core_dumps([os.getpid()], [], looked_in=0)

    assert (finding.verdict is Verdict.BROKEN) is may_dump


def test_whatever_could_be_a_key_is_tried() -> None:
    key = RANDOM.bytes(32)

    assert key in candidates(b"prefix" + key + b"suffix")
    assert key in candidates(b"secret: " + key.hex().encode() + b"\n")
    assert key in candidates(b"secret: " + base64.b64encode(key) + b"\n")
    assert list(candidates(b"")) == []
    assert list(candidates(bytes(1000))) == []


LIVE = "11111111-1111-1111-1111-111111111111"


def test_an_empty_gallery_is_fine(tmp_path: Path) -> None:
    assert judge_gallery(find_templates_in([]), {}).verdict is Verdict.KEPT
    assert judge_gallery(find_templates_in([tmp_path]), {}).verdict is Verdict.KEPT


@pytest.mark.parametrize(
    ("live", "verdict"),
    [({}, Verdict.BROKEN), ({LIVE: False}, Verdict.BROKEN), ({LIVE: True}, Verdict.KEPT)],
    ids=["unknown", "over", "live"],
)
def test_templates_may_lie_in_a_gallery_while_their_deployment_lives(
    tmp_path: Path, live: dict[str, bool], verdict: Verdict
) -> None:
    root = tmp_path / "lookout-gallery-x"
    leave_template(root / f"lookout-{LIVE}")

    assert judge_gallery(find_templates_in([root]), live).verdict is verdict


def test_a_gallery_that_another_system_holds_is_left_out(tmp_path: Path) -> None:
    mine, theirs, left = (tmp_path / f"lookout-gallery-{name}" for name in "abc")
    lines = []
    for folder, pid in ((mine, 10), (theirs, 20), (left, None)):
        folder.mkdir()
        (folder / "in-use").touch()
        status = (folder / "in-use").stat()
        place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        if pid is not None:
            lines.append(f"1: FLOCK  ADVISORY  WRITE {pid} {place} 0 EOF")
    locks = tmp_path / "locks"
    locks.write_text("\n".join(lines))

    found, others = find_galleries([tmp_path], [10], locks)

    assert (found, others) == ([mine, left], 1)
