"""How old keys are, and which of them are older than what they seal allows. Pure rules.

A key has no date. Its age is known from between which two looks at its block it was made: enough to say that it is *at
least* so old, so a key that is not overdue is never called so.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from lookout.sealing.ports import BlockState


class KeyClass(StrEnum):
    """What a key is for now.

    A face's key is given another time to live when its shot is one of a possible match: a shorter one while it waits
    for a second shot (`PENDING`), a longer one when it is the evidence of a match (`EVIDENCE`).
    """

    FRAME = "frame"
    FACE = "face"
    PENDING = "pending"
    EVIDENCE = "evidence"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """How old a key of each class may become, and the time to live that faces' keys are made with."""

    frame: timedelta = timedelta(seconds=2)
    face: timedelta = timedelta(seconds=10)
    pending: timedelta = timedelta(seconds=60)
    evidence: timedelta = timedelta(minutes=11)
    face_ttl: timedelta = timedelta(seconds=60)

    def age(self, kind: KeyClass) -> timedelta:
        """The most that a class allows."""
        return {
            KeyClass.FRAME: self.frame,
            KeyClass.FACE: self.face,
            KeyClass.PENDING: self.pending,
        }.get(kind, self.evidence)


@dataclass(frozen=True, slots=True)
class Age:
    """A key is at least and at most so old."""

    least: timedelta
    most: timedelta


# What the keyring's clock, ours and the time of a look may add up to.
_SLACK = timedelta(seconds=1)


def class_of(purpose: str, age: Age, left: timedelta, allowed: Allowed) -> KeyClass:
    """What a key is for, by its block's purpose and what it has ``left`` to live."""
    if purpose == KeyClass.FRAME:
        return KeyClass.FRAME
    if purpose != KeyClass.FACE:
        return KeyClass.OTHER
    # Untouched, age and what is left add up to what it was made with; and stay so, whenever one looks.
    if left + age.least > allowed.face_ttl + _SLACK:
        return KeyClass.EVIDENCE
    if left + age.most < allowed.face_ttl - _SLACK:
        return KeyClass.PENDING
    return KeyClass.FACE


@dataclass(slots=True)
class _Looks:
    """When the number of keys that a block has made was seen to have grown, and to what."""

    at: list[datetime] = field(default_factory=list)
    made: list[int] = field(default_factory=list)


class Ages:
    """Remembers how many keys each block had made, look by look."""

    def __init__(self) -> None:
        self._looks: dict[str, _Looks] = {}

    def note(self, states: Iterable[BlockState], now: datetime) -> None:
        """Take a look at all blocks that there are; others are forgotten."""
        looks: dict[str, _Looks] = {}
        for state in states:
            seen = looks[state.block_id] = self._looks.get(state.block_id, _Looks())
            if not seen.made or state.made > seen.made[-1]:
                seen.at.append(now)
                seen.made.append(state.made)
        self._looks = looks

    def age(self, block_id: str, counter: int, issued_at: datetime, now: datetime) -> Age:
        """The age of a made key. At most as old as its block, which was announced at ``issued_at``."""
        looks = self._looks.get(block_id)
        if looks is None:
            return Age(timedelta(0), now - issued_at)
        # The first look at which it was there, and the last at which it was not.
        there = bisect_right(looks.made, counter)
        least = now - looks.at[there] if there < len(looks.at) else timedelta(0)
        return Age(least, now - (looks.at[there - 1] if there else issued_at))


def tallied(
    found: Iterable[tuple[KeyClass, Age]], allowed: Allowed
) -> tuple[Mapping[KeyClass, int], Mapping[KeyClass, int]]:
    """Keys alive by class, and how many of them are overdue; every class is named."""
    alive, overdue = dict.fromkeys(KeyClass, 0), dict.fromkeys(KeyClass, 0)
    for kind, age in found:
        alive[kind] += 1
        overdue[kind] += age.least > allowed.age(kind)
    return alive, overdue
