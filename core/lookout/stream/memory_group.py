"""A consumer group in memory: who owns which partition, how partitions change hands, what is committed.

As with Kafka's cooperative rebalancing only partitions that move are revoked; one changes hands once its owner has been
told and has committed, or has been busy for longer than the group waits. Not thread-safe: the broker's lock is.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lookout.stream.ports import Partition, Position
from lookout.stream.watermark import LowWatermark


@dataclass(slots=True, eq=False)
class Member:
    """One consumer of the group."""

    topics: frozenset[str]
    owned: dict[Partition, LowWatermark] = field(default_factory=dict)
    revoked: list[Partition] = field(default_factory=list)
    assigned: list[Partition] = field(default_factory=list)
    turn: int = 0


@dataclass(slots=True)
class _Move:
    """A partition on its way from a member that still has it."""

    owner: Member
    deadline: float


class Group:
    """Members and committed offsets of one group."""

    def __init__(self, handover_s: float) -> None:
        self._handover_s = handover_s
        self._members: list[Member] = []
        self._partitions: set[Partition] = set()
        self._committed: dict[Partition, int] = {}
        self._moves: dict[Partition, _Move] = {}

    def join(self, topics: Mapping[str, Sequence[Partition]]) -> Member:
        """A new member of the group, which takes its share as others let go of it."""
        member = Member(topics=frozenset(topics))
        self._members.append(member)
        for partitions in topics.values():
            self._partitions.update(partitions)
        self._rebalance()
        return member

    def leave(self, member: Member) -> None:
        """The member is gone; what it had goes to the others."""
        self._members.remove(member)
        self._moves = {p: move for p, move in self._moves.items() if move.owner is not member}
        member.owned.clear()
        self._rebalance()

    def owned(self, member: Member) -> Sequence[Partition]:
        """What the member may read."""
        return list(member.owned)

    def in_turn(self, member: Member) -> Sequence[Partition]:
        """What the member may read, beginning with another partition each time: none starves."""
        owned = list(member.owned)
        member.turn += 1
        at = member.turn % len(owned) if owned else 0
        return owned[at:] + owned[:at]

    def position(self, member: Member, partition: Partition) -> int | None:
        """The next offset to deliver; None where the group has committed nothing."""
        position = member.owned[partition].position
        return self._committed.get(partition) if position is None else position

    def delivered(self, member: Member, position: Position) -> None:
        """A message has been handed to the member."""
        member.owned[position.partition].deliver(position.offset)

    def stage(self, member: Member, positions: Sequence[Position]) -> None:
        """Messages are finished with; those of partitions that the member has no more are ignored."""
        for position in positions:
            watermark = member.owned.get(position.partition)
            if watermark is not None:
                watermark.stage(position.offset)

    def commit(self, member: Member) -> None:
        """Remember the low watermarks of all that the member owns."""
        for partition in member.owned:
            self._commit(member, partition)

    def revoking(self, member: Member) -> bool:
        """Whether the member has still to be told of partitions that it loses."""
        return bool(member.revoked)

    def take_revoked(self, member: Member) -> Sequence[Partition]:
        """Partitions whose loss the member has not been told of."""
        revoked, member.revoked = member.revoked, []
        return revoked

    def take_assigned(self, member: Member) -> Sequence[Partition]:
        """Partitions whose gain the member has not been told of."""
        assigned, member.assigned = member.assigned, []
        return assigned

    def hand_over(self, member: Member, partitions: Sequence[Partition]) -> None:
        """The member has been told: commit what it staged and let go."""
        for partition in partitions:
            move = self._moves.get(partition)
            if move is not None and move.owner is member:
                self._release(partition)
        self._rebalance()

    def settle(self, now: float) -> None:
        """Take partitions from members that have been busy for too long to hand them over."""
        late = [partition for partition, move in self._moves.items() if move.deadline <= now]
        for partition in late:
            self._release(partition)
        if late:
            self._rebalance()

    def patience(self, timeout_s: float) -> float:
        """How long a member may wait before partitions could be taken from a busy one."""
        now = time.monotonic()
        return min([timeout_s, *(max(0.001, m.deadline - now) for m in self._moves.values())])

    def _release(self, partition: Partition) -> None:
        owner = self._moves.pop(partition).owner
        self._commit(owner, partition)
        del owner.owned[partition]

    def _commit(self, member: Member, partition: Partition) -> None:
        committable = member.owned[partition].committable
        if committable is not None:
            self._committed[partition] = committable

    def _rebalance(self) -> None:
        owners = {p: member for member in self._members for p in member.owned}
        target = self._target(owners)
        for partition, member in target.items():
            owner = owners.get(partition)
            if owner is None:
                member.owned[partition] = LowWatermark()
                member.assigned.append(partition)
            elif owner is not member and partition not in self._moves:
                self._moves[partition] = _Move(owner, time.monotonic() + self._handover_s)
                owner.revoked.append(partition)

    def _target(self, owners: Mapping[Partition, Member]) -> Mapping[Partition, Member]:
        """Who shall have what: an even share of each topic, moving as little as possible."""
        target: dict[Partition, Member] = {}
        for topic in sorted({partition.topic for partition in self._partitions}):
            members = [member for member in self._members if topic in member.topics]
            partitions = sorted(p for p in self._partitions if p.topic == topic)
            if members:
                target.update(_share(partitions, members, owners))
        return target


def _share(
    partitions: Sequence[Partition], members: Sequence[Member], owners: Mapping[Partition, Member]
) -> Mapping[Partition, Member]:
    low, extra = divmod(len(partitions), len(members))
    # The longest-standing members keep the surplus: a newcomer then causes the fewest moves.
    room = {id(member): low + (at < extra) for at, member in enumerate(members)}
    shared: dict[Partition, Member] = {}
    for partition in partitions:
        owner = owners.get(partition)
        if owner is not None and room.get(id(owner), 0) > 0:
            shared[partition] = owner
            room[id(owner)] -= 1
    for partition in partitions:
        if partition not in shared:
            member = next(member for member in members if room[id(member)] > 0)
            shared[partition] = member
            room[id(member)] -= 1
    return shared
