"""The contracts: schemas, examples, dataclasses, lock and catalogue agree, and a released schema does not break."""

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse
from lookout.codec import Codec
from lookout.records import from_plain, to_plain
from lookout.schema_ids import LOCK_FILE, LockedSchemaIds, SchemaIdError, locked_id
from lookout.topics import CatalogueEntry, event_classes, load_catalogue, schemas_folder

ROOT = schemas_folder()
CATALOGUE = load_catalogue()
EXAMPLES = sorted((ROOT / "examples").rglob("*.json"))
BAD = Path(__file__).parent / "bad_schemas"


def schema_of(name: str) -> Any:
    return json.loads((ROOT / "avro" / name).read_text())


def breaks(old: Any, new: Any, compatibility: str) -> list[str]:
    """Why ``new`` may not follow ``old`` on a topic with this compatibility; empty when it may."""
    pairs = [("reading what the old wrote", new, old)]
    if compatibility == "FULL_TRANSITIVE":
        pairs.append(("being read by the old", old, new))
    found = []
    for what, reader, writer in pairs:
        checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]  # avro is half typed
        verdict = checker.get_compatibility(parse(json.dumps(reader)), parse(json.dumps(writer)))
        if verdict.compatibility is not SchemaCompatibilityType.compatible:
            found += [f"{what}: {message}" for message in verdict.messages]
    return found


@pytest.mark.parametrize("name", sorted(event_classes()))
def test_dataclass_and_newest_schema_have_the_same_fields_in_the_same_order(name: str) -> None:
    kind = event_classes()[name]
    newest = CATALOGUE.topic_of(kind).entry.versions[-1]
    schema = schema_of(newest.schema_file)

    assert schema["name"] == name
    assert schema["namespace"] == "lookout.v1"
    assert [field["name"] for field in schema["fields"]] == [
        field.name for field in dataclasses.fields(kind)
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_golden_example_is_what_the_codec_writes_and_reads(path: Path) -> None:
    schema: Any = fastavro.parse_schema(schema_of(f"{path.parts[-3]}/{path.parts[-2]}.avsc"))
    plain: Any = next(
        iter(fastavro.json_reader(io.StringIO(json.dumps(json.loads(path.read_text()))), schema))
    )
    kind = event_classes()[schema["name"].rsplit(".", 1)[-1]]
    event = from_plain(kind, plain)
    codec = Codec(catalogue=CATALOGUE, ids=LockedSchemaIds())
    wire = bytes.fromhex(path.with_suffix(".hex").read_text().replace("\n", ""))

    assert codec.encode(event) == wire
    assert codec.decode(CATALOGUE.topic_of(kind).name, wire) == event
    assert to_plain(event) == plain


def test_every_event_class_has_a_topic_and_every_schema_an_example_a_topic_and_an_id() -> None:
    used = {version.schema_file for topic in CATALOGUE.topics for version in topic.entry.versions}
    files = {str(path.relative_to(ROOT / "avro")) for path in (ROOT / "avro").rglob("*.avsc")}
    exemplified = {f"{path.parts[-3]}/{path.parts[-2]}.avsc" for path in EXAMPLES}

    assert {topic.entry.record for topic in CATALOGUE.topics if topic.entry.record} == set(
        event_classes()
    )
    assert used == files == exemplified
    assert set(json.loads((ROOT / LOCK_FILE).read_text())) == files


def test_versions_of_a_topic_are_contiguous_from_one() -> None:
    for topic in CATALOGUE.topics:
        versions = [version.version for version in topic.entry.versions]

        assert versions == list(range(1, len(versions) + 1)), topic.name


def test_every_released_version_is_compatible_with_all_before_it() -> None:
    for topic in CATALOGUE.topics:
        for later in topic.entry.versions:
            for earlier in topic.entry.versions[: later.version - 1]:
                old, new = schema_of(earlier.schema_file), schema_of(later.schema_file)

                assert breaks(old, new, later.compatibility) == [], topic.name


@pytest.mark.parametrize(
    ("fixture", "record", "compatibility", "told"),
    [
        ("same", "frame", "FULL_TRANSITIVE", ""),
        ("frame_new_field_without_default", "frame", "BACKWARD_TRANSITIVE", "site"),
        ("frame_width_becomes_text", "frame", "BACKWARD_TRANSITIVE", "reader type: string"),
        ("alert_symbol_removed", "alert", "BACKWARD_TRANSITIVE", "green"),
        ("alert_symbol_added", "alert", "FULL_TRANSITIVE", "purple"),
    ],
)
def test_a_breaking_edit_of_a_released_schema_is_told(
    fixture: str, record: str, compatibility: str, told: str
) -> None:
    old = schema_of(f"{record}/v1.avsc")
    new = old if fixture == "same" else json.loads((BAD / f"{fixture}.avsc").read_text())

    found = " ".join(breaks(old, new, compatibility))

    assert bool(found) == bool(told)
    assert told in found


def test_an_edited_released_schema_is_refused_at_start(tmp_path: Path) -> None:
    folder = tmp_path / "avro" / "frame"
    folder.mkdir(parents=True)
    text = (ROOT / "avro" / "frame" / "v1.avsc").read_text()
    (folder / "v1.avsc").write_text(text.replace('"height"', '"tallness"'))
    (tmp_path / LOCK_FILE).write_text(json.dumps({"frame/v1.avsc": locked_id(text)}))

    with pytest.raises(SchemaIdError, match="released and was edited"):
        LockedSchemaIds(tmp_path)


def test_locked_ids_lie_where_no_registry_counts() -> None:
    ids = json.loads((ROOT / LOCK_FILE).read_text()).values()

    assert all(2**30 <= schema_id < 2**31 for schema_id in ids)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("entry", CATALOGUE.entries, ids=lambda entry: str(entry.topic))
def test_a_topic_follows_the_policy(entry: CatalogueEntry) -> None:
    config = entry.config
    retention = int(config.get("retention.ms", -1))

    assert entry.description.endswith(".")
    assert entry.producers
    assert entry.consumers
    assert "cleanup.policy" in config
    if "delete" in str(config["cleanup.policy"]) and 0 < retention <= 600_000:
        # Kafka deletes closed segments only: one that lives longer than its retention keeps what should be gone.
        assert int(config["segment.ms"]) * 2 <= retention or entry.topic == "status"
    if entry.record in {"Frame", "Face", "Embedding"}:
        assert entry.biometric == "sealed"
        assert retention <= 60_000


def test_every_sealed_field_is_on_a_topic_said_to_be_biometric() -> None:
    for name, kind in event_classes().items():
        entry = CATALOGUE.topic_of(kind).entry
        seals = "Sealed" in (ROOT / "avro" / entry.versions[-1].schema_file).read_text()

        assert (entry.biometric == "sealed") == (seals or name == "DeadLetter"), name
