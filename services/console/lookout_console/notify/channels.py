"""Other channels, by Apprise: mail, chat, SMS gateways, whatever the force has an address for. Never whom it concerns."""

import logging
from collections.abc import Sequence
from queue import Empty, Full, Queue
from typing import Final

import apprise
import structlog

_MOST_WAITING: Final = 200
_log = structlog.get_logger(__name__)


class BadChannelError(Exception):
    """An address that Apprise does not know. The text does not repeat it: it may hold a secret."""


class Channels:
    """The channels of this console, by Apprise's addresses, which are secrets and come from settings."""

    def __init__(self, addresses: Sequence[str]) -> None:
        """Raises `BadChannelError` for an address that is none."""
        # Apprise logs addresses when it fails; they hold passwords.
        logging.getLogger("apprise").disabled = True
        self._sender = apprise.Apprise()
        for number, address in enumerate(addresses, start=1):
            if not self._sender.add(address):
                raise BadChannelError(
                    f"channel {number} is no address that Apprise knows: see its documentation"
                )
        self._waiting: Queue[tuple[str, str]] = Queue(_MOST_WAITING)

    def tell(self, title: str, body: str) -> None:
        """Have something said soon; when too much waits, the newest is dropped and logged."""
        if not len(self._sender):
            return
        try:
            self._waiting.put_nowait((title, body))
        except Full:
            _log.error("channel_full", title=title)

    def send_waiting(self) -> int:
        """Send what waits; how many were taken by every channel. Blocks for the channels."""
        taken = 0
        while True:
            try:
                title, body = self._waiting.get_nowait()
            except Empty:
                return taken
            if self._sender.notify(title=title, body=body):
                taken += 1
            else:
                _log.error("channel_failed", title=title)
