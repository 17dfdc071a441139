"""Passes that people wrote down, against what the system made of them: TPIR as forces measure it, with a blue list. Pure.

A pass is one person's way through the zone of recognition; it is one transaction however many frames show it.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lookout_cli.evaluate.intervals import Interval, clopper_pearson
from lookout_cli.evaluate.samples import SamplesError

TOLERANCE_S = 1.0
"""A match so long before or after a pass as it was written down is still the pass's."""

_COLUMNS = ("reference", "begins_s", "ends_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """Somebody's passage, in seconds from the beginning of the video. ``reference`` is empty for a stranger."""

    reference: str
    begins_s: float
    ends_s: float

    def holds(self, at_s: float) -> bool:
        """Whether a moment belongs to it."""
        return self.begins_s - TOLERANCE_S <= at_s <= self.ends_s + TOLERANCE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The system's word that an enrolled person was to be seen at a moment of the video."""

    reference: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PassResult:
    """What became of the passes.

    ``recognised`` and ``missed`` are passes of people on the watchlist; ``false_claims`` are matches that no pass of that
    person explains; ``faces_seen`` is the number of tracks, in which one person may stand twice.
    """

    recognised: tuple[Pass, ...]
    missed: tuple[Pass, ...]
    strangers: int
    false_claims: tuple[Claim, ...]
    faces_seen: int

    @property
    def tpir(self) -> Interval | None:
        """Share of the passes that were recognised; None without any."""
        mated = len(self.recognised) + len(self.missed)
        return clopper_pearson(len(self.recognised), mated) if mated else None

    @property
    def false_per_face(self) -> Interval | None:
        """False claims per face seen; None where no face was."""
        if not self.faces_seen:
            return None
        return clopper_pearson(min(len(self.false_claims), self.faces_seen), self.faces_seen)

    def as_json(self) -> dict[str, object]:
        """One object."""
        return {
            "passes": len(self.recognised) + len(self.missed),
            "recognised": len(self.recognised),
            "tpir": _plain(self.tpir),
            "stranger_passes": self.strangers,
            "faces_seen": self.faces_seen,
            "false_matches": len(self.false_claims),
            "false_per_face": _plain(self.false_per_face),
            "missed": [_words(one) for one in self.missed],
        }


def read_passes(path: Path) -> Sequence[Pass]:
    """The pass log: a CSV table with reference (empty for a stranger), begins_s and ends_s.

    Raises:
        SamplesError: it is not there, lacks a column, or a time is none.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or [])]
            if missing:
                raise SamplesError(
                    f"{path} has no column {' and no column '.join(missing)}: a pass log has {', '.join(_COLUMNS)}"
                )
            return [_row(path, reader.line_num, cells) for cells in reader]
    except FileNotFoundError:
        raise SamplesError(f"{path} does not exist: name the pass log") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise SamplesError(f"{path} is not a CSV table in UTF-8: {error}") from error


def _row(path: Path, line: int, cells: dict[str, str]) -> Pass:
    try:
        begins, ends = float(cells["begins_s"]), float(cells["ends_s"])
    except (TypeError, ValueError):
        raise SamplesError(
            f"{path.name} line {line}: begins_s and ends_s must be seconds from the beginning of the video"
        ) from None
    if not 0 <= begins <= ends:
        raise SamplesError(
            f"{path.name} line {line}: a pass must begin before it ends, at 0 or later"
        )
    return Pass(reference=(cells["reference"] or "").strip(), begins_s=begins, ends_s=ends)


def judge(
    passes: Sequence[Pass], claims: Sequence[Claim], *, enrolled: frozenset[str], faces_seen: int
) -> PassResult:
    """Which passes were recognised, and which claims nothing explains.

    A pass of somebody who is not on the watchlist is a stranger's, whatever the log calls him.
    """
    mated = [one for one in passes if one.reference in enrolled]
    recognised = [
        one
        for one in mated
        if any(claim.reference == one.reference and one.holds(claim.at_s) for claim in claims)
    ]
    false = [
        claim
        for claim in claims
        if not any(one.reference == claim.reference and one.holds(claim.at_s) for one in mated)
    ]
    return PassResult(
        recognised=tuple(recognised),
        missed=tuple(one for one in mated if one not in recognised),
        strangers=len(passes) - len(mated),
        false_claims=tuple(false),
        faces_seen=faces_seen,
    )


def _plain(interval: Interval | None) -> dict[str, float] | None:
    if interval is None:
        return None
    return {
        "value": round(interval.value, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
    }


def _words(one: Pass) -> dict[str, object]:
    return {"reference": one.reference, "begins_s": one.begins_s, "ends_s": one.ends_s}
