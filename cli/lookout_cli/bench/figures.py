"""Figures out of samples: quantiles, and how one quantity grows with another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Spread:
    """Quantiles of a sample, in its own unit; ``n`` is how many values it has, and all are None where it has none."""

    p50: float | None
    p95: float | None
    p99: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The quantiles of these values, interpolated linearly between the two nearest."""
        if not values:
            return cls(None, None, None, 0)
        p50, p95, p99 = (float(value) for value in np.quantile(values, (0.5, 0.95, 0.99)))
        return cls(round(p50, 5), round(p95, 5), round(p99, 5), len(values))

    def in_words(self, *, unit: str = "s", digits: int = 3) -> str:
        """``0.041 / 0.310 / 0.348 s (n = 15)``, or a dash."""
        if self.p50 is None or self.p95 is None or self.p99 is None:
            return "-"
        values = " / ".join(f"{value:.{digits}f}" for value in (self.p50, self.p95, self.p99))
        return f"{values} {unit} (n = {self.n})"


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float | None:
    """The k of cost ~ size^k, by least squares in logarithms; None with fewer than two different sizes.

    About 0 means that it costs the same whatever the size, 1 that it grows in proportion.
    """
    pairs = [(size, cost) for size, cost in zip(sizes, costs, strict=True) if size > 0 and cost > 0]
    if len({size for size, _ in pairs}) < 2:
        return None
    logs = np.log(np.array(pairs, dtype=np.float64))
    slope = np.polyfit(logs[:, 0], logs[:, 1], 1)[0]
    return round(float(slope), 3)
