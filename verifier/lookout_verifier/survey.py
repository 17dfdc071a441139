"""One walk over all topics: is every biometric field sealed, and does nothing lie beside the fields?"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from lookout_verifier.avro import AvroError, Record
from lookout_verifier.detectors import (
    find_all,
    find_pictures,
    find_templates,
    is_text,
    looks_random,
)
from lookout_verifier.payloads import NONCE_BYTES, SEALED, TAG_BYTES, Payload, Sample, payloads_of
from lookout_verifier.promises import TOPICS, Finding, broken, kept
from lookout_verifier.schemas import Schemas
from lookout_verifier.segments import Message
from lookout_verifier.topics import KafkaData

# Bytes that may travel in the clear: hashes and signatures (checked to be as short as such are) …
_SHORT = frozenset({"previous_hash", "chain_hash", "entry_hash", "value"})
_SHORT_BYTES = 64
# … pictures in which every face is pixelated, and the originals in dead letters, which are looked into.
_PIXELATED = ("Preview", "jpeg")
_ORIGINALS = frozenset({"original_key", "original_value"})
_MOST_FLOATS = 64
_LEAST_FOREIGN = 1024
# Longer ones are left to the look through the files, which finds templates wherever they lie.
_LARGEST_TEMPLATES = 16 << 10


@dataclass(slots=True)
class Survey:
    """What the topics hold."""

    records: Counter[str] = field(default_factory=Counter)
    payloads: int = 0
    undecodable: int = 0
    plaintext: list[str] = field(default_factory=list)
    control: list[tuple[Record, bytes, str]] = field(default_factory=list)


class Surveyor:
    """Looks at messages one after another."""

    def __init__(self, schemas: Schemas, keep: Callable[[str, Payload], None]) -> None:
        """``keep`` is offered every sealed payload, with its topic."""
        self._schemas, self._keep = schemas, keep
        self.found = Survey()

    def look(self, message: Message, topic: str) -> None:
        """Look at one message of a topic."""
        self.found.records[topic] += 1
        if message.value is not None:
            self._value(message.value, message.place, topic)
        if message.key is not None:
            self._foreign(message.key, f"{message.place} key")

    def _value(self, value: bytes, place: str, topic: str) -> None:
        try:
            record, body = self._schemas.decode(value)
        except AvroError:
            self.found.undecodable += 1
            self._foreign(value, place)
            return
        try:
            self._record(record, place, topic)
        except AvroError as error:
            self.found.plaintext.append(f"{place}: a sealed field is none ({error})")
        if "signature" in record.fields:
            self.found.control.append((record, body, place))

    def _record(self, record: Record, place: str, topic: str) -> None:
        for path, owner, name, value in record.walk():
            if isinstance(value, bytes):
                self._octets(owner, name, value, f"{place} {path}", topic)
            elif _is_vector(value):
                self.found.plaintext.append(f"{place} {path}: many numbers, unsealed")
        for payload in payloads_of(record, place):
            self.found.payloads += 1
            self._keep(topic, payload)

    def _octets(self, owner: Record, name: str, value: bytes, place: str, topic: str) -> None:
        if owner.name == SEALED:
            self._sealed(name, value, place)
        elif name in _ORIGINALS:
            self._original(name, value, place, topic)
        elif name in _SHORT:
            if len(value) > _SHORT_BYTES:
                self.found.plaintext.append(f"{place}: {len(value)} bytes where a hash should be")
        elif (owner.name, name) != _PIXELATED:
            self.found.plaintext.append(
                f"{place}: {len(value)} bytes in a field that is not sealed"
            )

    def _original(self, name: str, value: bytes, place: str, topic: str) -> None:
        if name == "original_value":
            self._value(value, place, topic)
        else:
            self._foreign(value, place)

    def _sealed(self, name: str, value: bytes, place: str) -> None:
        if name == "nonce":
            if len(value) != NONCE_BYTES:
                self.found.plaintext.append(f"{place}: a nonce of {len(value)} bytes")
            return
        if len(value) < TAG_BYTES:
            self.found.plaintext.append(f"{place}: too short to be sealed")
            return
        random = looks_random(value)
        hits = sorted({hit.what for hit in (find_pictures(value) if random else find_all(value))})
        if not hits and len(value) <= _LARGEST_TEMPLATES and any(find_templates(value)):
            hits = ["template"]
        if hits:
            self.found.plaintext.append(f"{place}: {', '.join(hits)} in the clear")
        elif not random:
            self.found.plaintext.append(f"{place}: these bytes are not encrypted")

    def _foreign(self, value: bytes, place: str) -> None:
        """What is no record of ours must hold nothing recognisable, and nothing that could be a raw picture."""
        hits = sorted({hit.what for hit in find_all(value)})
        if hits:
            self.found.plaintext.append(f"{place}: {', '.join(hits)} in the clear")
        elif len(value) >= _LEAST_FOREIGN and not looks_random(value) and not is_text(value):
            self.found.plaintext.append(
                f"{place}: {len(value)} bytes of no known schema, neither text nor encrypted (a raw picture?)"
            )


def _is_vector(value: object) -> bool:
    return isinstance(value, list) and len(value) > _MOST_FLOATS and isinstance(value[0], float)


def survey(
    data: KafkaData,
    schemas: Schemas,
    sample: Sample,
    wanted: Callable[[Payload], bool],
    progress: Callable[[str, int, int], None],
) -> Survey:
    """Walk over every topic of the system. ``sample`` gets the payloads that are ``wanted``."""

    def keep(topic: str, payload: Payload) -> None:
        if wanted(payload):
            sample.offer(topic, payload)

    surveyor = Surveyor(schemas, keep)
    topics = data.topics
    for done, topic in enumerate(topics):
        progress("topics", done, len(topics))
        for message in data.messages(topic):
            surveyor.look(message, topic)
    progress("topics", len(topics), len(topics))
    return surveyor.found


def judge_topics(found: Survey, data: KafkaData) -> Finding:
    """Whether everything biometric on the topics is sealed."""
    reading = data.reading
    numbers = {
        "records": sum(found.records.values()),
        "sealed_payloads": found.payloads,
        "of_no_known_schema": found.undecodable,
        "torn_tails": reading.torn,
        "unreadable_batches": reading.unreadable.total(),
    }
    if found.plaintext:
        return broken(
            TOPICS, f"{len(found.plaintext)} places hold plaintext", found.plaintext, **numbers
        )
    if reading.unreadable:
        return broken(
            TOPICS,
            "some batches cannot be read, so nobody can say that they are sealed",
            [f"{count} batches {why}" for why, count in reading.unreadable.items()],
            **numbers,
        )
    return kept(
        TOPICS,
        f"{found.payloads} biometric fields in {numbers['records']} records, all sealed",
        **numbers,
    )
