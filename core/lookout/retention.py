"""The retention policy, read from ``schemas/retention.yaml``: how long each class of data is kept, why, and who may hold it back.

The purge job and the printed documents are made from it; topics name their class and are held against it by tests.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from lookout.topics import Catalogue, CatalogueEntry, CatalogueError, schemas_folder

RETENTION_FILE = "retention.yaml"
_MILLISECOND = timedelta(milliseconds=1)
_UNITS = (
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
    (timedelta(seconds=1), "second"),
)


class DataClass(BaseModel):
    """One row of the table. ``kept`` None is without an end of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    what: str
    kept: timedelta | None = Field(gt=timedelta(0))
    ends_with_deployment: bool
    why: str
    held_back_by: str
    stores: Sequence[str] = Field(
        default=(), description="folders of the command line's state that hold it"
    )

    @property
    def period(self) -> str:
        """How long, in words."""
        if self.kept is None:
            return "until the deployment is closed" if self.ends_with_deployment else "no end set"
        words = _in_words(self.kept)
        return (
            f"{words}, at most until the deployment is closed"
            if self.ends_with_deployment
            else words
        )

    def cutoff(self, now: datetime) -> datetime | None:
        """What is older than this moment is to be purged; None where the class has no period."""
        return None if self.kept is None else now - self.kept


class RetentionPolicy(BaseModel):
    """The whole table, in its order."""

    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))

    classes: Sequence[DataClass]

    def named(self, name: str) -> DataClass:
        """The class with a name; `CatalogueError` if there is none."""
        found = self._by_name.get(name)
        if found is None:
            raise CatalogueError(f"no class {name} in {RETENTION_FILE}")
        return found

    def of_topic(self, entry: CatalogueEntry) -> DataClass:
        """The class of a topic's records."""
        return self.named(entry.data_class)

    @cached_property
    def _by_name(self) -> Mapping[str, DataClass]:
        return {one.name: one for one in self.classes}


def load_retention(folder: Path | None = None) -> RetentionPolicy:
    """Read ``retention.yaml`` under ``folder`` (by default the released contracts).

    Raises:
        CatalogueError: the file says something that the table has no word for, or names a class twice.
    """
    path = (folder or schemas_folder()) / RETENTION_FILE
    try:
        policy = RetentionPolicy.model_validate(yaml.safe_load(path.read_text()))
    except ValueError as error:
        raise CatalogueError(f"{RETENTION_FILE}: {error}") from error
    if len({one.name for one in policy.classes}) < len(policy.classes):
        raise CatalogueError(f"{RETENTION_FILE}: two classes have one name")
    return policy


def keeps_too_long(entry: CatalogueEntry, policy: RetentionPolicy) -> str | None:
    """Why a topic's settings let its records live longer than their class; None when they do not.

    A topic that only compacts, or has no period, may carry a class without one; where it is sealed, the purge of the
    deployment must end it.
    """
    data_class = policy.of_topic(entry)
    kept = int(entry.config.get("retention.ms", -1))
    deletes = "delete" in str(entry.config.get("cleanup.policy", "delete"))
    if data_class.kept is None:
        if entry.biometric == "sealed" and not data_class.ends_with_deployment:
            return f"{entry.topic} is sealed, and nothing ends class {data_class.name}"
        return None
    if not deletes or kept < 0:
        return f"{entry.topic} has no end, class {data_class.name} is kept {data_class.period}"
    if kept > data_class.kept // _MILLISECOND:
        return f"{entry.topic} keeps {kept} ms, class {data_class.name} is kept {data_class.period}"
    return None


def retention_table_markdown(policy: RetentionPolicy, catalogue: Catalogue) -> str:
    """The table for printed documents, in Markdown."""
    lines = [
        "| class | what | where | kept | may be held back by |",
        "|---|---|---|---|---|",
    ]
    for one in policy.classes:
        places = [f"`{entry.topic}`" for entry in catalogue.entries if entry.data_class == one.name]
        places += [f"store of the command line, `{store}`" for store in one.stores]
        lines.append(
            f"| {one.name.replace('_', ' ')} | {one.what} | {', '.join(places)} | {one.period} | {one.held_back_by} |"
        )
    return "\n".join(lines) + "\n"


def _in_words(duration: timedelta) -> str:
    for unit, name in _UNITS:
        if duration >= unit and duration % unit == timedelta(0):
            count = duration // unit
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{duration.total_seconds():g} seconds"
