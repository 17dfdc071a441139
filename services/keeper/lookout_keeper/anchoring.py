"""Takes the chain's head out of Kafka: once in a while, after many links, when a deployment is closed, and at the end."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from lookout.events import ServiceState
from lookout.stream.ports import Clock

from lookout_keeper.anchors import Anchor, anchored
from lookout_keeper.domain import Sign
from lookout_keeper.metrics import Metrics
from lookout_keeper.ports import AnchorStore, Books

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorRules:
    """When an anchor is due, and how long none may be kept before the keeper stops: receipts nobody can check."""

    every: timedelta = timedelta(seconds=60)
    links: int = 1000
    stops_after: timedelta = timedelta(seconds=60)


class Anchoring:
    """Makes anchors and has them kept. On the keeper's thread, but for `request` and `state`."""

    def __init__(
        self,
        *,
        books: Books,
        sign: Sign,
        store: AnchorStore,
        send: Callable[[Anchor], None],
        clock: Clock,
        metrics: Metrics,
        rules: AnchorRules,
    ) -> None:
        """``send`` passes an anchor on to elsewhere and must return at once."""
        self._books, self._sign, self._store, self._send = books, sign, store, send
        self._clock, self._metrics, self._rules = clock, metrics, rules
        self._kept: Anchor | None = None
        self._requested = threading.Event()
        self._failing_since: datetime | None = None
        self._why = ""

    def request(self) -> None:
        """Have an anchor made at the next turn: something worth one has happened."""
        self._requested.set()

    def turn(self) -> None:
        """Make an anchor, if one is due."""
        if self._is_due(self._clock()):
            self.make()

    def make(self) -> None:
        """Make an anchor now. A folder that does not take it is told by `state`, and tried again in the next turn."""
        self._requested.clear()
        now = self._clock()
        anchor = anchored(self._books.head, at=now, sign=self._sign)
        try:
            self._store.keep(anchor)
        except OSError as error:
            self._fail(error, now)
            return
        self._failing_since = None
        self._kept = anchor
        self._metrics.anchors.inc()
        self._metrics.anchored_links.set(anchor.sequence)
        self._metrics.anchored_at.set(now.timestamp())
        self._send(anchor)

    def state(self) -> tuple[ServiceState, str]:
        """Whether anchors are kept; from any thread."""
        since = self._failing_since
        if since is None:
            return ServiceState.LIVE, ""
        if self._clock() - since < self._rules.stops_after:
            return ServiceState.DEGRADED, self._why
        return ServiceState.NOT_RUNNING, self._why

    def _is_due(self, now: datetime) -> bool:
        kept = self._kept
        return (
            kept is None
            or self._failing_since is not None
            or self._requested.is_set()
            or self._books.head.sequence - kept.sequence >= self._rules.links
            or not timedelta(0) <= now - kept.at < self._rules.every
        )

    def _fail(self, error: OSError, now: datetime) -> None:
        self._metrics.anchor_failures.labels("folder").inc()
        if self._failing_since is None:
            self._failing_since = now
            self._why = (
                f"the folder of anchors cannot be written ({error.strerror or type(error).__name__}): without anchors a "
                "rewritten chain of receipts would not show; make room or mend its permissions"
            )
            _log.warning("anchor not kept", why=self._why)
