"""A wire between two programs that can be cut, fall silent, or become slow. TCP on the loopback, or Unix sockets."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

_CHUNK: Final = 65_536
_SLOW_S: Final = 0.3
_START_S: Final = 10.0


class Wire(StrEnum):
    """How the wire is: whole; cut (resets, and nobody answers); silent (open, and nothing comes through); slow."""

    WHOLE = "whole"
    CUT = "cut"
    SILENT = "silent"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class TcpEnd:
    """A port of the loopback."""

    port: int


@dataclass(frozen=True, slots=True)
class UnixEnd:
    """A Unix socket."""

    path: Path


End = TcpEnd | UnixEnd
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """Passes bytes between whoever connects to ``near`` and ``far``, on a thread of its own, as `set` says.

    ``far`` need not be there: a connection that it refuses is closed, as a cut wire closes it.
    """

    def __init__(self, near: End, far: End) -> None:
        self._near, self._far = near, far
        self._loop = asyncio.new_event_loop()
        self._wire = Wire.WHOLE
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def start(self) -> None:
        """Listen. Raises `OSError` if the near end is taken."""
        self._thread.start()
        self._do(self._listen())

    def set(self, wire: Wire) -> None:
        """Make the wire so, for connections there are and those to come."""
        self._do(self._become(wire))

    def stop(self) -> None:
        """Close everything."""
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if isinstance(self._near, UnixEnd):
            self._near.path.unlink(missing_ok=True)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _listen(self) -> None:
        if isinstance(self._near, TcpEnd):
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._near.port)
        else:
            self._server = await asyncio.start_unix_server(self._serve, self._near.path)

    async def _become(self, wire: Wire) -> None:
        self._wire = wire
        if wire is Wire.SILENT:
            self._flowing.clear()
        else:
            self._flowing.set()
        if wire is Wire.CUT:
            self._reset()

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._flowing.set()
        self._reset()
        others = asyncio.all_tasks() - {task for task in [asyncio.current_task()] if task}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _reset(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near = reader, writer
        if self._wire is Wire.CUT:
            writer.transport.abort()
            return
        try:
            far = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far[1]}
        self._open |= both
        try:
            await asyncio.gather(self._pump(near[0], far[1]), self._pump(far[0], near[1]))
        finally:
            self._open -= both
            for one in both:
                one.transport.abort()

    async def _connect(self) -> _Streams:
        if isinstance(self._far, TcpEnd):
            return await asyncio.open_connection("127.0.0.1", self._far.port)
        return await asyncio.open_unix_connection(self._far.path)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                await self._flowing.wait()
                if self._wire is Wire.SLOW:
                    await asyncio.sleep(_SLOW_S)
                writer.write(chunk)
                await writer.drain()
        # One way over is both over: programs here never close half of a connection.
        writer.transport.abort()
