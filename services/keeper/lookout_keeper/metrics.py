"""What the keeper counts."""

from collections.abc import Mapping

from lookout.events import ErasureReason
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from lookout_keeper.ages import KeyClass
from lookout_keeper.domain import Accounts, Verdict


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
        self.certificates = Counter(
            "lookout_keeper_certificates",
            "Purge certificates written.",
            ["state"],
            registry=registry,
        )
        self.closing = Gauge(
            "lookout_keeper_closing_deployments",
            "Deployments that are over and not purged completely.",
            registry=registry,
        )
        self.alive = Gauge(
            "lookout_keeper_keys_alive",
            "Keys alive, by what they are for now.",
            ["purpose"],
            registry=registry,
        )
        self.overdue = Gauge(
            "lookout_keeper_keys_overdue",
            "Keys alive for longer than what they are for allows. Always 0, or something is wrong.",
            ["purpose"],
            registry=registry,
        )
        self.anchors = Counter(
            "lookout_keeper_anchors", "Anchors of the chain's head kept.", registry=registry
        )
        self.anchor_failures = Counter(
            "lookout_keeper_anchor_failures",
            "Attempts to keep an anchor, or to pass it on, that failed.",
            ["place"],
            registry=registry,
        )
        self.anchored_links = Gauge(
            "lookout_keeper_anchored_links",
            "Links of the chain when it was last anchored.",
            registry=registry,
        )
        self.anchored_at = Gauge(
            "lookout_keeper_anchored_timestamp_seconds",
            "When the chain was last anchored.",
            registry=registry,
        )
        # Shown from the start: a counter that appears with its first count has not grown, to a rule that asks.
        for reason in ErasureReason:
            self.receipts.labels(reason)
        for verdict in Verdict:
            self.judged.labels(verdict)
        for place in ("folder", "webhook"):
            self.anchor_failures.labels(place)
        for kind in KeyClass:
            self.alive.labels(kind)
            self.overdue.labels(kind)
        self.turn_seconds = Histogram(
            "lookout_keeper_turn_seconds",
            "Time of taking receipts to the topic.",
            registry=registry,
        )
        self.sweep_seconds = Histogram(
            "lookout_keeper_sweep_seconds", "Time of a sweep.", registry=registry
        )

    def show_alive(self, alive: Mapping[KeyClass, int], overdue: Mapping[KeyClass, int]) -> None:
        """Set the gauges of keys alive and overdue."""
        for kind, number in alive.items():
            self.alive.labels(kind).set(number)
        for kind, number in overdue.items():
            self.overdue.labels(kind).set(number)

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
