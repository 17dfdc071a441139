"""What alerting counts. Labels are closed lists; no id of anybody is ever one."""

from datetime import datetime

from lookout.events import Match
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from lookout_alerting.domain import Decision, Verdict

_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """Counters of decisions, and the time that counts most: from capture to alert."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._matches = Counter(
            "lookout_alerting_matches_total",
            "Matches decided about, by what became of them.",
            ["verdict"],
            registry=registry,
        )
        self._alerts = Counter(
            "lookout_alerting_alerts_total",
            "Alerts opened (repetitions and revisions are not counted).",
            ["category", "response"],
            registry=registry,
        )
        self._age = Histogram(
            "lookout_alerting_capture_to_alert_seconds",
            "From the capture of the image to its alert.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self._last = Gauge(
            "lookout_alerting_last_match_timestamp_seconds",
            "When the last match was decided about, Unix time; 0 before the first.",
            registry=registry,
        )
        self._unreadable = Counter(
            "lookout_alerting_rows_unreadable_total",
            "Rows of the table that could not be read; the next match of such an entry alerts anew.",
            registry=registry,
        )
        for verdict in Verdict:
            self._matches.labels(verdict.value)

    def decided(self, match: Match, decision: Decision, at: datetime) -> None:
        """Count a decision. ``at`` is when its alert was sent."""
        self._matches.labels(decision.verdict.value).inc()
        self._last.set(at.timestamp())
        if decision.verdict is Verdict.OPENED:
            self._alerts.labels(match.category.value, match.response.value).inc()
            self._age.observe((at - match.captured_at).total_seconds())

    def row_unreadable(self) -> None:
        """Count a row that was given up."""
        self._unreadable.inc()
