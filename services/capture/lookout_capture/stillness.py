"""A view in which nothing moves need not be looked at ten times a second: what has been looked at shows all there is.

Less is sealed, sent and decoded, and fewer images of an empty street are made at all.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

from lookout_capture.readings import RawFrame

Grid = TypeVar("Grid")


class Gauge(Protocol[Grid]):
    """Compares images by the brightness of coarse cells."""

    def grid(self, frame: RawFrame) -> Grid | None:
        """The brightness of an image's cells; None of one that is not decoded."""

    def change(self, before: Grid, after: Grid) -> float:
        """The largest change of any cell's brightness, grey levels of 0 to 255; 255 where the grids cannot be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StillRules:
    """When a view counts as still.

    Attributes:
        least_change: grey levels by which a cell's brightness must differ from the last image sent to be movement. The
            least face that is recognised covers several cells, and differs from what it covers by more.
        settle: how long everything is sent after the last movement.
        every: a still view is sent as often all the same. Below detection's ``max_gap_s``, so that whoever stands still
            goes on being one track.
    """

    least_change: float = 8.0
    settle: timedelta = timedelta(seconds=1)
    every: timedelta = timedelta(seconds=0.5)


class StillView(Generic[Grid]):
    """One camera's view. Keeps the grid of one image: some thousand bytes that show nobody."""

    def __init__(self, rules: StillRules, gauge: Gauge[Grid]) -> None:
        self._rules, self._gauge = rules, gauge
        self._sent: Grid | None = None
        self._sent_at = self._moved_at = datetime.min.replace(tzinfo=UTC)

    def is_still(self, grid: Grid, at: datetime) -> bool:
        """Whether the image with this grid, captured ``at``, can be left out; if not, it counts as sent."""
        moves = (
            self._sent is None
            or at < self._sent_at  # the clock was set back, or another reading began
            or self._gauge.change(self._sent, grid) >= self._rules.least_change
        )
        if moves:
            self._moved_at = at
        elif at - self._moved_at > self._rules.settle and at - self._sent_at < self._rules.every:
            return True
        self._sent, self._sent_at = grid, at
        return False


class Stillness(Generic[Grid]):
    """The views of all cameras, by their ids. Used by one thread."""

    def __init__(self, rules: StillRules, gauge: Gauge[Grid]) -> None:
        self._rules, self._gauge = rules, gauge
        self._views: dict[str, StillView[Grid]] = {}

    def is_still(self, camera_id: str, frame: RawFrame) -> bool:
        """Whether an image can be left out; if not, it counts as sent."""
        grid = self._gauge.grid(frame)
        if grid is None:
            return False
        view = self._views.setdefault(camera_id, StillView(self._rules, self._gauge))
        return view.is_still(grid, frame.captured_at)
