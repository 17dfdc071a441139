"""A keeper on a broker and a keyring in memory, and what tests ask of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lookout.codec import Codec
from lookout.events import Erasure, ErasureReason, Signature
from lookout.schema_ids import LockedSchemaIds
from lookout.sealing.issuer import BlockIssuer
from lookout.sealing.metrics import KeyMetrics
from lookout.sealing.ports import BlockState, DataKey, Destruction, Keyring, PendingReceipt
from lookout.sealing.signing import ROLE_RECEIPTS, Signer, TrustStore
from lookout.stream.memory import MemoryBroker
from lookout.stream.ports import Broker
from lookout.topics import DEFAULT_PREFIX, load_catalogue
from lookout_keeper.adapters.erasures import TopicLog
from lookout_keeper.domain import ChainReport, Ledger, verify_chain
from lookout_keeper.metrics import Metrics
from lookout_keeper.processor import Keeper, Patience
from prometheus_client import CollectorRegistry
from support.keyrings import MemoryKeyring

TTL = timedelta(minutes=2)
SIGNER = Signer("keeper", DataKey("signing/keeper", b"k" * 32))
TRUST = TrustStore({}).adding(SIGNER, roles=[ROLE_RECEIPTS])


@dataclass
class InterruptedKeyring(MemoryKeyring):
    """Something else happens just ``before`` or ``after`` a named call, once."""

    before: dict[str, Callable[[], object]] = field(default_factory=dict)
    after: dict[str, Callable[[], object]] = field(default_factory=dict)

    def _interrupt(self, when: dict[str, Callable[[], object]], call: str) -> None:
        happening = when.pop(call, None)
        if happening is not None:
            happening()

    def blocks(self) -> Sequence[BlockState]:
        self._interrupt(self.before, "blocks")
        found = super().blocks()
        self._interrupt(self.after, "blocks")
        return found

    def alive(self, key_ids: Sequence[str]) -> Sequence[bool]:
        self._interrupt(self.before, "alive")
        found = super().alive(key_ids)
        self._interrupt(self.after, "alive")
        return found

    def pending_receipts(self, limit: int) -> Sequence[PendingReceipt]:
        self._interrupt(self.before, "pending_receipts")
        found = super().pending_receipts(limit)
        self._interrupt(self.after, "pending_receipts")
        return found

    def drop_pending(self, through: int) -> None:
        self._interrupt(self.before, "drop_pending")
        super().drop_pending(through)


@dataclass
class Bench:
    """One topic, one keyring, as many keepers as wanted. Time is the keyring's own."""

    broker: Broker = field(default_factory=MemoryBroker)
    keyring: InterruptedKeyring = field(default_factory=InterruptedKeyring)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    prefix: str = DEFAULT_PREFIX

    def __post_init__(self) -> None:
        catalogue = load_catalogue(prefix=self.prefix)
        topic = catalogue.topic_of(Erasure)
        self.topic = topic.name
        self.codec = Codec(catalogue=catalogue, ids=LockedSchemaIds())
        self.broker.create_topics([topic.spec])
        self.metrics = Metrics(self.registry)
        self.log = self.new_log()

    def now(self) -> datetime:
        return self.keyring.now

    def new_log(self) -> TopicLog:
        return TopicLog(broker=self.broker, codec=self.codec, topic=self.topic)

    def keeper(self, *, keyring: Keyring | None = None, turn_size: int = 50) -> Keeper:
        """A keeper that has read the topic to its end."""
        keeper = Keeper(
            keyring=keyring or self.keyring,
            log=self.new_log(),
            body_of=self.codec.body,
            sign=SIGNER.sign,
            trusted=self.trusted,
            name="keeper",
            clock=self.now,
            metrics=self.metrics,
            patience=Patience(turn_size=turn_size),
        )
        while not keeper.catch_up():
            pass
        return keeper

    @staticmethod
    def trusted(signature: Signature, message: bytes) -> bool:
        """See `lookout_keeper.domain.Trusted`."""
        return TRUST.verify(signature, message, role=ROLE_RECEIPTS)

    def issuer(self, *, block_size: int = 10, ttl: timedelta = TTL) -> BlockIssuer:
        return BlockIssuer(
            keyring=self.keyring,
            announce=lambda record: self.log.append([record]),
            service="detection",
            purpose="face",
            ttl=ttl,
            clock=self.now,
            metrics=KeyMetrics(CollectorRegistry()),
            block_size=block_size,
        )

    def destroy(
        self, keys: Sequence[DataKey], reason: ErasureReason = ErasureReason.NO_MATCH
    ) -> int:
        orders = [
            Destruction(
                key_id=key.key_id, reason=reason, deployment_id="d1", captured_at=self.now()
            )
            for key in keys
        ]
        return self.keyring.destroy(orders, by="matching", at=self.now())

    def records(self) -> list[Erasure]:
        """Everything on the topic."""
        log, found = self.new_log(), list[Erasure]()
        while not log.at_end():
            found += log.read(0.0)
        return found

    def report(self) -> ChainReport:
        return verify_chain(self.records(), body_of=self.codec.body, trusted=self.trusted)

    def reasons(self) -> dict[ErasureReason, int]:
        """Key ids receipted on the topic, each id once, by reason."""
        return reasons_in(self.report().ledger)

    def sample(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"lookout_keeper_{name}", labels)


def reasons_in(ledger: Ledger) -> dict[ErasureReason, int]:
    """Key ids with a receipt, by reason."""
    totals: dict[ErasureReason, int] = {}
    for block in ledger.blocks.values():
        for reason, count in block.reasons.items():
            totals[reason] = totals.get(reason, 0) + count
    return totals
