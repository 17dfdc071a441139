"""What a look at an installation found: well, open, or not to be known from here. Pure."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How one thing is."""

    OK = "ok"
    OPEN = "OPEN"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: why it matters, and what to do where it is not well. Holds no secret."""

    what: str
    verdict: Verdict
    found: str
    why: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at, why, and what to do about it: all but what was found."""

    what: str
    why: str
    remedy: str

    def ok(self, found: str) -> Check:
        """It is well."""
        return Check(self.what, Verdict.OK, found, self.why)

    def open(self, found: str) -> Check:
        """It is open."""
        return Check(self.what, Verdict.OPEN, found, self.why, self.remedy)

    def unknown(self, found: str) -> Check:
        """It cannot be known from here; ``found`` says why."""
        return Check(self.what, Verdict.UNKNOWN, found, self.why, self.remedy)

    def judged(self, well: object, found: str) -> Check:
        """Well or open."""
        return self.ok(found) if well else self.open(found)


def any_open(checks: Sequence[Check]) -> bool:
    """Whether anything is open."""
    return any(check.verdict is Verdict.OPEN for check in checks)


def as_json(checks: Sequence[Check]) -> str:
    """For programs."""
    return json.dumps([asdict(check) for check in checks], indent=2)
