"""Open-set identification over drawn galleries: who is searched for, what comes back, and what counts. Pure.

Terms are those of ISO/IEC 19795-1. A *mated* probe is of somebody enrolled, a *non-mated* one of somebody who is not. At a
threshold, FPIR is the share of non-mated searches that return anybody at or above it, and TPIR the share of mated searches
whose best candidate is the right person and is at or above it; FNIR = 1 - TPIR. A probe or an enrolled picture without a
template counts as one that returns nobody: failures are part of accuracy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from lookout.vision.arrays import FloatArray

from lookout_cli.evaluate.samples import Role, Sample

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class DrawError(Exception):
    """There are too few people for what is asked. Says how many there are."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Indices into the samples: ``gallery`` the enrolled pictures, ``mated`` and ``non_mated`` the probes."""

    gallery: Ints
    mated: Ints
    non_mated: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """All searches of all draws, one after another.

    Attributes:
        mated_score: shape (M,): the best candidate's score where it is the right person, else -inf.
        mated_rank1: shape (M,): whether the best candidate is the right person.
        mated_sample, non_mated_sample: which sample each probe is, shapes (M,) and (Z,).
        non_mated_score: shape (Z,): the best candidate's score; -inf without a template.
    """

    mated_score: Floats
    mated_rank1: Bools
    mated_sample: Ints
    non_mated_score: Floats
    non_mated_sample: Ints


def draw(
    samples: Sequence[Sample], *, enrolled: int, images: int, rng: np.random.Generator
) -> Draw:
    """Draw a gallery of ``enrolled`` people with ``images`` pictures each; every other picture is a probe.

    People with pictures to spare are enrolled first, since only they can be searched for; where there are too few of
    them, people without probes fill the gallery up. Where roles are given, only pictures marked ``gallery`` are
    enrolled and only those marked ``probe`` are probes.

    Raises:
        DrawError: fewer people than are to be enrolled have so many pictures.
    """
    by_person: dict[str, list[int]] = {}
    for index, sample in enumerate(samples):
        by_person.setdefault(sample.person, []).append(index)
    people = sorted(by_person)
    rng.shuffle(people)
    ready = [one for one in people if len(_may_enrol(samples, by_person[one])) >= images]
    # A stable sort: among equals the shuffled order holds.
    ready.sort(key=lambda one: not _has_probe(samples, by_person[one], images))
    if len(ready) < enrolled:
        raise DrawError(
            f"{enrolled} people are to be enrolled with {images} pictures each, but only {len(ready)} have so many: "
            "enrol fewer, or with fewer pictures"
        )
    gallery: list[int] = []
    mated: list[int] = []
    for person in ready[:enrolled]:
        own = by_person[person]
        chosen = rng.permutation(_may_enrol(samples, own))[:images].tolist()
        gallery += chosen
        mated += [index for index in own if index not in chosen and _may_probe(samples[index])]
    outside = set(people) - set(ready[:enrolled])
    non_mated = [
        index
        for person in sorted(outside)
        for index in by_person[person]
        if _may_probe(samples[index])
    ]
    return Draw(np.array(sorted(gallery)), np.array(sorted(mated)), np.array(non_mated))


def search(draws: Sequence[Draw], vectors: FloatArray, acquired: Bools, persons: Ints) -> Trials:
    """Search every probe of every draw in its gallery, exactly.

    Args:
        draws: the galleries and probes.
        vectors: shape (N, D), unit length.
        acquired: shape (N,): which samples have a template.
        persons: shape (N,): a number for each sample's person.
    """
    scores, right, mated = [], [], []
    others, non_mated = [], []
    for one in draws:
        gallery = one.gallery[acquired[one.gallery]]
        if not len(gallery):
            raise DrawError("not one enrolled picture gave a template: look at the failures")
        best, who = _best(vectors, acquired, gallery, one.mated)
        hit = persons[who] == persons[one.mated]
        scores.append(np.where(hit, best, -np.inf))
        right.append(hit & np.isfinite(best))
        mated.append(one.mated)
        others.append(_best(vectors, acquired, gallery, one.non_mated)[0])
        non_mated.append(one.non_mated)
    return Trials(
        mated_score=np.concatenate(scores),
        mated_rank1=np.concatenate(right),
        mated_sample=np.concatenate(mated),
        non_mated_score=np.concatenate(others),
        non_mated_sample=np.concatenate(non_mated),
    )


def threshold_at(non_mated_score: Floats, target: float, weights: Floats | None = None) -> float:
    """The lowest threshold at which at most ``target`` of the non-mated searches, by weight, reach it.

    With fewer than 1 / target searches that is just above the highest score of all: it then rests on one person.
    """
    order = np.argsort(-non_mated_score, kind="stable")
    falling = non_mated_score[order]
    weight = np.ones(len(falling)) if weights is None else weights[order]
    reached = np.cumsum(weight)
    # The first search that may not reach it any more: its score, and every equal one, must lie below the threshold.
    beyond = int(np.searchsorted(reached, target * reached[-1] + 1e-9, side="right"))
    if beyond >= len(falling):
        return float(falling[-1])
    return float(np.nextafter(falling[beyond], np.inf))


def tpir(trials: Trials, threshold: float, weights: Floats | None = None) -> float:
    """Share of the mated searches, by weight, that return the right person first and at or above the threshold."""
    hits = trials.mated_score >= threshold
    return float(np.average(hits, weights=weights)) if len(hits) else float("nan")


def fpir(trials: Trials, threshold: float) -> float:
    """Share of the non-mated searches that return anybody at or above the threshold."""
    return float((trials.non_mated_score >= threshold).mean())


def det_curve(trials: Trials, targets: Sequence[float]) -> list[tuple[float, float, float]]:
    """FPIR as it is, FNIR and threshold for each target FPIR."""
    points = []
    for target in targets:
        threshold = threshold_at(trials.non_mated_score, target)
        points.append((fpir(trials, threshold), 1 - tpir(trials, threshold), threshold))
    return points


def error_versus_discard(
    trials: Trials, quality: FloatArray, threshold: float, shares: Sequence[float]
) -> list[tuple[float, float]]:
    """FNIR once the mated probes of the lowest quality are left out, for each share of them left out."""
    order = np.argsort(quality[trials.mated_sample], kind="stable")
    misses = trials.mated_score[order] < threshold
    curve = []
    for share in shares:
        kept = misses[round(share * len(misses)) :]
        if len(kept):
            curve.append((share, float(kept.mean())))
    return curve


def _best(vectors: FloatArray, acquired: Bools, gallery: Ints, probes: Ints) -> tuple[Floats, Ints]:
    """The best score of each probe, -inf without a template, and the sample that it is with."""
    if not len(probes):
        return np.zeros(0), np.zeros(0, np.int64)
    scores = (vectors[probes] @ vectors[gallery].T).astype(np.float64)
    best = scores.argmax(axis=1)
    highest = scores[np.arange(len(probes)), best]
    return np.where(acquired[probes], highest, -np.inf), gallery[best]


def _may_enrol(samples: Sequence[Sample], own: Sequence[int]) -> list[int]:
    return [index for index in own if samples[index].role is not Role.PROBE]


def _may_probe(sample: Sample) -> bool:
    return sample.role is not Role.GALLERY


def _has_probe(samples: Sequence[Sample], own: Sequence[int], images: int) -> bool:
    """Whether a picture is left to search with once so many are enrolled."""
    probes = [index for index in own if _may_probe(samples[index])]
    only_probes = [index for index in probes if samples[index].role is Role.PROBE]
    return bool(only_probes) or len(probes) > images
