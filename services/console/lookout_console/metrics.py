"""What the console counts."""

from prometheus_client import CollectorRegistry, Counter


class Metrics:
    """The console's own metrics; the stream's are core's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.alerts = Counter(
            "lookout_console_alerts",
            "Alerts from the topic: taken, known already, of a foreign deployment, without a picture that opens.",
            ["outcome"],
            registry=registry,
        )
