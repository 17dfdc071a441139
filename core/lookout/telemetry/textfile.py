"""Metrics of what runs and ends, such as a verification: a file that a node's textfile collector takes up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a gauge. Samples of one name have the same label names; ``text`` says what the gauge is."""

    name: str
    text: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def verification(*, ok: bool, finished_at: float) -> Sequence[Sample]:
    """What a verification of erasure leaves for the alert rules: its result, and when it was (Unix seconds).

    Its age is Prometheus' to work out: ``time() - lookout_verify_finished_timestamp_seconds``.
    """
    return [
        Sample("lookout_verify_ok", "1 when the last verification of erasure held.", float(ok)),
        Sample(
            "lookout_verify_finished_timestamp_seconds",
            "When erasure was last verified.",
            finished_at,
        ),
    ]


def write_textfile(path: Path, samples: Sequence[Sample]) -> None:
    """Write samples in Prometheus' text format; a reader sees the old or the new file, whole. Raises `OSError`.

    The collector takes files that end in ``.prom``.
    """
    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    for sample in samples:
        names = tuple(sample.labels)
        if sample.name not in gauges:
            gauges[sample.name] = Gauge(sample.name, sample.text, names, registry=registry)
        gauge = gauges[sample.name]
        (gauge.labels(**sample.labels) if names else gauge).set(sample.value)
    write_to_textfile(str(path), registry)
