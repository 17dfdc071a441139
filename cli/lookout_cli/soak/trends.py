"""Whether something grows: straight lines through what was read of every process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lookout_cli.bench.stack_run import Reading

KINDS = {
    "resident_mb": "resident memory, MB",
    "descriptors": "file descriptors",
    "threads": "threads",
    "lag": "messages waiting",
}
"""What is followed, by its name in a `Reading`, and what it is in words."""

_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Trend:
    """A least-squares line through readings of one thing.

    Attributes:
        first, last, most: the values themselves.
        per_hour: slope, in the value's unit an hour.
        error: standard error of the slope, as if readings were independent (they are not quite: it is on the small side).
    """

    first: float
    last: float
    most: float
    per_hour: float
    error: float

    @classmethod
    def of(cls, at_s: Sequence[float], values: Sequence[float]) -> "Trend":
        """The line through ``values`` at ``at_s`` seconds; `ValueError` with fewer than three of them."""
        if len(values) < 3:
            raise ValueError(f"a trend takes three readings, there are {len(values)}")
        hours = np.asarray(at_s, np.float64) / _HOUR_S
        seen = np.asarray(values, np.float64)
        apart = hours - hours.mean()
        spread = float(apart @ apart)
        slope = float(apart @ seen) / spread
        left = seen - seen.mean() - slope * apart
        error = float(np.sqrt(left @ left / (len(values) - 2) / spread))
        return cls(float(seen[0]), float(seen[-1]), float(seen.max()), slope, error)

    def as_json(self) -> dict[str, float]:
        """For the report."""
        return {
            "first": round(self.first, 1),
            "last": round(self.last, 1),
            "most": round(self.most, 1),
            "per_hour": round(self.per_hour, 3),
            "standard_error": round(self.error, 3),
        }

    def in_words(self) -> str:
        """``161 to 163 (most 164), +1.2 ± 0.1 an hour``."""
        return (
            f"{self.first:.0f} to {self.last:.0f} (most {self.most:.0f}), "
            f"{self.per_hour:+.2f} ± {self.error:.2f} an hour"
        )


def trends(readings: Sequence[Reading], *, after_s: float) -> Mapping[str, Mapping[str, Trend]]:
    """The trends of every kind (see `KINDS`) and process, over what was read from ``after_s`` on.

    Caches and pools fill in the beginning: a line through that would tell of nothing that goes on.
    """
    kept = [reading for reading in readings if reading.after_s >= after_s]
    found: dict[str, Mapping[str, Trend]] = {}
    for kind in KINDS:
        names = sorted(set[str]().union(*(getattr(reading, kind) for reading in kept)))
        by_name = {}
        for name in names:
            pairs = [
                (reading.after_s, float(getattr(reading, kind)[name]))
                for reading in kept
                if name in getattr(reading, kind)
            ]
            by_name[name] = Trend.of([at for at, _ in pairs], [value for _, value in pairs])
        found[kind] = by_name
    return found
