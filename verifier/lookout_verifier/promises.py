"""What is promised, and what was found of each promise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

BALANCE = "balance"
CHAIN = "chain"
SIGNATURES = "signatures"
DESTROYED = "destroyed-stays-destroyed"
NOTHING_OPENS = "nothing-opens"
TOPICS = "no-plaintext-on-topics"
DISK = "no-plaintext-on-disk"
GALLERY = "gallery"
NO_KEY = "no-key-on-disk"
NO_CORE = "no-core-dumps"

ORDER = (
    BALANCE,
    CHAIN,
    SIGNATURES,
    DESTROYED,
    NOTHING_OPENS,
    TOPICS,
    DISK,
    GALLERY,
    NO_KEY,
    NO_CORE,
)
_SHOWN = 20


class Verdict(StrEnum):
    """What became of a promise."""

    KEPT = "kept"
    BROKEN = "broken"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One promise: its verdict, why in a sentence, the numbers behind it, and places to look at. Names nobody."""

    promise: str
    verdict: Verdict
    sentence: str
    numbers: Mapping[str, int] = field(default_factory=dict)
    details: Sequence[str] = ()


def kept(promise: str, sentence: str, **numbers: int) -> Finding:
    """The promise holds."""
    return Finding(promise=promise, verdict=Verdict.KEPT, sentence=sentence, numbers=numbers)


def skipped(promise: str, why: str, **numbers: int) -> Finding:
    """The promise could not be looked at, and why."""
    return Finding(promise=promise, verdict=Verdict.SKIPPED, sentence=why, numbers=numbers)


def broken(promise: str, sentence: str, details: Sequence[str], **numbers: int) -> Finding:
    """The promise does not hold; ``details`` say where."""
    shown = list(details[:_SHOWN])
    if len(details) > _SHOWN:
        shown.append(f"and {len(details) - _SHOWN} more")
    return Finding(
        promise=promise,
        verdict=Verdict.BROKEN,
        sentence=sentence,
        numbers=numbers,
        details=tuple(shown),
    )


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, in the order of the promises."""

    findings: Sequence[Finding]
    took_s: float

    @property
    def broken(self) -> Sequence[str]:
        """The names of broken promises; the first is the one to name."""
        return [one.promise for one in self.findings if one.verdict is Verdict.BROKEN]

    @property
    def exit_code(self) -> int:
        """1 if any promise is broken."""
        return 1 if self.broken else 0

    def as_json(self) -> dict[str, object]:
        """The report for machines. Names of promises and verdicts are stable."""
        return {
            "verdict": "broken" if self.broken else "kept",
            "first_broken": self.broken[0] if self.broken else None,
            "took_s": round(self.took_s, 2),
            "promises": {
                one.promise: {
                    "verdict": str(one.verdict),
                    "sentence": one.sentence,
                    "numbers": dict(one.numbers),
                    "details": list(one.details),
                }
                for one in self.findings
            },
        }
