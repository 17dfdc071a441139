"""The end of a deployment: what may be deleted, what is still missing, what the certificate says. Pure rules."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from lookout.events import (
    UNSIGNED,
    DeletedRecords,
    Deployment,
    DeploymentState,
    EndedKeys,
    ErasureReason,
    PurgeCertificate,
    PurgeState,
)
from lookout.sealing.ports import BlockState, PendingReceipt

from lookout_keeper.domain import Accounts, ChainHead, Ledger, account


@dataclass(frozen=True, slots=True)
class Stored:
    """One record of a partition: its offset, and the deployment it belongs to (empty where nobody can tell)."""

    offset: int
    deployment_id: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """What may be deleted of a partition: all below ``below``. ``left`` records of the deployment stay above it."""

    below: int
    left: int


def deletion(
    records: Iterable[Stored], *, end: int, own: str, spared: Callable[[str], bool]
) -> Deletion:
    """How far a partition may be deleted for one deployment, ``end`` at most: never past a spared deployment's record.

    Records come in the order of their offsets; what comes at or after ``end`` is not looked at. A record that belongs to
    nobody spares nothing.
    """
    below, left, blocked = end, 0, False
    for record in records:
        if record.offset >= end:
            break
        if record.deployment_id == own:
            left += blocked
        elif not blocked and record.deployment_id and spared(record.deployment_id):
            below, blocked = record.offset, True
    return Deletion(below, left)


def closed_at(deployment: Deployment) -> datetime:
    """When a deployment that is over was over: by its record, or by its window."""
    if deployment.state is DeploymentState.ENDED:
        return min(deployment.updated_at, deployment.closes_at)
    return deployment.closes_at


def is_over(deployment: Deployment, now: datetime) -> bool:
    """Whether a deployment can never be in force again. A stopped one can, until its window has passed."""
    return deployment.state is DeploymentState.ENDED or now >= deployment.closes_at


def may_begin(
    deployment: Deployment, now: datetime, *, grace: timedelta, drained: Callable[[], bool]
) -> bool:
    """Whether the purge may begin: when nothing is under way any more, and after the grace in any case.

    A window that passed is given the whole grace: clocks differ, and others may hold it open a moment longer.
    """
    if not is_over(deployment, now):
        return False
    if now >= closed_at(deployment) + grace:
        return True
    return deployment.state is DeploymentState.ENDED and drained()


class Missing(StrEnum):
    """What a purge can wait for."""

    VAULT = "vault"
    GALLERY = "gallery"
    ACCOUNT = "account"
    RECORDS = "records"
    EVIDENCE = "evidence"


# What takes its time whatever anybody does: a certificate does not wait for it, but says so.
_SLOW = frozenset({Missing.RECORDS, Missing.EVIDENCE})


def is_settled(missing: Iterable[Missing]) -> bool:
    """Whether nothing is missing that can be expected within moments."""
    return _SLOW.issuperset(missing)


def missing_of(
    *, vault: bool, gallery: bool, accounts: Accounts, left: Mapping[str, int]
) -> Mapping[Missing, str]:
    """What keeps a purge from being complete, in words for people.

    ``vault``: a key of the vault is still there. ``gallery``: matching still tells of one. ``left``: records that stay,
    by topic.
    """
    found: dict[Missing, str] = {}
    if vault:
        found[Missing.VAULT] = "the vault did not destroy the watchlist's key: see the keeper's log"
    if gallery:
        found[Missing.GALLERY] = "matching has not said that its gallery is gone: is it running?"
    if accounts.pending or accounts.unaccounted or accounts.reserved:
        found[Missing.ACCOUNT] = "not every key has its receipt yet"
    stay = [f"{count} on {topic}" for topic, count in left.items() if count]
    if stay:
        found[Missing.RECORDS] = (
            f"records of it stay behind those of a deployment that is not over: {', '.join(stay)}"
        )
    if accounts.alive:
        keys = "1 key is" if accounts.alive == 1 else f"{accounts.alive} keys are"
        found[Missing.EVIDENCE] = (
            f"{keys} held as evidence of alerts, until it is taken or its time is over"
        )
    return found


def account_of(
    ledger: Ledger,
    deployment_id: str,
    *,
    states: Sequence[BlockState],
    alive: int,
    pending: Sequence[PendingReceipt],
) -> Accounts:
    """The sum of one deployment's keys. See `lookout_keeper.domain.account`."""
    own = Ledger()
    own.blocks.update(
        (name, block)
        for name, block in ledger.blocks.items()
        if block.deployment_id == deployment_id
    )
    return account(
        own,
        states=[state for state in states if state.block_id in own.blocks],
        alive=alive,
        pending=[entry for entry in pending if entry.block_id in own.blocks],
    )


def begun(deployment: Deployment, *, entries: int, at: datetime) -> PurgeCertificate:
    """The first word on a purge, unsigned: written before anything is deleted, so that a crash loses no count."""
    return PurgeCertificate(
        deployment_id=deployment.deployment_id,
        revision=1,
        state=PurgeState.BEGUN,
        closed_at=closed_at(deployment),
        purged_at=at,
        entries=entries,
        watchlist_hash=deployment.watchlist_hash,
        deleted=(),
        keys_issued=0,
        keys_ended=(),
        keys_held=0,
        chain_sequence=0,
        chain_hash=b"",
        missing=(),
        signature=UNSIGNED,
    )


def revised(
    before: PurgeCertificate,
    *,
    at: datetime,
    deleted: Iterable[DeletedRecords],
    accounts: Accounts,
    head: ChainHead,
    missing: Mapping[Missing, str],
) -> PurgeCertificate:
    """The next revision of a certificate, unsigned. Nothing that an earlier one said was deleted comes back."""
    below = {(one.topic, one.partition): one.below for one in before.deleted}
    for one in deleted:
        place = (one.topic, one.partition)
        below[place] = max(one.below, below.get(place, 0))
    ended = dict(accounts.destroyed)
    ended[ErasureReason.EXPIRED] = accounts.expired
    ended[ErasureReason.UNUSED] = accounts.unused
    return replace(
        before,
        revision=before.revision + 1,
        state=PurgeState.INCOMPLETE if missing else PurgeState.COMPLETE,
        purged_at=at,
        deleted=tuple(
            DeletedRecords(topic=topic, partition=partition, below=offset)
            for (topic, partition), offset in sorted(below.items())
        ),
        keys_issued=accounts.issued,
        keys_ended=tuple(
            EndedKeys(reason=reason, count=count)
            for reason, count in sorted(ended.items())
            if count
        ),
        keys_held=accounts.alive,
        chain_sequence=max(0, head.sequence - 1),
        chain_hash=head.hash,
        missing=tuple(missing.values()),
        signature=UNSIGNED,
    )
