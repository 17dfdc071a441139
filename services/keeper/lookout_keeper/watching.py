"""Looks once a second at which keys are alive, of what class, and whether one is overdue."""

from datetime import datetime, timedelta

from lookout.sealing.ports import Keyring
from lookout.stream.ports import Clock

from lookout_keeper.ages import Ages, Allowed, class_of, tallied
from lookout_keeper.metrics import Metrics
from lookout_keeper.ports import Books


class KeyWatch:
    """Sets the gauges of keys alive and overdue, from the topic's account and the keyring, without destroying any.

    What is overdue ends by its time to live all the same; that it had to is what somebody should look into.
    """

    def __init__(
        self,
        *,
        keyring: Keyring,
        books: Books,
        clock: Clock,
        metrics: Metrics,
        allowed: Allowed,
        every: timedelta = timedelta(seconds=1),
    ) -> None:
        self._keyring, self._books, self._clock = keyring, books, clock
        self._metrics, self._allowed, self._every = metrics, allowed, every
        self._ages = Ages()
        self._next_at: datetime | None = None

    def turn(self) -> None:
        """Look, if it is time. May raise `KeyringUnavailableError`."""
        now = self._clock()
        if self._next_at is not None and self._next_at - self._every <= now < self._next_at:
            return
        self._next_at = now + self._every
        self._look(now)

    def _look(self, now: datetime) -> None:
        states = self._keyring.blocks()
        self._ages.note(states, now)
        blocks = self._books.ledger.unfinished()
        places = [
            (state.block_id, counter)
            for state in states
            if state.block_id in blocks
            for counter in blocks[state.block_id].unreceipted(state.made)
        ]
        remaining = self._keyring.remaining([f"{block}:{counter}" for block, counter in places])
        found = []
        for (block_id, counter), left in zip(places, remaining, strict=True):
            if left is None:
                continue
            block = blocks[block_id]
            age = self._ages.age(block_id, counter, block.issued_at or now, now)
            found.append((class_of(block.purpose, age, left, self._allowed), age))
        self._metrics.show_alive(*tallied(found, self._allowed))
