"""Faust's consumer, which begins at the oldest record where its group has committed nothing yet.

What Faust fetched while a table recovered it drops in several places, and seeks to the committed offsets to have it come
again. Its seek passes over partitions without a commit, and those whose commit is 0, so the first records of a partition
were never seen again (ADR 0007). Here every partition is sought to.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import faust
from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types import TP


class SeekingConsumer(Consumer):
    """Where the group has no commit, a seek goes to the oldest record that there is.

    ``begins`` says from which offset each partition of the latest assignment was read; changelogs are not in it, since their
    position is the recovery's.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.begins: dict[TP, int] = {}

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek all partitions; returns the committed offsets as Faust expects them."""
        committed: Mapping[TP, int] = await super().seek_to_committed()
        changelogs = self.app.tables.changelog_topics
        ours = [TP(*place) for place in committed if place.topic not in changelogs]
        if ours:
            oldest = await self.earliest_offsets(*ours)
            self.begins = {
                place: max(committed[place] or 0, oldest.get(place) or 0) for place in ours
            }
            passed_over = {place: self.begins[place] for place in ours if not committed[place]}
            if passed_over:
                await self.seek_wait(passed_over)
        return committed


class SeekingTransport(Transport):
    """Faust's transport with that consumer."""

    Consumer: ClassVar[Any] = SeekingConsumer


def seek_everywhere(app: faust.App) -> None:
    """Give the application this transport. Before anything asks it for one."""
    app.transport = SeekingTransport(app.conf.broker_consumer, app)
