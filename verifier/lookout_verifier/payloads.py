"""Sealed payloads: where they are in records, what opens them, and a sample of them."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lookout_verifier.avro import Record

SEALED = "Sealed"
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
_MOST_BYTES_KEPT = 256 << 10

# Of a record's sealed field: what it says it holds, and the field that says whose. An alert's is its first sighting's.
_CONTENT = {
    ("Frame", "image"): ("frame", "frame_id"),
    ("Face", "chip"): ("chip", "face_id"),
    ("Face", "thumbnail"): ("thumbnail", "face_id"),
    ("Embedding", "template"): ("template", "face_id"),
    ("Embedding", "thumbnail"): ("thumbnail", "face_id"),
    ("Match", "thumbnail"): ("thumbnail", "face_id"),
    ("Alert", "thumbnail"): ("thumbnail", ""),
    ("WatchlistEntry", "templates"): ("watchlist-template", "entry_id"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One sealed payload. ``ciphertext`` is None where it was too large to keep."""

    place: str
    key_id: str
    nonce: bytes
    ciphertext: bytes | None
    additional: bytes

    def opens_with(self, secret: bytes) -> bool:
        """Whether this key opens it. What it held is dropped at once."""
        if self.ciphertext is None or len(secret) != KEY_BYTES:
            return False
        try:
            AESGCM(secret).decrypt(self.nonce, self.ciphertext, self.additional)
        except InvalidTag:
            return False
        return True


def payloads_of(record: Record, place: str) -> Iterator[Payload]:
    """Every sealed payload of a record. Damaged ones raise `AvroError`."""
    for path, owner, name, value in record.walk():
        for sealed in value if isinstance(value, list) else (value,):
            if isinstance(sealed, Record) and sealed.name == SEALED:
                ciphertext = sealed.octets("ciphertext")
                yield Payload(
                    place=f"{place} {path}",
                    key_id=sealed.text("key_id"),
                    nonce=sealed.octets("nonce"),
                    ciphertext=ciphertext if len(ciphertext) <= _MOST_BYTES_KEPT else None,
                    additional=_additional(owner, name),
                )


def _additional(record: Record, name: str) -> bytes:
    what, whose = _CONTENT.get((record.name, name), (name, ""))
    if whose:
        return f"lookout.v1|{what}|{record.text(whose)}".encode()
    sightings = record.records("sightings") if "sightings" in record.fields else ()
    return f"lookout.v1|{what}|{sightings[0].text('face_id') if sightings else ''}".encode()


@dataclass(slots=True)
class Sample:
    """A fair sample of what passes, of bounded size, taken topic by topic so that a busy one does not crowd out others."""

    size: int
    seen: Counter[str] = field(default_factory=Counter)
    _kept: dict[str, list[Payload]] = field(default_factory=dict)
    _chance: random.Random = field(default_factory=random.Random)

    def offer(self, topic: str, payload: Payload) -> None:
        """Take it in, or not (Vitter's algorithm R)."""
        self.seen[topic] += 1
        kept = self._kept.setdefault(topic, [])
        if len(kept) < self.size:
            kept.append(payload)
        else:
            place = self._chance.randrange(self.seen[topic])
            if place < self.size:
                kept[place] = payload

    def taken(self) -> Sequence[Payload]:
        """At most ``size`` payloads, turn by turn from every topic."""
        taken: list[Payload] = []
        deepest = max(map(len, self._kept.values()), default=0)
        for depth in range(deepest):
            taken += [kept[depth] for kept in self._kept.values() if depth < len(kept)]
        return taken[: self.size]
