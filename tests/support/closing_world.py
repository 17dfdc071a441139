"""A keeper that purges, on a broker and a keyring in memory, and what tests ask of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from lookout.events import (
    Alert,
    Deployment,
    DeploymentState,
    Event,
    Frame,
    Match,
    PurgeCertificate,
    WatchlistEntry,
    WatchlistState,
)
from lookout.sealing.ports import DataKey
from lookout.topics import load_catalogue
from lookout_keeper.adapters.purge import SealedTopics, deployment_of
from lookout_keeper.closing import Closing, Pace
from lookout_keeper.ports import PurgeTopics
from support.golden import example
from support.keeping import SIGNER, Bench
from support.matching_fakes import MemoryVault

D1, D2 = "d1", "d2"


@dataclass
class ClosingWorld:
    """Deployment ``d1`` in force, with a watchlist of two, a key alive and frames on their topic."""

    bench: Bench = field(default_factory=Bench)
    vault: MemoryVault = field(default_factory=MemoryVault)

    def __post_init__(self) -> None:
        self.catalogue = load_catalogue(prefix=self.bench.prefix)
        self.broker, self.codec = self.bench.broker, self.bench.codec
        self.broker.create_topics([topic.spec for topic in self.catalogue.topics])
        self._producer = self.broker.producer()
        self.topics = SealedTopics(
            broker=self.broker, codec=self.codec, catalogue=self.catalogue, emit=self.emit
        )
        self.known = True
        self.deployments: dict[str, Deployment] = {}
        self.issuer = self.bench.issuer(block_size=10)
        self.keeper = self.bench.keeper()
        self.closing = self.new_closing()
        self.open(D1)
        self.enrol(D1, 2)
        self.frames = self.issuer.make(D1, 3)
        self.capture(D1, self.frames)

    def new_closing(self, topics: PurgeTopics | None = None) -> Closing:
        """Another one, as after a crash: it has heard what is on the topics."""
        closing = Closing(
            keyring=self.bench.keyring,
            vault=self.vault,
            books=self.keeper,
            topics=topics or self.topics,
            sign=SIGNER.sign,
            body_of=self.codec.unsigned_body,
            known=lambda: self.known,
            name="keeper",
            clock=self.bench.now,
            metrics=self.bench.metrics,
            pace=Pace(),
        )
        for deployment in self.deployments.values():
            closing.heard(deployment)
        for certificate in self.certificates():
            closing.heard_certificate(certificate)
        self.closing = closing
        return closing

    def open(self, deployment_id: str, **changes: object) -> Deployment:
        """Put a deployment into force for an hour, or as ``changes`` say."""
        now = self.bench.now()
        terms: dict[str, object] = {
            "deployment_id": deployment_id,
            "opens_at": now,
            "closes_at": now + timedelta(hours=1),
            "updated_at": now,
            **changes,
        }
        deployment = replace(example(Deployment, "deployment/live"), **terms)  # type: ignore[arg-type]  # fields by name
        self.deployments[deployment_id] = deployment
        self.closing.heard(deployment)
        return deployment

    def end(self, deployment_id: str) -> None:
        """End a deployment, as an order does."""
        ended = replace(
            self.deployments[deployment_id],
            state=DeploymentState.ENDED,
            updated_at=self.bench.now(),
        )
        self.deployments[deployment_id] = ended
        self.closing.heard(ended)

    def enrol(self, deployment_id: str, people: int) -> None:
        """Enrol people, and have matching say so."""
        entry = example(WatchlistEntry, "watchlist_entry/enrol")
        for number in range(people):
            self.emit(replace(entry, deployment_id=deployment_id, entry_id=f"e{number}"))
        self.emit(self.state(deployment_id))
        self.vault.get_or_create(f"watchlist/{deployment_id}")

    def state(self, deployment_id: str) -> WatchlistState:
        return replace(
            example(WatchlistState, "watchlist_state/in_force"), deployment_id=deployment_id
        )

    def drop_gallery(self, deployment_id: str) -> None:
        """Have matching say that it has nothing left."""
        self._producer.produce(self.codec.tombstone(self.state(deployment_id)))
        self._producer.flush()

    def capture(self, deployment_id: str, keys: Sequence[DataKey]) -> None:
        """A frame for each key."""
        frame = example(Frame, "frame/frame")
        for number, key in enumerate(keys):
            sealed = replace(frame.image, key_id=key.key_id)
            self.emit(
                replace(
                    frame,
                    deployment_id=deployment_id,
                    image=sealed,
                    frame_id=f"{deployment_id}-{number}",
                )
            )

    def match_and_alert(self, deployment_id: str) -> DataKey:
        """A match and an alert whose evidence is not taken; its key."""
        (key,) = self.issuer.make(deployment_id, 1)
        match, alert = example(Match, "match/confirmed"), example(Alert, "alert/first")
        sealed = replace(match.thumbnail, key_id=key.key_id)
        self.emit(replace(match, deployment_id=deployment_id, thumbnail=sealed))
        self.emit(replace(alert, deployment_id=deployment_id, thumbnail=sealed))
        return key

    def emit(self, event: Event) -> None:
        self._producer.produce(self.codec.outgoing(event))
        self._producer.flush()

    def turn(self, rounds: int = 1, *, apart: float = 0.5) -> None:
        """What the keeper's loop does, so many times, half a second apart."""
        for _ in range(rounds):
            self.bench.keyring.advance(timedelta(seconds=apart))
            self.keeper.sweep()
            self.closing.turn()

    def certificates(self) -> list[PurgeCertificate]:
        """Everything on the certificates' topic."""
        return [
            event
            for _, event in self._read(PurgeCertificate)
            if isinstance(event, PurgeCertificate)
        ]

    @property
    def last(self) -> PurgeCertificate:
        return self.certificates()[-1]

    def stored(self, kind: type[Event]) -> list[str]:
        """Whose records lie on a topic."""
        return [deployment_id for deployment_id, _ in self._read(kind)]

    def alive(self, keys: Sequence[DataKey]) -> list[bool]:
        return list(self.bench.keyring.alive([key.key_id for key in keys]))

    def _read(self, kind: type[Event]) -> list[tuple[str, Event]]:
        topic = self.catalogue.topic_of(kind).name
        reader = self.broker.reader([topic])
        found: list[tuple[str, Event]] = []
        while not reader.caught_up():
            for message in reader.poll(500, 0.1):
                event = self.codec.decode(topic, message.value)
                found.append((deployment_of(message, self.codec), event))
        reader.close()
        return found
