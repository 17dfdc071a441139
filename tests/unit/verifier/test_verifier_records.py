"""Reading without Lookout: every released example, and segments as Kafka writes them, whole or torn."""

import gzip
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from lookout_verifier.avro import AvroError, Schema
from lookout_verifier.export import export
from lookout_verifier.schemas import Schemas, SchemasError, packaged
from lookout_verifier.segments import Message, Reading, read_segment
from lookout_verifier.topics import KafkaData, KafkaDataError

EXAMPLES = Path(__file__).parents[3] / "schemas" / "examples"
_HEADER = struct.Struct(">qiibIhiqqqhii")


def varint(number: int) -> bytes:
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def batch(
    values: list[bytes | None], *, base: int = 0, attributes: int = 0, packed: bytes | None = None
) -> bytes:
    """A record batch of format 2."""
    records = b""
    for delta, value in enumerate(values):
        body = b"\0" + varint(0) + varint(delta) + varint(-1)
        body += varint(-1) if value is None else varint(len(value)) + value
        body += varint(0)
        records += varint(len(body)) + body
    content = records if packed is None else packed
    length = _HEADER.size - 12 + len(content)
    header = _HEADER.pack(
        base, length, 0, 2, 0, attributes, len(values) - 1, 0, 0, -1, -1, -1, len(values)
    )
    return header + content


def read(path: Path) -> tuple[list[Message], Reading]:
    reading = Reading()
    return list(read_segment(path, "t", 0, reading)), reading


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.hex")), ids=lambda path: path.parts[-3])
def test_every_released_example_is_read_with_all_its_fields(path: Path) -> None:
    record, _ = Schemas().decode(bytes.fromhex(path.read_text()))

    wanted = json.loads(path.with_suffix(".json").read_text())

    assert set(record.fields) == set(wanted)
    for name, value in wanted.items():
        if isinstance(value, str | bool) and isinstance(record.fields[name], str | bool):
            assert record.fields[name] == value


def test_spans_rebuild_the_body_exactly() -> None:
    value = bytes.fromhex((EXAMPLES / "erasure/v1/receipts.hex").read_text())
    record, body = Schemas().decode(value)

    assert b"".join(body[start:end] for start, end in record.spans.values()) == body


@pytest.mark.parametrize(
    "value",
    [b"", b"\0\0\0\0", b"\1\0\0\0\0", b"\0\0\0\0\7rest"],
    ids=["empty", "short", "magic", "id"],
)
def test_what_is_no_record_is_refused(value: bytes) -> None:
    with pytest.raises(AvroError):
        Schemas().decode(value)


def test_a_body_cut_anywhere_is_refused() -> None:
    value = bytes.fromhex((EXAMPLES / "erasure/v1/receipts.hex").read_text())
    schemas = Schemas()

    for end in range(5, len(value)):
        with pytest.raises(AvroError):
            schemas.decode(value[:end])


def test_an_endless_array_is_refused() -> None:
    schema = Schema(
        '{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"null"}}]}'
    )

    with pytest.raises(AvroError, match="too long"):
        schema.read(b"\xfe\xff\xff\xff\x0f" + b"\0" * 10)


def test_a_folder_without_schemas_says_what_it_must_hold(tmp_path: Path) -> None:
    with pytest.raises(SchemasError, match=r"schemas\.lock\.json"):
        Schemas(tmp_path)


