"""Who of the invented people is on the watchlist, and since when no more; and whose turn it is to pass."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from lookout_cli.chaos.invented import Invented, entry_of

# A withdrawal counts from its acknowledgement; what was captured in the moment before and after may have been judged either way.
_MOMENT: Final = timedelta(seconds=1)
_STRANGER_EVERY: Final = 10


class Roster:
    """Takes turns; every tenth pass is of somebody who is not (or no more) on the list, and must not be alerted."""

    def __init__(
        self,
        *,
        deployment_id: str,
        enrolled: Sequence[Invented],
        spare: Sequence[Invented],
        stranger: Invented,
    ) -> None:
        """``spare`` are those who will be enrolled later, one a change; only people who pass as templates are withdrawn."""
        self._deployment_id = deployment_id
        self._turns = deque(enrolled)
        self._spare = deque(spare)
        self._strangers = deque([stranger])
        self._never = entry_of(stranger, deployment_id)
        self._withdrawn: dict[str, datetime] = {}
        self._number = 0

    def next_person(self) -> Invented:
        """Whose turn it is."""
        self._number += 1
        turns = self._strangers if self._number % _STRANGER_EVERY == 0 else self._turns
        turns.rotate(-1)
        return turns[-1]

    def is_stranger(self, entry_id: str, at: datetime) -> bool:
        """Whether a pass of this entry at this moment must not be alerted."""
        since = self._withdrawn.get(entry_id)
        return entry_id == self._never or (since is not None and at > since + _MOMENT)

    def to_withdraw(self) -> Invented | None:
        """Who is to be withdrawn next; None when nobody is left who could be."""
        return next((person for person in self._turns if person.chip is None), None)

    def to_enrol(self) -> Invented | None:
        """Who is to be enrolled next; None when nobody is left."""
        return self._spare[0] if self._spare else None

    def withdrawing(self, person: Invented) -> None:
        """The person is about to be withdrawn: no more turns meanwhile."""
        self._turns.remove(person)

    def withdrawn(self, person: Invented, at: datetime) -> None:
        """The person is off the list since ``at``, and passes as a stranger from now on."""
        self._withdrawn[entry_of(person, self._deployment_id)] = at
        self._strangers.append(person)

    def enrolled(self, person: Invented) -> None:
        """The person is on the list, and gets turns."""
        self._spare.remove(person)
        self._turns.append(person)
