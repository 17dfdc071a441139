"""One evaluation from samples to figures: what ``lookout evaluate`` prints, plots and writes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lookout_cli.evaluate.faces import Templates
from lookout_cli.evaluate.identification import (
    Bools,
    Draw,
    DrawError,
    Ints,
    Trials,
    det_curve,
    draw,
    error_versus_discard,
    search,
    threshold_at,
)
from lookout_cli.evaluate.intervals import Interval, clopper_pearson, tpir_interval
from lookout_cli.evaluate.samples import Role, Sample

TARGETS = (0.01, 0.001)
"""The FPIR at which TPIR is told."""

DISCARDS = tuple(share / 100 for share in range(0, 51, 5))
_DET_TARGETS = tuple(float(share) for share in np.geomspace(1e-4, 0.3, 40))
_BOOTSTRAP_ROUNDS = 1_000
_FEW = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is drawn: how many people, how many pictures of each, how often."""

    enrolled: int
    images: int = 1
    draws: int = 20
    seed: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Accuracy for those who were said to belong to a group, at the threshold for everybody.

    ``people`` were searched for in ``searches``, ``strangers`` were not enrolled. The intervals are exact ones for as
    many independent trials as there are people: searches of one person are alike.
    """

    name: str
    people: int
    searches: int
    tpir: Interval | None
    strangers: int
    fpir: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The figures of one pack on one set of pictures."""

    pack: str
    plan: Plan
    trials: Trials
    mated: int
    non_mated: int
    rank1: float
    tpir_at_fpir: Mapping[float, Interval]
    threshold_at_fpir: Mapping[float, float]
    det: Sequence[tuple[float, float, float]]
    discard: Sequence[tuple[float, float]]
    groups: Sequence[Group]
    failures: Mapping[str, int]
    failure_to_enrol: float
    failure_to_acquire: float
    ms_per_face: float | None
    people: int
    pictures: int

    def as_json(self) -> dict[str, object]:
        """One object; shares are 0 to 1."""
        return {
            "pack": self.pack,
            "enrolled": self.plan.enrolled,
            "images": self.plan.images,
            "draws": self.plan.draws,
            "seed": self.plan.seed,
            "people": self.people,
            "pictures": self.pictures,
            "mated": self.mated,
            "non_mated": self.non_mated,
            "rank1": round(self.rank1, 4),
            "ms_per_face": None if self.ms_per_face is None else round(self.ms_per_face, 2),
            "tpir_at_fpir": {
                f"{target:g}": _rounded(interval) for target, interval in self.tpir_at_fpir.items()
            },
            "threshold_at_fpir": {
                f"{target:g}": round(value, 4) for target, value in self.threshold_at_fpir.items()
            },
            "failure_to_enrol": round(self.failure_to_enrol, 4),
            "failure_to_acquire": round(self.failure_to_acquire, 4),
            "failures": dict(self.failures),
            "error_versus_discard": [
                {"discarded": share, "fnir": round(fnir, 4)} for share, fnir in self.discard
            ],
            "groups": [
                {
                    "group": group.name,
                    "people": group.people,
                    "searches": group.searches,
                    "tpir": _rounded(group.tpir),
                    "strangers": group.strangers,
                    "fpir": _rounded(group.fpir),
                }
                for group in self.groups
            ],
            "notes": list(self.notes()),
        }

    def notes(self) -> Sequence[str]:
        """What the counts can and cannot show, in plain sentences."""
        notes = []
        strangers = len(np.unique(self.trials.non_mated_sample))
        for target in self.tpir_at_fpir:
            allowed = int(target * self.non_mated + 1e-9)
            if target * strangers < 10:
                notes.append(
                    f"At FPIR {target:g} the threshold rests on the {max(1, round(target * strangers))} or so "
                    f"strangers' pictures of {strangers} that score highest ({allowed} of {self.non_mated} searches "
                    "may reach it): one mislabelled picture moves it."
                )
        if self.groups:
            few = [group.name for group in self.groups if min(group.people, group.strangers) < _FEW]
            notes.append(
                "Groups are those that people wrote into the table; nobody's was guessed. Where the intervals of two "
                "groups overlap, these counts do not show a difference, and do not show that there is none."
            )
            if few:
                notes.append(f"Fewer than {_FEW} people or strangers: {', '.join(few)}.")
        return notes


