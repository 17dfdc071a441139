"""The live table of a running stack: every service's own word, its process, its memory."""

from collections.abc import Mapping
from datetime import datetime

from lookout.events import ServiceState, ServiceStatus
from rich.table import Table

from lookout_cli.stack.services import STARTING_ORDER
from lookout_cli.stack.supervisor import Child

_SILENT_AFTER_S = 3.0
_COLOURS = {
    ServiceState.LIVE: "green",
    ServiceState.DEGRADED: "yellow",
    ServiceState.NOT_RUNNING: "red",
}
_WORDS = {
    ServiceState.LIVE: "LIVE",
    ServiceState.DEGRADED: "DEGRADED",
    ServiceState.NOT_RUNNING: "NOT RUNNING",
}


def status_table(
    statuses: Mapping[str, ServiceStatus], children: Mapping[str, Child], now: datetime
) -> Table:
    """One row a service. A service that has been silent for three seconds is shown as not running."""
    table = Table("service", "state", "since", "process", "memory", "restarts", "reason")
    by_service = {status.service: status for status in statuses.values()}
    for service in STARTING_ORDER:
        status, child = by_service.get(service), children.get(service)
        table.add_row(
            service, *_word(status, now), *_process(child), _reason(status, now), end_section=False
        )
    return table


def _word(status: ServiceStatus | None, now: datetime) -> tuple[str, str]:
    if status is None or _silent(status, now):
        return "[red]NOT RUNNING[/]", ""
    return (
        f"[{_COLOURS[status.state]}]{_WORDS[status.state]}[/]",
        f"{(now - status.since).total_seconds():.0f} s",
    )


def _process(child: Child | None) -> tuple[str, str, str]:
    if child is None:
        return "", "", ""
    memory = child.resident_bytes()
    return (
        str(child.pid or "dead"),
        f"{memory / 2**20:.0f} MB" if memory else "",
        str(child.restarts or ""),
    )


def _reason(status: ServiceStatus | None, now: datetime) -> str:
    if status is None:
        return "has not said anything yet"
    return "silent" if _silent(status, now) else status.reason


def _silent(status: ServiceStatus, now: datetime) -> bool:
    return (now - status.reported_at).total_seconds() > _SILENT_AFTER_S
