"""The stream's metrics, the same in every service: what came in and went out, how long it took, what was destroyed."""

from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BATCH_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_AGE_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 60.0)


class StreamMetrics:
    """Registered once per registry. Labels are topics, reasons and kinds: closed lists."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.received = Counter(
            "lookout_stream_received", "Messages read.", ["topic"], registry=registry
        )
        self.produced = Counter(
            "lookout_stream_produced", "Messages produced.", ["topic"], registry=registry
        )
        self.batch_seconds = Histogram(
            "lookout_stream_batch_seconds",
            "Time from a batch's receipt to its commit.",
            buckets=_BATCH_SECONDS,
            registry=registry,
        )
        self.age_seconds = Histogram(
            "lookout_stream_age_seconds",
            "Age of an event since its image was captured, when its batch was done with.",
            ["topic"],
            buckets=_AGE_SECONDS,
            registry=registry,
        )
        self.retries = Counter(
            "lookout_stream_retries",
            "Batches repeated because something did not answer.",
            registry=registry,
        )
        self.dead_letters = Counter(
            "lookout_stream_dead_letters",
            "Messages nobody could use.",
            ["topic", "kind"],
            registry=registry,
        )
        self.undeliverable = Counter(
            "lookout_stream_undeliverable",
            "Events no broker would take; what they sealed was destroyed.",
            ["topic", "kind"],
            registry=registry,
        )
        self.destroyed = Counter(
            "lookout_keys_destroyed", "Keys destroyed.", ["reason"], registry=registry
        )
        self.destruction_delay_seconds = Histogram(
            "lookout_keys_destruction_delay_seconds",
            "Time from an image's capture to the destruction of its key.",
            ["reason"],
            buckets=_AGE_SECONDS,
            registry=registry,
        )
        self.lag = Gauge(
            "lookout_stream_lag",
            "Messages between this consumer and the end of its partition.",
            ["topic", "partition"],
            registry=registry,
        )
        self.control_refused = Counter(
            "lookout_control_refused",
            "Control records ignored: unreadable, or signed by nobody who may.",
            ["topic", "kind"],
            registry=registry,
        )

    def destroyed_after(self, reason: str, delay: timedelta | None) -> None:
        """Count a destroyed key; ``delay`` since capture is None where there was no image."""
        self.destroyed.labels(reason).inc()
        if delay is not None:
            self.destruction_delay_seconds.labels(reason).observe(max(0.0, delay.total_seconds()))
