"""The stream of one open page: what is new, a word of life every two seconds, and an end when its session ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Final

from starlette.concurrency import run_in_threadpool

from lookout_console.web.hub import Hub, line

TICK_S: Final = 2.0
_SESSION_EVERY_TICKS: Final = 5


async def stream(
    hub: Hub,
    *,
    after: str,
    views: Sequence[str],
    scope: str,
    now: Callable[[], datetime],
    signed_in: Callable[[], bool],
    ticked: Callable[[], None] | None,
) -> AsyncIterator[bytes]:
    """Server-sent events until the browser leaves or the session ends.

    ``signed_in`` and ``ticked`` may block; they run in a thread, the first every ten seconds, the second, if any, every tick.
    """
    woken = asyncio.Event()
    end = hub.listen(woken.set)
    position = hub.position(after)
    clock = asyncio.get_running_loop().time
    ticks, next_tick = 0, clock() + TICK_S
    try:
        yield b"retry: 1000\n\n" + _tick(now())
        if position is None:
            position = hub.position(hub.here()) or 0
            yield line("resync", {}, event_id=hub.here())
        while True:
            news = hub.news(position, views=views, scope=scope)
            position = news.position
            if news.lost:
                yield line("resync", {}, event_id=hub.here())
            elif news.lines:
                yield b"".join(news.lines)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_tick):
                    await woken.wait()
                    woken.clear()
            if clock() < next_tick:
                continue
            ticks, next_tick = ticks + 1, clock() + TICK_S
            if ticked is not None:
                await run_in_threadpool(ticked)
            if ticks % _SESSION_EVERY_TICKS == 0 and not await run_in_threadpool(signed_in):
                yield line("ended", {})
                return
            yield _tick(now())
    finally:
        end()


def _tick(now: datetime) -> bytes:
    return line("tick", {"now": int(now.timestamp() * 1000)})
