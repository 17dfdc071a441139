"""Whether the audit's chain holds: on its topic, in the console's store, and both alike."""

from collections.abc import Sequence
from dataclasses import dataclass

from lookout.audit import first_break
from lookout.events import AuditEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What was looked at, and what is broken, in words for people. ``waiting`` are kept and not on the topic yet."""

    on_topic: int
    in_store: int | None
    waiting: int
    broken: tuple[str, ...]


def check(topic: Sequence[AuditEntry], store: Sequence[AuditEntry] | None) -> AuditReport:
    """Check the topic's entries, oldest first, and the store's beside them where there is one to look at.

    The chain alone shows what was altered or left out. Whoever can write the store can also write a whole new chain into
    it: that shows against the topic only, which is why the two are compared.
    """
    published = {entry.sequence: entry for entry in reversed(topic)}
    broken = [f"on the topic, the chain breaks at entry {at}" for at in _at(first_break(topic))]
    waiting = 0
    if store is not None:
        kept = {entry.sequence: entry for entry in store}
        broken += [
            f"in the store, the chain breaks at entry {at}" for at in _at(first_break(store))
        ]
        broken += [
            f"entry {at} is on the topic and not in the store" for at in _first(published, kept)
        ]
        other = sorted(
            at for at, entry in kept.items() if at in published and published[at] != entry
        )
        broken += [f"entry {at} is another one in the store than on the topic" for at in other[:1]]
        last = max(published, default=0)
        waiting = sum(at > last for at in kept)
    return AuditReport(
        on_topic=len(published),
        in_store=None if store is None else len(store),
        waiting=waiting,
        broken=tuple(broken),
    )


def _at(found: int | None) -> list[int]:
    return [] if found is None else [found]


def _first(wanted: dict[int, AuditEntry], there: dict[int, AuditEntry]) -> list[int]:
    return sorted(wanted.keys() - there.keys())[:1]
