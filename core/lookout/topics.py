"""The catalogue of topics, read from ``schemas/topics/*.yaml``: the only place of topic names, keys and settings."""

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from lookout import events
from lookout.events import Event
from lookout.stream.ports import TopicSpec

DEFAULT_PREFIX = "lookout."


class CatalogueError(Exception):
    """The catalogue contradicts itself or the code."""


class SchemaVersion(BaseModel):
    """One released schema of a topic. ``schema`` is a path under ``schemas/avro``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(ge=1)
    schema_file: str = Field(alias="schema")
    compatibility: Literal["BACKWARD_TRANSITIVE", "FULL_TRANSITIVE"]


class CatalogueEntry(BaseModel):
    """One YAML file of the catalogue."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: str
    description: str
    data_class: str = Field(
        alias="class",
        description="the class of data in ``retention.yaml`` that says how long it is kept",
    )
    biometric: Literal["no", "sealed"]
    record: str | None = Field(
        default=None, description="the event class; none for a topic that is Faust's own"
    )
    key: str | None = Field(default=None, description="the field that is the message key")
    id: str | None = Field(
        default=None, description="the field that is the CloudEvents id, if one is"
    )
    partitions: int = Field(ge=1)
    config: Mapping[str, str | int]
    producers: Sequence[str]
    consumers: Sequence[str]
    versions: Sequence[SchemaVersion] = ()


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic under its full name, with what is said of it in the catalogue."""

    name: str
    entry: CatalogueEntry

    @property
    def subject(self) -> str:
        """The registry's subject of the values (TopicNameStrategy)."""
        return f"{self.name}-value"

    @property
    def spec(self) -> TopicSpec:
        """What the topic is created with."""
        return TopicSpec(
            name=self.name,
            partitions=self.entry.partitions,
            config={key: str(value) for key, value in self.entry.config.items()},
        )


@dataclass(frozen=True)
class Catalogue:
    """Every topic there is. ``prefix`` lets deployments and tests share a cluster."""

    entries: Sequence[CatalogueEntry]
    prefix: str = DEFAULT_PREFIX

    @cached_property
    def topics(self) -> Sequence[Topic]:
        """All topics, by name."""
        return [Topic(self.prefix + entry.topic, entry) for entry in self.entries]

    def topic_of(self, kind: type[object]) -> Topic:
        """The topic that carries a kind of event."""
        return self._by_record[kind.__name__]

    def named(self, name: str) -> Topic:
        """The topic with a full name; `CatalogueError` if there is none."""
        topic = self._by_name.get(name)
        if topic is None:
            raise CatalogueError(f"no topic {name} in the catalogue")
        return topic

    @cached_property
    def _by_record(self) -> Mapping[str, Topic]:
        found = {topic.entry.record: topic for topic in self.topics if topic.entry.record}
        return {str(record): topic for record, topic in found.items()}

    @cached_property
    def _by_name(self) -> Mapping[str, Topic]:
        return {topic.name: topic for topic in self.topics}


def schemas_folder() -> Path:
    """Where the contracts lie: inside the installed package, or beside ``core/`` in a checkout."""
    packaged = Path(__file__).parent / "_schemas"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "schemas"


def load_catalogue(folder: Path | None = None, *, prefix: str = DEFAULT_PREFIX) -> Catalogue:
    """Read ``topics/*.yaml`` under ``folder`` (by default the released contracts).

    Raises:
        CatalogueError: a file says something that the catalogue has no word for, or two say the same.
    """
    entries = []
    for path in sorted(((folder or schemas_folder()) / "topics").glob("*.yaml")):
        try:
            entries.append(CatalogueEntry.model_validate(yaml.safe_load(path.read_text())))
        except ValueError as error:
            raise CatalogueError(f"{path.name}: {error}") from error
    records = [entry.record for entry in entries if entry.record]
    if len(set(records)) < len(records):
        raise CatalogueError("two topics carry the same record")
    return Catalogue(entries=entries, prefix=prefix)


def event_classes() -> Mapping[str, type[Event]]:
    """Every event class by its record name."""
    return {kind.__name__: kind for kind in typing.get_args(events.Event)}
