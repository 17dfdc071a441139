"""Every metric that a service exposes, read from the registries that the services themselves fill."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lookout.hosting.certificates import CertificateMetrics
from lookout.hosting.metrics import KeyringWatchMetrics, ServiceMetrics, tell_model
from lookout.sealing.metrics import KeyMetrics
from lookout.telemetry.metrics import StreamMetrics
from lookout.telemetry.textfile import verification
from lookout_alerting.metrics import Metrics as AlertingMetrics
from lookout_capture.metrics import Metrics as CaptureMetrics
from lookout_console.metrics import Metrics as ConsoleMetrics
from lookout_detection.metrics import Metrics as DetectionMetrics
from lookout_embedding.metrics import Metrics as EmbeddingMetrics
from lookout_keeper.metrics import Metrics as KeeperMetrics
from lookout_matching.metrics import Metrics as MatchingMetrics
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.registry import Collector

Register = Callable[[CollectorRegistry], object]

VERIFICATION: Final = "lookout verify"
"""Who writes the metrics of a verification: a command, through the node exporter's textfile collector."""

_SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "info": ("_info",),
}


def _model(registry: CollectorRegistry) -> None:
    tell_model(registry, pack="", version="", sha256="", provider="")


# What each service's wiring registers; a test of the running services holds it to that.
_SERVICES: Final[Mapping[str, Sequence[Register]]] = {
    "capture": (StreamMetrics, KeyMetrics, CaptureMetrics),
    "detection": (StreamMetrics, KeyMetrics, _model, DetectionMetrics),
    "embedding": (StreamMetrics, _model, EmbeddingMetrics),
    "matching": (StreamMetrics, _model, MatchingMetrics),
    "alerting": (StreamMetrics, AlertingMetrics),
    "keeper": (StreamMetrics, KeeperMetrics),
    "console": (StreamMetrics, _model, ConsoleMetrics),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric. ``name`` is as the client library has it; ``series`` are the names that a query uses.

    ``labels`` are the metric's own; the scrape adds ``job`` and ``instance``, a histogram's buckets have ``le``.
    """

    name: str
    kind: str
    text: str
    labels: tuple[str, ...]
    services: tuple[str, ...]

    @property
    def series(self) -> Mapping[str, tuple[str, ...]]:
        """What a query can name, each with its labels."""
        names = [self.name + suffix for suffix in _SUFFIXES.get(self.kind, ("",))]
        return {
            name: (*self.labels, "le") if name.endswith("_bucket") else self.labels
            for name in names
        }

    @property
    def unit(self) -> str:
        """What it is counted in: seconds and bytes are told by the name, the rest is a number of things."""
        if self.name.endswith("timestamp_seconds") or self.name == "process_start_time_seconds":
            return "Unix seconds"
        for unit in ("seconds", "bytes"):
            if unit in self.name.split("_"):
                return unit
        return {"info": "", "histogram": "number", "counter": "number"}.get(self.kind, "number")


def metrics() -> Sequence[Metric]:
    """Every metric, by name; one that several services expose is one, with all of them."""
    found: dict[str, Metric] = {}
    services: dict[str, list[str]] = {}
    for service, registry in _registries().items():
        for metric in _read(registry):
            found[metric.name] = metric
            services.setdefault(metric.name, []).append(service)
    return [
        Metric(
            name=metric.name,
            kind=metric.kind,
            text=metric.text,
            labels=metric.labels,
            services=tuple(services[name]),
        )
        for name, metric in sorted(found.items())
    ]


def _registries() -> Mapping[str, CollectorRegistry]:
    made: dict[str, CollectorRegistry] = {}
    for service, registers in _SERVICES.items():
        registry = made[service] = _Registry()
        ServiceMetrics(registry, service=service)
        KeyringWatchMetrics(registry)
        CertificateMetrics(registry)
        for register in registers:
            register(registry)
    command = made[VERIFICATION] = _Registry()
    for sample in verification(ok=True, finished_at=0.0):
        Gauge(sample.name, sample.text, tuple(sample.labels), registry=command)
    return made


class _Registry(CollectorRegistry):
    """Remembers what was registered: label names are the collectors' to tell, and a metric not yet counted has no sample."""

    def __init__(self) -> None:
        super().__init__()
        self.collectors: list[Collector] = []

    def register(self, collector: Collector) -> None:
        super().register(collector)
        self.collectors.append(collector)


def _read(registry: CollectorRegistry) -> Iterable[Metric]:
    assert isinstance(registry, _Registry)  # noqa: S101 - made above
    for collector in registry.collectors:
        own = tuple(getattr(collector, "_labelnames", ()))
        for family in collector.collect():
            told = family.samples[0].labels if family.type == "info" and family.samples else ()
            yield Metric(
                name=family.name,
                kind=family.type,
                text=family.documentation,
                labels=own or tuple(told),
                services=(),
            )
