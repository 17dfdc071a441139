"""Whether a consumer group still knows its member, asked of the broker while that member has nothing to read.

librdkafka can miss its way back into a group: a broker that stood still gave the member up, came back, and served every other
client, and the member did not join again (docs/adr/0029-a-member-that-its-group-has-lost.md).
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from confluent_kafka import KafkaException

_log = logging.getLogger(__name__)


class Answer(Protocol):
    """What was asked and may be answered later, as `concurrent.futures.Future`."""

    def done(self) -> bool:
        """Whether there is an answer, or an error in its place."""

    def result(self) -> Sequence[str]:
        """The group's members by their names. Raises `KafkaException` where the broker gives no answer."""


class Membership:
    """Tells a member that its group has lost from one that waits its turn. Used by one thread; never blocks.

    A member may rightly have nothing to read: where there are more members than partitions. So the group is asked, every
    ``every_s`` from ``after_s`` without partitions on, and ``absences`` answers in a row that do not name the member settle
    it. An answer that does not come settles nothing: the broker is away, or gives no right to ask.
    """

    def __init__(
        self,
        ask: Callable[[], Answer],
        *,
        after_s: float = 10.0,
        every_s: float = 3.0,
        absences: int = 3,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``ask`` begins to ask for the members' names and returns at once."""
        self._ask, self._after_s, self._every_s, self._absences = ask, after_s, every_s, absences
        self._monotonic = monotonic
        self._without_since: float | None = None
        self._ask_at = 0.0
        self._answer: Answer | None = None
        self._absent = 0

    def is_lost(self, name: str, *, has_partitions: bool) -> bool:
        """Whether the group has lost the member of this name. ``name`` is "" before it joined for the first time."""
        now = self._monotonic()
        if has_partitions:
            self._without_since, self._answer, self._absent = None, None, 0
            return False
        if self._without_since is None:
            self._without_since, self._ask_at = now, now + self._after_s
        if self._answer is None:
            if now >= self._ask_at:
                self._answer, self._ask_at = self._ask(), now + self._every_s
        elif self._answer.done():
            self._hear(self._answer, name)
            self._answer = None
        return self._absent >= self._absences

    def _hear(self, answer: Answer, name: str) -> None:
        try:
            members = answer.result()
        except KafkaException as error:
            _log.warning("members of the group not told: %s", error.args[0])
            self._absent = 0
            return
        self._absent = 0 if name in members else self._absent + 1
