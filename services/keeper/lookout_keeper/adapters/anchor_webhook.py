"""Anchors to another house: posted to a URL from a thread of their own, again and again until they are taken."""

import threading
from collections import deque
from collections.abc import Sequence

import httpx
import structlog

from lookout_keeper.anchors import Anchor
from lookout_keeper.metrics import Metrics

TIMEOUT_S = 2.0
_AGAIN_S: Sequence[float] = (1.0, 2.0, 5.0, 10.0, 30.0)
_MOST_WAITING = 1000
_LAST_S = 3.0

_log = structlog.get_logger()


class AnchorWebhook:
    """Posts anchors as JSON, in order. Whoever makes it closes it.

    A receiver that does not answer never holds up receipts: anchors wait, the oldest are dropped at a thousand (each
    anchor speaks for all links before it, so the newer one is worth more).
    """

    def __init__(
        self,
        *,
        client: httpx.Client,
        url: str,
        secret: str | None,
        metrics: Metrics,
        again_s: Sequence[float] = _AGAIN_S,
    ) -> None:
        """``secret`` is sent as a bearer token. Neither it nor the URL, which may hold one, is ever logged."""
        self._client, self._url, self._metrics = client, url, metrics
        self._again_s = again_s
        self._headers = {"Content-Type": "application/json"}
        if secret is not None:
            self._headers["Authorization"] = f"Bearer {secret}"
        self._waiting: deque[Anchor] = deque(maxlen=_MOST_WAITING)
        self._changed = threading.Condition()
        self._closing = False
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="anchor webhook", daemon=True)
        self._thread.start()

    def send(self, anchor: Anchor) -> None:
        """Have an anchor posted. Returns at once."""
        with self._changed:
            self._waiting.append(anchor)
            self._changed.notify()

    def close(self) -> None:
        """Post what waits, if the receiver takes it at once, and stop."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(_LAST_S)
        self._client.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                if not self._waiting:
                    return
                anchor = self._waiting[0]
            if self._post(anchor):
                self._failures = 0
                with self._changed:
                    # At the limit a newer one may have pushed it out meanwhile.
                    if self._waiting and self._waiting[0] is anchor:
                        self._waiting.popleft()
            elif self._wait_or_give_up():
                return

    def _post(self, anchor: Anchor) -> bool:
        why = ""
        try:
            answer = self._client.post(self._url, content=anchor.line, headers=self._headers)
            why = "" if answer.is_success else f"status {answer.status_code}"
        except httpx.HTTPError as error:
            why = type(error).__name__
        if why:
            self._failures += 1
            self._metrics.anchor_failures.labels("webhook").inc()
            if self._failures == 1:
                _log.warning("anchor not taken by the webhook", why=why)
        return not why

    def _wait_or_give_up(self) -> bool:
        """Wait before the next attempt; whether there is to be none."""
        wait = self._again_s[min(self._failures, len(self._again_s)) - 1]
        with self._changed:
            return self._changed.wait_for(lambda: self._closing, wait)
