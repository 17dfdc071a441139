"""What open pages are told, as server-sent events: one ring of recent words, read by every stream at its own pace.

A stream holds a position in the ring and nothing else, so a slow browser costs no memory: whoever falls off the end
of the ring is told to read the page again. So is whoever comes back with a position of an earlier process.
"""

import asyncio
import json
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

KEPT: Final = 4096
"""Words that a stream may be behind before it must read the page again: three minutes at twenty a second."""

EVERYWHERE: Final = ""
"""The scope of what concerns every deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One event, ready to be sent. ``by_view`` holds its lines per kind of page; a page not named there is not told."""

    sequence: int
    scope: str
    by_view: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a stream has to send now, and where it stands after it. ``lost``: it must read the page again."""

    lines: Sequence[bytes]
    position: int
    lost: bool


def line(kind: str, data: Any, *, event_id: str = "") -> bytes:
    """An event in the format of the HTML standard, section 9.2."""
    # JSON has no raw line breaks, so one data field is enough.
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


class Hub:
    """Published to from any thread; read from event loops."""

    def __init__(self, *, kept: int = KEPT) -> None:
        self._kept = kept
        self._ring: list[Word | None] = [None] * kept
        self._last = 0
        self._boot = secrets.token_hex(4)
        self._lock = threading.Lock()
        self._ears: dict[int, tuple[asyncio.AbstractEventLoop, Callable[[], None]]] = {}
        self._next_ear = 0
        self._waking: set[asyncio.AbstractEventLoop] = set()

    def publish(self, kind: str, by_view: Mapping[str, Any], *, scope: str = EVERYWHERE) -> None:
        """Tell every open page of the named views and scope. Never blocks on a browser."""
        self.publish_all([(kind, by_view)], scope=scope)

    def publish_all(
        self, words: Sequence[tuple[str, Mapping[str, Any]]], *, scope: str = EVERYWHERE
    ) -> None:
        """As `publish`, for several events of one change: each stream is woken once for all, and sends them together."""
        with self._lock:
            for kind, by_view in words:
                self._last += 1
                event_id = self._id(self._last)
                self._ring[self._last % self._kept] = Word(
                    sequence=self._last,
                    scope=scope,
                    by_view={
                        view: line(kind, data, event_id=event_id) for view, data in by_view.items()
                    },
                )
            # A loop that has not come to its last wake yet will find these words, too.
            sleeping = {loop for loop, _ in self._ears.values()} - self._waking
            self._waking |= sleeping
        for loop in sleeping:
            try:
                loop.call_soon_threadsafe(self._wake, loop)
            except RuntimeError:  # its loop has closed: its streams are on their way out
                with self._lock:
                    self._waking.discard(loop)

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake every stream of a loop, in it."""
        with self._lock:
            self._waking.discard(loop)
            ears = [wake for mine, wake in self._ears.values() if mine is loop]
        for wake in ears:
            wake()

    def here(self) -> str:
        """The id of the newest word: a page that is about to be read names it when it begins to listen."""
        return self._id(self._last)

    def position(self, event_id: str) -> int | None:
        """Where a stream that last heard ``event_id`` stands, or None where nobody can say any more."""
        boot, _, sequence = event_id.partition("-")
        if boot != self._boot or not sequence.isdecimal():
            return None
        found = int(sequence)
        return found if self._last - self._kept < found <= self._last else None

    def news(self, position: int, *, views: Sequence[str], scope: str) -> News:
        """What a stream at ``position`` has not heard yet."""
        with self._lock:
            last = self._last
            if last - position > self._kept - 1:
                return News(lines=(), position=last, lost=True)
            words = [self._ring[n % self._kept] for n in range(position + 1, last + 1)]
        lines = [
            word.by_view[view]
            for word in words
            if word is not None and word.scope in (EVERYWHERE, scope)
            for view in views
            if view in word.by_view
        ]
        return News(lines=lines, position=last, lost=False)

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Have ``wake`` called in the running loop after every word; the answer ends it."""
        loop = asyncio.get_running_loop()
        with self._lock:
            key = self._next_ear
            self._next_ear += 1
            self._ears[key] = (loop, wake)

        def end() -> None:
            with self._lock:
                self._ears.pop(key, None)

        return end

    def listeners(self) -> int:
        """How many streams are open."""
        return len(self._ears)

    def _id(self, sequence: int) -> str:
        return f"{self._boot}-{sequence}"
