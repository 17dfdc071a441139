"""What every service tells of itself: what runs, whether it works, and how the keyring answers it."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

import lookout
from lookout.events import ServiceState

_ANSWER_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5)


class ServiceMetrics:
    """What runs here, and whether it works."""

    def __init__(self, registry: CollectorRegistry, *, service: str) -> None:
        # The process's own figures (processor time, memory, files): named as everywhere, without a prefix.
        ProcessCollector(registry=registry)
        Info("lookout_build", "What runs here.", registry=registry).info(
            {"version": lookout.__version__, "service": service}
        )
        self._running = Gauge(
            "lookout_service_running",
            "1 while the service works, 0 while it is NOT RUNNING.",
            registry=registry,
        )
        self._degraded = Gauge(
            "lookout_service_degraded",
            "1 while the service works in part only, else 0.",
            registry=registry,
        )

    def show(self, state: ServiceState) -> None:
        """Set the gauges."""
        self._running.set(0 if state is ServiceState.NOT_RUNNING else 1)
        self._degraded.set(1 if state is ServiceState.DEGRADED else 0)


class KeyringWatchMetrics:
    """How the keyring answers when it is looked at, five times a second."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._unanswered = Counter(
            "lookout_keyring_unanswered",
            "Looks at the keyring that had no answer in time, or one that must not be trusted.",
            registry=registry,
        )
        self._answer_seconds = Histogram(
            "lookout_keyring_answer_seconds",
            "How long the keyring took to answer.",
            buckets=_ANSWER_SECONDS,
            registry=registry,
        )
        self._ahead = Gauge(
            "lookout_keyring_clock_ahead_seconds",
            "The keyring's clock minus this service's, as of the last answer. Beyond 2 either way, the service stops.",
            registry=registry,
        )

    def answered(self, *, took_s: float, ahead_s: float) -> None:
        """The keyring answered; its clock was so far ahead of ours."""
        self._answer_seconds.observe(took_s)
        self._ahead.set(ahead_s)

    def unanswered(self) -> None:
        """It did not answer, or it is no keyring to be trusted."""
        self._unanswered.inc()


def tell_model(
    registry: CollectorRegistry, *, pack: str, version: str, sha256: str, provider: str
) -> None:
    """Name the model pack in use."""
    Info("lookout_model", "The model pack in use.", registry=registry).info(
        {"pack": pack, "version": version, "sha256": sha256, "provider": provider}
    )
