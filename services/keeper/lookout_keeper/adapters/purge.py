"""What a purge reads and deletes on the topics, on any broker."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from lookout.codec import Codec
from lookout.events import (
    Alert,
    DeletedRecords,
    Event,
    Match,
    PurgeCertificate,
    WatchlistAction,
    WatchlistEntry,
    WatchlistState,
)
from lookout.stream.ports import (
    Broker,
    InvalidMessageError,
    Message,
    Partition,
    RetryableError,
    StreamError,
)
from lookout.topics import Catalogue, Topic

from lookout_keeper.closing_domain import Stored, deletion
from lookout_keeper.ports import Deleted

_PAGE = 500
_WAIT_S = 0.2
_READ_WITHIN_S = 30.0
_DEPLOYMENT_HEADER = "ce_deploymentid"
# Its records are kept by their own class: what was sealed in them has lost its key already.
_OWN_CLASS = "dead_letters"


class SealedTopics:
    """`lookout_keeper.ports.PurgeTopics`. Whose a record is, is read from its header; contents are decoded without one."""

    def __init__(
        self,
        *,
        broker: Broker,
        codec: Codec,
        catalogue: Catalogue,
        emit: Callable[[Event], None],
    ) -> None:
        """``emit`` produces an event and waits for the acknowledgement."""
        self._broker, self._codec, self._catalogue, self._emit = broker, codec, catalogue, emit

    def enrolled(self, deployment_id: str) -> int:
        """See `PurgeTopics.enrolled`."""
        return len(
            {
                entry.entry_id
                for entry in self._events(WatchlistEntry)
                if isinstance(entry, WatchlistEntry)
                and entry.deployment_id == deployment_id
                and entry.action is WatchlistAction.ENROL
            }
        )

    def evidence(self, deployment_id: str) -> Collection[str]:
        """See `PurgeTopics.evidence`."""
        return {
            event.thumbnail.key_id
            for kind in (Match, Alert)
            for event in self._events(kind)
            if isinstance(event, Match | Alert)
            and event.deployment_id == deployment_id
            and event.thumbnail is not None
        }

    def gallery_told(self, deployment_id: str) -> bool:
        """See `PurgeTopics.gallery_told`."""
        told = False
        for message in self._messages(self._catalogue.topic_of(WatchlistState).name):
            if message.key == deployment_id.encode():
                told = message.value is not None
        return told

    def delete(
        self,
        deployment_id: str,
        *,
        spared: Callable[[str], bool],
        alone: bool,
        evidence_waits: bool,
        settled: Collection[str],
    ) -> Deleted:
        """See `PurgeTopics.delete`."""
        waiting = {self._catalogue.topic_of(kind).name for kind in (Match, Alert)}
        records: list[DeletedRecords] = []
        left: dict[str, int] = {}
        for topic in sealed_topics(self._catalogue):
            if topic.name in settled or (evidence_waits and topic.name in waiting):
                continue
            only_own = alone and topic.entry.record != WatchlistEntry.__name__
            marks = self._broker.watermarks(topic.name)
            stored = {} if only_own else self._stored(topic.name)
            left[topic.name] = 0
            before: dict[Partition, int] = {}
            for partition, (low, end) in marks.items():
                found = deletion(
                    stored.get(partition, ()), end=end, own=deployment_id, spared=spared
                )
                left[topic.name] += found.left
                if found.below > low:
                    before[partition] = found.below
                records.append(_deleted(partition, max(found.below, low)))
            if before:
                self._broker.delete_records(before)
        return Deleted(records=records, left=left)

    def publish(self, certificate: PurgeCertificate) -> None:
        """See `PurgeTopics.publish`."""
        self._emit(certificate)

    def _stored(self, topic: str) -> Mapping[Partition, Sequence[Stored]]:
        found: dict[Partition, list[Stored]] = {}
        for message in self._messages(topic):
            place = message.position
            found.setdefault(place.partition, []).append(
                Stored(place.offset, deployment_of(message, self._codec))
            )
        return found

    def _events(self, kind: type[Event]) -> Iterator[Event]:
        topic = self._catalogue.topic_of(kind).name
        for message in self._messages(topic):
            try:
                yield self._codec.decode(topic, message.value)
            except InvalidMessageError:
                continue

    def _messages(self, topic: str) -> Iterator[Message]:
        """Everything that is on a topic now."""
        deadline = time.monotonic() + _READ_WITHIN_S
        reader = self._broker.reader([topic])
        try:
            while not reader.caught_up():
                if time.monotonic() > deadline:
                    raise StreamError(
                        f"{topic} could not be read to its end in {_READ_WITHIN_S:.0f} s"
                    )
                yield from reader.poll(_PAGE, _WAIT_S)
        finally:
            reader.close()


def sealed_topics(catalogue: Catalogue) -> Sequence[Topic]:
    """The topics whose records end with their deployment."""
    return [
        topic
        for topic in catalogue.topics
        if topic.entry.biometric == "sealed" and topic.entry.data_class != _OWN_CLASS
    ]


def deployment_of(message: Message, codec: Codec) -> str:
    """The deployment a record belongs to; empty where nobody can tell."""
    header = dict(message.headers).get(_DEPLOYMENT_HEADER)
    if header is not None:
        return header.decode(errors="replace")
    try:
        return codec.decode(message.position.partition.topic, message.value).deployment_id
    except (InvalidMessageError, RetryableError):
        return ""


def _deleted(partition: Partition, below: int) -> DeletedRecords:
    return DeletedRecords(topic=partition.topic, partition=partition.index, below=below)
