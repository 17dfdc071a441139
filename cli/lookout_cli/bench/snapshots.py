"""How processes stand at a moment, read from outside: the system's word for memory and time, their own for the rest."""

import time
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import psutil
from prometheus_client.parser import text_string_to_metric_families

Counters = Mapping[str, float]
"""Sums over all labels but ``reason``: a metric's name, or ``name{reason}``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Where everything stands at a moment, by service. Processor times in seconds since each process began."""

    at: datetime
    monotonic: float
    cpu_s: Mapping[str, float]
    resident_mb: Mapping[str, float]
    descriptors: Mapping[str, int]
    threads: Mapping[str, int]
    lag: Mapping[str, float]
    counters: Counters


def take_snapshot(
    pids: Mapping[str, int], metrics_ports: Mapping[str, int], *, at: datetime
) -> Snapshot:
    """Read every process, and the metrics of those that serve them, at ``at`` by the stack's clock."""
    cpu, resident, descriptors, threads = {}, {}, {}, {}
    for name, pid in pids.items():
        process = psutil.Process(pid)
        times = process.cpu_times()
        cpu[name] = times.user + times.system
        resident[name] = process.memory_info().rss / 1e6
        descriptors[name] = process.num_fds()
        threads[name] = process.num_threads()
    by_service = counters_by_service(metrics_ports)
    return Snapshot(
        at=at,
        monotonic=time.monotonic(),
        cpu_s=cpu,
        resident_mb=resident,
        descriptors=descriptors,
        threads=threads,
        lag={
            name: counters["lookout_stream_lag"]
            for name, counters in by_service.items()
            if "lookout_stream_lag" in counters
        },
        counters=added(by_service.values()),
    )


def counters_by_service(metrics_ports: Mapping[str, int]) -> Mapping[str, Counters]:
    """The counters of every service that answers on its port of this machine."""
    found: dict[str, Counters] = {}
    for service, port in metrics_ports.items():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                found[service] = _summed(answer.read().decode())
        except OSError:
            continue  # one that is being started anew
    return found


def _summed(text: str) -> Counters:
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            reason = sample.labels.get("reason") or sample.labels.get("stage")
            name = f"{sample.name}{{{reason}}}" if reason else sample.name
            sums[name] = sums.get(name, 0.0) + sample.value
    return sums


def added(several: Iterable[Counters]) -> Counters:
    """The sums over several services."""
    sums: dict[str, float] = {}
    for counters in several:
        for name, value in counters.items():
            sums[name] = sums.get(name, 0.0) + value
    return sums