def test_an_empty_segment_has_no_messages(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_bytes(b"")

    assert read(path)[0] == []


def test_messages_have_their_offsets_and_tombstones_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_bytes(batch([b"one", None]) + batch([b"three"], base=7) + bytes(4096))

    messages, reading = read(path)

    assert [(one.offset, one.value) for one in messages] == [(0, b"one"), (1, None), (7, b"three")]
    assert (reading.torn, reading.unreadable.total()) == (0, 0)


@pytest.mark.parametrize("missing", [1, 20, 70])
def test_a_torn_tail_is_counted_and_what_is_before_it_is_read(tmp_path: Path, missing: int) -> None:
    path = tmp_path / "s"
    path.write_bytes(batch([b"whole"]) + batch([b"torn" * 20], base=1)[:-missing])

    messages, reading = read(path)

    assert [one.value for one in messages] == [b"whole"]
    assert reading.torn == 1


def test_a_segment_packed_with_gzip_is_read_and_other_packings_are_told(tmp_path: Path) -> None:
    path = tmp_path / "s"
    records = batch([b"packed"])[_HEADER.size :]
    path.write_bytes(
        batch([b"packed"], attributes=1, packed=gzip.compress(records))
        + batch([b"x"], base=1, attributes=4, packed=b"zstd")
    )

    messages, reading = read(path)

    assert [one.value for one in messages] == [b"packed"]
    assert reading.unreadable == {"compressed with zstd": 1}


def test_what_transactions_write_between_messages_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_bytes(batch([b"control"], attributes=0x20) + batch([b"message"], base=1))

    assert [one.value for one in read(path)[0]] == [b"message"]


def test_a_partition_on_two_brokers_is_read_once(tmp_path: Path) -> None:
    for broker in ("a", "b"):
        folder = tmp_path / broker / "data" / "lookout.faces-0"
        folder.mkdir(parents=True)
        (folder / f"{0:020}.log").write_bytes(batch([b"one", b"two"]))

    data = KafkaData([tmp_path / "a", tmp_path / "b" / "data"])

    assert data.topics == ["faces"]
    assert [one.value for one in data.messages("faces")] == [b"one", b"two"]


def test_topics_about_to_be_deleted_are_still_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "lookout.faces-3.0123456789abcdef0123456789abcdef-delete"
    folder.mkdir()
    (folder / f"{0:020}.log.deleted").write_bytes(batch([b"still there"]))

    assert [one.value for one in KafkaData([tmp_path]).messages("faces")] == [b"still there"]


def test_a_folder_that_is_no_brokers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KafkaDataError, match=r"log\.dirs"):
        KafkaData([tmp_path])


@pytest.fixture(name="one_file", scope="module")
def one_file_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "lookout-verify.pyz"
    export(path)
    return path


def only_cryptography(folder: Path) -> dict[str, str]:
    """An environment in which nothing is installed but what the verifier may need."""
    import cryptography  # noqa: PLC0415 - only its place is wanted

    site = Path(cryptography.__file__).parents[1]
    for name in [*site.glob("_cffi_backend*"), site / "cffi", site / "cryptography"]:
        (folder / name.name).symlink_to(name)
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)}


def run_alone(
    one_file: Path, environment: dict[str, str], *words: str
) -> subprocess.CompletedProcess[str]:
    # -S: without the installed packages. The working directory is elsewhere.
    return subprocess.run(
        [sys.executable, "-S", str(one_file), *words],
        env=environment,
        cwd=one_file.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_one_file_verifies_where_nothing_of_lookout_is_installed(
    one_file: Path, tmp_path: Path
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    folder = tmp_path / "data" / "lookout.erasures-0"
    folder.mkdir(parents=True)
    issued = bytes.fromhex((EXAMPLES / "erasure/v1/issued.hex").read_text())
    (folder / f"{0:020}.log").write_bytes(batch([issued]))

    done = run_alone(
        one_file, only_cryptography(links), "--kafka-data", str(tmp_path / "data"), "--json"
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["promises"]["chain"]["verdict"] == "kept"


def test_the_one_file_says_what_it_lacks(one_file: Path, tmp_path: Path) -> None:
    done = run_alone(one_file, {"PATH": os.environ["PATH"]}, "--kafka-data", str(tmp_path))

    assert done.returncode == 2
    assert "pip install cryptography" in done.stderr


def test_the_one_file_cannot_verify_what_is_not_there(one_file: Path, tmp_path: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()

    done = run_alone(one_file, only_cryptography(links), "--kafka-data", str(tmp_path / "none"))

    assert done.returncode == 2
    assert "error:" in done.stderr


def test_schemas_can_be_given_with_the_ids_of_a_registry(tmp_path: Path) -> None:
    shutil.copytree(str(packaged()), tmp_path, dirs_exist_ok=True)
    lock = json.loads((tmp_path / "schemas.lock.json").read_text())
    lock["erasure/v1.avsc"] = 17
    (tmp_path / "schemas.lock.json").write_text(json.dumps(lock))
    body = bytes.fromhex((EXAMPLES / "erasure/v1/issued.hex").read_text())[5:]

    record, _ = Schemas(tmp_path).decode(b"\0" + (17).to_bytes(4, "big") + body)

    assert record.name == "Erasure"
