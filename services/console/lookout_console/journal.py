"""What accounts and notifications need of the audit and the clock: two words, so that they need nothing else of the console."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

Clock = Callable[[], datetime]
"""Tells the time, timezone-aware UTC."""


class Journal(Protocol):
    """Where it is recorded who changed what, in the transaction of the change: both happen, or neither."""

    def record(
        self, connection: Connection, *, actor: str, action: str, subject: str, reason: str
    ) -> None:
        """Add an entry. Raises what the audit raises; the change is then rolled back."""
