"""The topics in a broker's data directory, or in a copy of it."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lookout_verifier.segments import Message, Reading, read_segment

# A partition's folder; Kafka renames those that it is about to delete or to move.
_PARTITION = re.compile(r"(?P<topic>.+)-(?P<index>\d+)(?:\.[0-9a-f]+-(?:delete|future|stray))?")
_SEGMENT = re.compile(r"\d{20}\.log(?:\.(?:deleted|cleaned|swap))?")


class KafkaDataError(Exception):
    """There is no data of a broker where it was said to be. Says what to do."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition's folder."""

    topic: str
    index: int
    folder: Path

    def segments(self) -> Sequence[Path]:
        """Its log segments, oldest first; also those about to be deleted."""
        try:
            return sorted(path for path in self.folder.iterdir() if _SEGMENT.fullmatch(path.name))
        except FileNotFoundError:
            return []


class KafkaData:
    """Data directories of one cluster: one of each broker, or as many as are wanted."""

    def __init__(self, folders: Sequence[Path], *, prefix: str = "lookout.") -> None:
        """``prefix`` is what the names of the system's topics begin with."""
        self.prefix = prefix
        self.reading = Reading()
        self._partitions = [
            partition for folder in folders for partition in _partitions(_data_folder(folder))
        ]
        self._copies = Counter((part.topic, part.index) for part in self._partitions)

    @property
    def topics(self) -> Sequence[str]:
        """The names of the system's own topics, without the prefix."""
        return sorted(
            {
                part.topic.removeprefix(self.prefix)
                for part in self._partitions
                if part.topic.startswith(self.prefix)
            }
        )

    def partitions(self) -> Sequence[Partition]:
        """Every partition, also those of other systems and of Kafka itself."""
        return self._partitions

    def messages(self, topic: str) -> Iterator[Message]:
        """The messages of one of the system's topics; each once, though several brokers have it."""
        seen: set[tuple[int, int]] = set()
        for part in self._partitions:
            if part.topic != self.prefix + topic:
                continue
            copied = self._copies[part.topic, part.index] > 1
            for segment in part.segments():
                for message in read_segment(segment, part.topic, part.index, self.reading):
                    if copied:
                        place = (message.partition, message.offset)
                        if place in seen:
                            continue
                        seen.add(place)
                    yield message


def _data_folder(folder: Path) -> Path:
    for place in (folder, folder / "data"):
        if place.is_dir() and any(_PARTITION.fullmatch(path.name) for path in place.iterdir()):
            return place
    raise KafkaDataError(
        f"no topics in {folder}: give Kafka's log.dirs, the folder with one folder a partition, or a copy of it"
    )


def _partitions(folder: Path) -> Iterator[Partition]:
    for path in sorted(folder.iterdir()):
        found = _PARTITION.fullmatch(path.name)
        if found and path.is_dir():
            yield Partition(found["topic"], int(found["index"]), path)
