"""What the keeper counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from lookout_keeper.domain import Accounts


class Metrics:
    """The keeper's metrics. The gauges of keys hold the sum of all deployments, as of the last sweep."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.receipts = Counter(
            "lookout_keeper_receipts", "Key ids receipted.", ["reason"], registry=registry
        )
        self.records = Counter(
            "lookout_keeper_records", "Links written to the chain.", registry=registry
        )
        self.repeated = Counter(
            "lookout_keeper_repeated_receipts",
            "Receipts in the outbox that were on the topic already (a crash, or a change of keepers).",
            registry=registry,
        )
        self.judged = Counter(
            "lookout_keeper_judged_records",
            "Records of receipts read, by what they are to the chain.",
            ["verdict"],
            registry=registry,
        )
        self.blocks = Counter(
            "lookout_keeper_blocks",
            "Blocks ended: closed as idle, buried as unknown to the keyring, forgotten as finished.",
            ["end"],
            registry=registry,
        )
        self.unannounced = Gauge(
            "lookout_keeper_unannounced_blocks",
            "Blocks the keyring knows that were never announced. Always 0, or something is wrong.",
            registry=registry,
        )
        self.active = Gauge(
            "lookout_keeper_active",
            "1 while this keeper writes, 0 while it waits.",
            registry=registry,
        )
        self.sequence = Gauge(
            "lookout_keeper_chain_sequence", "Sequence number of the next link.", registry=registry
        )
        self.keys = Gauge(
            "lookout_keeper_keys",
            "Key ids by where they are. issued = the sum of the others.",
            ["state"],
            registry=registry,
        )
        self.turn_seconds = Histogram(
            "lookout_keeper_turn_seconds",
            "Time of taking receipts to the topic.",
            registry=registry,
        )
        self.sweep_seconds = Histogram(
            "lookout_keeper_sweep_seconds", "Time of a sweep.", registry=registry
        )

    def show(self, accounts: Accounts) -> None:
        """Set the gauges of keys."""
        for state, number in (
            ("issued", accounts.issued),
            ("receipted", accounts.receipts),
            ("alive", accounts.alive),
            ("reserved", accounts.reserved),
            ("pending", accounts.pending),
            ("unaccounted", accounts.unaccounted),
        ):
            self.keys.labels(state).set(number)
