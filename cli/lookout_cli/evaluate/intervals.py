"""How sure a measured share is. Pure.

Searches of one person are alike, so intervals of TPIR are bootstrapped over people, not over searches. Where counts are
small, Clopper and Pearson's exact interval says what even an independent sample could show.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from lookout_cli.evaluate.identification import Ints, Trials, threshold_at, tpir

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A share and its 95 % interval."""

    value: float
    low: float
    high: float


def clopper_pearson(hits: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """The exact binomial interval (Clopper and Pearson 1934) of ``hits`` out of ``trials`` independent ones."""
    if not 0 <= hits <= trials or trials < 1:
        raise ValueError(f"hits must lie between 0 and the trials, but are {hits} of {trials}")
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, trials - hits + 1))
    high = 1.0 if hits == trials else float(beta.ppf(1 - tail, hits + 1, trials - hits))
    return Interval(hits / trials, low, high)


def tpir_interval(
    trials: Trials, persons: Ints, target: float, *, rounds: int, rng: np.random.Generator
) -> Interval:
    """TPIR at a target FPIR with its bootstrap interval.

    Each round draws people with replacement, sets the threshold anew on the non-mated searches of those drawn, and
    counts the mated searches of those drawn: the doubt in the threshold is part of the interval.

    Args:
        trials: the searches.
        persons: shape (N,): a number for each sample's person, from 0.
        target: the FPIR, 0 to 1.
        rounds: of the bootstrap.
        rng: where the draws come from.
    """
    value = tpir(trials, threshold_at(trials.non_mated_score, target))
    people = int(persons.max()) + 1
    mated, non_mated = persons[trials.mated_sample], persons[trials.non_mated_sample]
    found = []
    for _ in range(rounds):
        times = np.bincount(rng.integers(0, people, people), minlength=people).astype(np.float64)
        if not times[mated].any() or not times[non_mated].any():
            continue
        threshold = threshold_at(trials.non_mated_score, target, times[non_mated])
        found.append(tpir(trials, threshold, times[mated]))
    tail = (1 - CONFIDENCE) / 2
    if not found:
        return Interval(value, 0.0, 1.0)
    low, high = (float(share) for share in np.quantile(found, (tail, 1 - tail)))
    return Interval(value, min(low, value), max(high, value))
