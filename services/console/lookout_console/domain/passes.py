"""Passes of volunteers, walked on purpose and written down, so that those whom nobody was alerted of are counted. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lookout_console.domain.errors import BadInputError, ConflictError
from lookout_console.domain.intervals import Rate, rate

AROUND: Final = timedelta(seconds=30)
"""A clock on a wrist and one in a camera differ, and a walk through a zone takes its time."""
APART: Final = timedelta(seconds=120)
"""Alerts of one person within a minute are one alert: passes must be further apart than that, and the doubt about their time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """A volunteer walked past a camera."""

    entry_id: str
    camera: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An alert, as far as passes ask."""

    entry_id: str
    cameras: tuple[str, ...]
    captured_at: datetime


def check_pass(new: Pass, before: Sequence[Pass], now: datetime) -> None:
    """Raise why a pass cannot be counted.

    Raises:
        BadInputError: it has not happened yet.
        ConflictError: too soon after another of the same person.
    """
    if new.at > now:
        raise BadInputError("A pass is written down after it was walked.")
    if any(one.entry_id == new.entry_id and abs(one.at - new.at) < APART for one in before):
        raise ConflictError(
            f"Walk again {APART.total_seconds():g} seconds after the last pass: two sooner are one alert at most."
        )


def was_seen(walked: Pass, seen: Sequence[Seen]) -> bool:
    """Whether an alert of that person came of a pass."""
    return any(
        one.entry_id == walked.entry_id
        and walked.camera in one.cameras
        and abs(one.captured_at - walked.at) <= AROUND
        for one in seen
    )


def true_positive_rate(passes: Sequence[Pass], seen: Sequence[Seen]) -> Rate | None:
    """How many passes raised their alert, with the interval; None without a pass.

    Passes of one person are not independent of each other, so the true interval is wider: walk with many.
    """
    if not passes:
        return None
    return rate(sum(was_seen(walked, seen) for walked in passes), len(passes))
