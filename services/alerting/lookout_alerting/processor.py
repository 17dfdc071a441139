"""Alerting as a `Processor`, for the in-memory broker: rows live in memory, as everything does there."""

from collections.abc import Sequence
from datetime import datetime

from lookout.authority import Authority
from lookout.events import Match
from lookout.stream.ports import Clock, Partition
from lookout.stream.processor import Delivery, Outcome

from lookout_alerting.domain import EntryRow, Rules, decide
from lookout_alerting.metrics import Metrics


class AlertingProcessor:
    """Matches in, alerts out. One thread calls all of it.

    The rows die with the process, which is right only where the matches do too: on the in-memory broker.
    On Kafka the Faust worker keeps them in a table.
    """

    def __init__(
        self, *, authority: Authority, clock: Clock, rules: Rules, metrics: Metrics
    ) -> None:
        self._authority = authority
        self._clock = clock
        self._rules = rules
        self._metrics = metrics
        self._rows: dict[Partition, dict[str, EntryRow]] = {}

    def process(self, batch: Sequence[Delivery[Match]]) -> Outcome:
        """Decide about each match, in order."""
        outcome = Outcome()
        for delivery in batch:
            match = delivery.event
            rows = self._rows.setdefault(delivery.position.partition, {})
            now = self._clock()
            in_force = self._authority.deployment(match.deployment_id, now) is not None
            decision = decide(
                match, rows.get(match.entry_id), now=now, rules=self._rules, in_force=in_force
            )
            if decision.row is None:
                rows.pop(match.entry_id, None)
            else:
                rows[match.entry_id] = decision.row
            if decision.alert is not None:
                outcome.produce.append(decision.alert)
            if decision.destroy is not None:
                outcome.destroy.append(decision.destroy)
            self._metrics.decided(match, decision, now)
        return outcome

    def known_entries(self) -> int:
        """How many entries are remembered."""
        return sum(len(rows) for rows in self._rows.values())

    def tick(self, now: datetime) -> Outcome:
        """Forget entries that no match can still belong to."""
        for rows in self._rows.values():
            for entry_id, row in list(rows.items()):
                if now - row.last_seen() > self._rules.remember:
                    del rows[entry_id]
        return Outcome()

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """Forget the rows of partitions that another instance has now."""
        for partition in partitions:
            self._rows.pop(partition, None)

    def drain(self) -> Outcome:
        """Nothing is held back."""
        return Outcome()
