"""What embedding counts."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Metrics:
    """Counters and times of the embedding service."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.templates = Counter(
            "lookout_embedding_templates", "Templates sent.", registry=registry
        )
        self.faces_skipped = Counter(
            "lookout_embedding_faces_skipped",
            "Faces not embedded.",
            ["reason"],
            registry=registry,
        )
        self.chips_in_batch = Histogram(
            "lookout_embedding_batch_chips",
            "Chips given to the model at a time.",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=registry,
        )
        self._stages = Histogram(
            "lookout_embedding_stage_seconds",
            "Time of each step of a batch.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a step."""
        began = perf_counter()
        yield
        self._stages.labels(name).observe(perf_counter() - began)
