"""One table of retention: topics, schemas and printed documents say what it says."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from lookout.retention import (
    RETENTION_FILE,
    DataClass,
    RetentionPolicy,
    keeps_too_long,
    load_retention,
    retention_table_markdown,
)
from lookout.topics import (
    CatalogueEntry,
    CatalogueError,
    event_classes,
    load_catalogue,
    schemas_folder,
)
from lookout_cli.commands.report import dpia_appendix, with_table
from lookout_cli.stack.folder import StateFolder

POLICY = load_retention()
CATALOGUE = load_catalogue()
PAGE = Path(__file__).parents[3] / "docs" / "privacy.md"
BIOMETRIC = "lookout.biometric"


def a_class(*, kept: timedelta | None, ends_with_deployment: bool = False) -> DataClass:
    return DataClass(
        name="one",
        what="something",
        kept=kept,
        ends_with_deployment=ends_with_deployment,
        why="because",
        held_back_by="nobody",
    )


def an_entry(*, biometric: str = "sealed", **config: str) -> CatalogueEntry:
    return CatalogueEntry.model_validate(
        {
            "topic": "t",
            "description": "A topic.",
            "class": "one",
            "biometric": biometric,
            "partitions": 1,
            "config": {name.replace("_", "."): value for name, value in config.items()},
            "producers": ["a"],
            "consumers": ["b"],
        }
    )


@pytest.mark.parametrize("entry", CATALOGUE.entries, ids=lambda entry: str(entry.topic))
def test_no_topic_keeps_its_records_longer_than_its_class(entry: CatalogueEntry) -> None:
    assert keeps_too_long(entry, POLICY) is None


@pytest.mark.parametrize(
    ("entry", "data_class", "told"),
    [
        (
            an_entry(cleanup_policy="delete", retention_ms="60000"),
            a_class(kept=timedelta(minutes=1)),
            "",
        ),
        (
            an_entry(cleanup_policy="delete", retention_ms="60001"),
            a_class(kept=timedelta(minutes=1)),
            "keeps 60001 ms",
        ),
        (
            an_entry(cleanup_policy="delete", retention_ms="-1"),
            a_class(kept=timedelta(days=1)),
            "no end",
        ),
        (an_entry(cleanup_policy="compact"), a_class(kept=timedelta(days=1)), "no end"),
        (an_entry(cleanup_policy="delete", retention_ms="-1"), a_class(kept=None), "nothing ends"),
        (
            an_entry(cleanup_policy="delete", retention_ms="-1"),
            a_class(kept=None, ends_with_deployment=True),
            "",
        ),
        (an_entry(biometric="no", cleanup_policy="compact"), a_class(kept=None), ""),
    ],
)
def test_a_topic_that_keeps_longer_than_its_class_is_told(
    entry: CatalogueEntry, data_class: DataClass, told: str
) -> None:
    found = keeps_too_long(entry, RetentionPolicy(classes=[data_class]))

    assert bool(found) == bool(told)
    assert told in (found or "")


def test_every_class_is_of_something_and_every_store_has_one() -> None:
    used = {entry.data_class for entry in CATALOGUE.entries}
    stores = [store for one in POLICY.classes for store in one.stores]
    folder = StateFolder(Path())

    assert {one.name for one in POLICY.classes if not one.stores} == used
    assert sorted(stores) == sorted(
        str(path) for path in (folder.people, folder.evidence, folder.ledger)
    )


def test_the_page_on_privacy_prints_the_table_as_it_is() -> None:
    page = PAGE.read_text()

    assert with_table(page, POLICY, CATALOGUE) == page


def test_the_table_is_put_into_a_page_that_has_none_and_replaced_in_one_that_has() -> None:
    table = retention_table_markdown(POLICY, CATALOGUE)
    fresh = with_table("# A page\n", POLICY, CATALOGUE)
    stale = with_table(fresh.replace("31 days", "32 days") + "more\n", POLICY, CATALOGUE)

    assert fresh.startswith("# A page\n")
    assert table in fresh
    assert stale == fresh + "more\n"


def test_the_appendix_names_every_class_with_its_reason_and_every_sealed_topic() -> None:
    appendix = dpia_appendix(POLICY, CATALOGUE)

    assert retention_table_markdown(POLICY, CATALOGUE) in appendix
    assert all(one.why in appendix for one in POLICY.classes)
    for entry in CATALOGUE.entries:
        listed = f"| `{entry.topic}` | {', '.join(entry.producers)} |" in appendix
        assert listed == (entry.biometric == "sealed"), entry.topic


def test_a_period_gives_the_moment_before_which_data_is_to_go() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)

    assert a_class(kept=timedelta(days=31)).cutoff(now) == datetime(2026, 5, 1, tzinfo=UTC)
    assert a_class(kept=None).cutoff(now) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kept": "P0D"}, "kept"),
        ({"kept": "for a while"}, "kept"),
        ({"forever": True}, "forever"),
    ],
)
def test_a_table_that_cannot_be_is_refused_naming_what_is_wrong(
    change: dict[str, object], told: str, tmp_path: Path
) -> None:
    table = yaml.safe_load((schemas_folder() / RETENTION_FILE).read_text())
    table["classes"][0].update(change)
    (tmp_path / RETENTION_FILE).write_text(yaml.safe_dump(table))

    with pytest.raises(CatalogueError, match=told):
        load_retention(tmp_path)


def test_a_class_that_stands_twice_or_nowhere_is_refused(tmp_path: Path) -> None:
    table = yaml.safe_load((schemas_folder() / RETENTION_FILE).read_text())
    table["classes"].append(table["classes"][0])
    (tmp_path / RETENTION_FILE).write_text(yaml.safe_dump(table))

    with pytest.raises(CatalogueError, match="one name"):
        load_retention(tmp_path)
    with pytest.raises(CatalogueError, match="no class weather"):
        POLICY.named("weather")


def fields_of(record: str) -> list[dict[str, object]]:
    entry = CATALOGUE.topic_of(event_classes()[record]).entry
    return [
        field
        for version in entry.versions
        for field in json.loads((schemas_folder() / "avro" / version.schema_file).read_text())[
            "fields"
        ]
    ]


def is_sealed(kind: object) -> bool:
    """Whether an Avro type holds sealed envelopes and nothing else but null."""
    if isinstance(kind, list):
        return any(part != "null" for part in kind) and all(
            part == "null" or is_sealed(part) for part in kind
        )
    if isinstance(kind, dict):
        if kind.get("type") == "array":
            return is_sealed(kind["items"])
        return kind.get("type") == "record" and kind.get("name") == "Sealed"
    return kind in {"Sealed", "lookout.v1.Sealed"}


@pytest.mark.parametrize("record", sorted(event_classes()))
def test_what_is_marked_biometric_is_sealed_and_what_is_sealed_is_marked(record: str) -> None:
    for field in fields_of(record):
        assert bool(field.get(BIOMETRIC)) == is_sealed(field["type"]), field["name"]


@pytest.mark.parametrize(
    ("kind", "sealed"),
    [
        ([], False),
        ("bytes", False),
        (["null", "bytes"], False),
        (["null", "Sealed"], True),
        (["bytes", "Sealed"], False),
        ({"type": "array", "items": "Sealed"}, True),
        ({"type": "array", "items": "float"}, False),
        ({"type": "record", "name": "Sealed"}, True),
    ],
)
def test_only_envelopes_count_as_sealed(kind: object, *, sealed: bool) -> None:
    assert is_sealed(kind) == sealed
