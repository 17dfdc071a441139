"""What tests of the console's accounts are set in: a clock that is told the time, a journal that remembers."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

START = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


@dataclass
class Told:
    """A clock."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Remembered:
    """A journal. ``broken``: it cannot be written."""

    entries: list[tuple[str, str, str]] = field(default_factory=list)
    broken: bool = False

    def record(
        self, connection: Connection, *, actor: str, action: str, subject: str, reason: str
    ) -> None:
        if self.broken:
            raise OSError("the audit cannot be written")
        self.entries.append((actor, action, subject))
