"""What matching counts. Labels are closed lists; no id of anybody is ever one."""

from collections.abc import Sequence
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SEARCH_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Skip(StrEnum):
    """Why an embedding was finished with, or destroyed, without a comparison."""

    KEY_GONE = "key_gone"
    REPEATED = "repeated"
    DECIDED_BEFORE = "decided_before"
    STALE = "stale"
    FROM_THE_FUTURE = "from_the_future"
    DEPLOYMENT_CLOSED = "deployment_closed"
    NO_WATCHLIST = "no_watchlist"
    TOO_MANY_SHOTS = "too_many_shots"


class LeftOut(StrEnum):
    """Why an entry of the watchlist is not in the gallery."""

    WRONG_PACK = "wrong_pack"
    INCOMPLETE = "incomplete"
    NO_KEY = "no_key"
    CANNOT_OPEN = "cannot_open"
    BAD_TEMPLATE = "bad_template"
    NOT_FOUND_AGAIN = "not_found_again"


class Metrics:
    """Counters of comparisons and their outcomes, and the gallery's size and speed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, labels: Sequence[str] = ()) -> Counter:
            return Counter(f"lookout_matching_{name}_total", text, labels, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"lookout_matching_{name}", text, registry=registry)

        self.comparisons = counter("comparisons", "Probes compared with a gallery.")
        self.matches = counter("matches", "Matches confirmed.")
        self.unconfirmed = counter(
            "unconfirmed", "Shots at the threshold that too few others of their track agreed with."
        )
        self.evidence_lost = counter(
            "evidence_lost", "Matches whose key had expired already: alerted without a picture."
        )
        self.pending = gauge("pending_shots", "Shots that wait for a confirmation.")
        self.search = Histogram(
            "lookout_matching_search_seconds",
            "One search of the gallery, whatever its batch.",
            buckets=_SEARCH_BUCKETS,
            registry=registry,
        )
        self.skipped = counter("skipped", "Embeddings not compared, by reason.", ["reason"])
        self.templates = gauge("gallery_templates", "Templates in the gallery, all deployments.")
        self.left_out = counter(
            "entries_left_out", "Watchlist entries that cannot be enrolled.", ["reason"]
        )
        self.lookalikes = counter(
            "lookalikes", "Entries enrolled that another entry matches almost exactly."
        )
        for skip in Skip:
            self.skipped.labels(skip.value)
        for left_out in LeftOut:
            self.left_out.labels(left_out.value)
