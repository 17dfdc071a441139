"""A runner of matching's outcomes that dies where it is told to, and the process that comes after it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lookout.events import Embedding, Match
from lookout.stream.processor import Delivery, Outcome
from lookout_matching.domain import DecidedMatches
from support.matching_world import World


class CrashError(Exception):
    """The process dies here."""


@dataclass(slots=True)
class CrashingRunner:
    """Carries out outcomes in the runner's order over one partition, and dies where it is told to."""

    world: World
    log: list[Delivery[Embedding]] = field(default_factory=list)
    produced: list[Match] = field(default_factory=list)
    committed: int = 0
    read: int = 0
    finished: set[int] = field(default_factory=set)
    held: set[int] = field(default_factory=set)

    def step(self, batch: int, *, crash_after: str = "") -> None:
        """Process up to ``batch`` deliveries; with ``crash_after`` the process dies after that phase."""
        deliveries = self.log[self.read : self.read + batch]
        outcome = self.world.processor.process(deliveries)
        self.read += len(deliveries)
        self._carry_out(outcome, [d.position.offset for d in deliveries], crash_after)

    def tick(self, *, crash_after: str = "") -> None:
        self._carry_out(self.world.processor.tick(self.world.now), [], crash_after)

    def restart(self) -> None:
        """A new process: it remembers what is committed and what is on the topic of matches, nothing else."""
        self.world.decided = DecidedMatches()
        for match in self.produced:
            self.world.decided.note(match)
        self.world.processor = self.world.new_processor()
        self.read = self.committed
        self.finished.clear()
        self.held.clear()

    def _carry_out(self, outcome: Outcome, offsets: Sequence[int], crash_after: str) -> None:
        if crash_after == "process":
            raise CrashError
        self.produced += [event for event in outcome.produce if isinstance(event, Match)]
        if crash_after == "produce":
            raise CrashError
        orders = [*outcome.destroy, *(order for r in outcome.reject for order in r.keys)]
        self.world.keyring.destroy(orders, by="matching", at=self.world.now)
        if crash_after == "destroy":
            raise CrashError
        self.held |= {position.offset for position in outcome.held}
        self.held -= {position.offset for position in outcome.released}
        self.finished |= {offset for offset in offsets if offset not in self.held}
        self.finished |= {position.offset for position in outcome.released}
        while self.committed + 1 in self.finished:
            self.committed += 1
