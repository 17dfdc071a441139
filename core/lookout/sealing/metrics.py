"""What is counted where keys are made."""

from prometheus_client import CollectorRegistry, Counter


class KeyMetrics:
    """Keys and blocks of one process, by purpose (what the keys seal)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.made = Counter("lookout_keys_made", "Data keys made.", ["purpose"], registry=registry)
        self.blocks = Counter(
            "lookout_key_blocks_announced",
            "Blocks of key ids announced on the erasures topic.",
            ["purpose"],
            registry=registry,
        )
        self.refused = Counter(
            "lookout_key_blocks_refused",
            "Blocks the keyring refused: closed by the keeper while idle, or lost at the keyring's restart.",
            ["purpose"],
            registry=registry,
        )