def evaluate(
    pack: str,
    samples: Sequence[Sample],
    templates: Templates,
    plan: Plan,
    *,
    rounds: int = _BOOTSTRAP_ROUNDS,
) -> Evaluation:
    """Draw galleries, search, and count.

    Raises:
        DrawError: too few people for the plan, or nobody left who is not enrolled.
    """
    rng = np.random.default_rng(plan.seed)
    # Where roles are given the gallery may be fixed: drawing it again would count the same searches twice.
    times = 1 if any(sample.role is Role.GALLERY for sample in samples) else plan.draws
    draws = [
        draw(samples, enrolled=plan.enrolled, images=plan.images, rng=rng) for _ in range(times)
    ]
    if not len(draws[0].mated) or not len(draws[0].non_mated):
        raise DrawError(
            "a search needs probes of enrolled people and of others, but these pictures leave "
            f"{len(draws[0].mated)} and {len(draws[0].non_mated)}: enrol fewer people, or with fewer pictures"
        )
    persons = _numbers(samples)
    trials = search(draws, templates.vectors, templates.acquired, persons)
    thresholds = {target: threshold_at(trials.non_mated_score, target) for target in TARGETS}
    return Evaluation(
        pack=pack,
        plan=Plan(enrolled=plan.enrolled, images=plan.images, draws=times, seed=plan.seed),
        trials=trials,
        mated=len(trials.mated_score),
        non_mated=len(trials.non_mated_score),
        rank1=float(trials.mated_rank1.mean()),
        tpir_at_fpir={
            target: tpir_interval(trials, persons, target, rounds=rounds, rng=rng)
            for target in TARGETS
        },
        threshold_at_fpir=thresholds,
        det=det_curve(trials, _DET_TARGETS),
        discard=error_versus_discard(trials, templates.quality, thresholds[TARGETS[0]], DISCARDS),
        groups=_groups(samples, persons, trials, thresholds[TARGETS[0]]),
        failures=Counter(templates.failures),
        failure_to_enrol=_failed(templates.acquired, draws, "gallery"),
        failure_to_acquire=_failed(templates.acquired, draws, "probes"),
        ms_per_face=templates.ms_per_face,
        people=int(persons.max()) + 1,
        pictures=len(samples),
    )


def _numbers(samples: Sequence[Sample]) -> Ints:
    names = sorted({sample.person for sample in samples})
    number = {name: index for index, name in enumerate(names)}
    return np.array([number[sample.person] for sample in samples], dtype=np.int64)


def _failed(acquired: Bools, draws: Sequence[Draw], which: str) -> float:
    used = [
        one.gallery if which == "gallery" else np.concatenate([one.mated, one.non_mated])
        for one in draws
    ]
    return float(1 - acquired[np.concatenate(used)].mean())


def _groups(
    samples: Sequence[Sample], persons: Ints, trials: Trials, threshold: float
) -> Sequence[Group]:
    names = sorted({sample.group for sample in samples if sample.group})
    of_sample = np.array([sample.group for sample in samples])
    found = []
    for name in names:
        mated = of_sample[trials.mated_sample] == name
        others = of_sample[trials.non_mated_sample] == name
        hit = trials.mated_score[mated] >= threshold
        raised = trials.non_mated_score[others] >= threshold
        people = persons[trials.mated_sample[mated]]
        strangers = persons[trials.non_mated_sample[others]]
        found.append(
            Group(
                name=name,
                people=len(np.unique(people)),
                searches=int(mated.sum()),
                tpir=_by_person(people, hit),
                strangers=len(np.unique(strangers)),
                fpir=_by_person(strangers, raised),
            )
        )
    return found


def _by_person(people: Ints, event: Bools) -> Interval | None:
    """The share of searches with the event, with an exact interval for as many trials as there are people."""
    if not len(people):
        return None
    share = float(event.mean())
    count = len(np.unique(people))
    exact = clopper_pearson(round(share * count), count)
    return Interval(share, min(exact.low, share), max(exact.high, share))


def _rounded(interval: Interval | None) -> dict[str, float] | None:
    if interval is None:
        return None
    return {
        "value": round(interval.value, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
    }
