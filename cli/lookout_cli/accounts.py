"""What became of every key and face of a deployment, from the topics and the keyring alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lookout.events import Alert, Erasure, ErasureReason, Track
from lookout.hosting.platform import Platform
from lookout_keeper.domain import Accounts, Ledger, account

from lookout_cli.control import read_all

# A face key that ended for one of these reasons had its template compared with the watchlist.
_COMPARED = (
    ErasureReason.NO_MATCH,
    ErasureReason.DUPLICATE,
    ErasureReason.UNCONFIRMED,
    ErasureReason.EVIDENCE_TAKEN,
)
_MOST_PENDING = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The closing table of a run: people as tracks, comparisons as shots, keys one by one."""

    faces_seen: int
    compared: int
    alerts: Sequence[Alert]
    keys: Accounts


def tally(platform: Platform, deployment_id: str) -> Tally:
    """Count what a deployment left on the topics and in the keyring, now."""
    records = [
        record for record in read_all(platform, Erasure) if record.deployment_id == deployment_id
    ]
    ledger = Ledger()
    for record in records:
        ledger.apply(record)
    blocks = {record.block_id for record in records}
    states = [state for state in platform.keyring.blocks() if state.block_id in blocks]
    held = {name: _held(platform, name, ledger) for name in _face_blocks(records)}
    tracks = {
        track.track_id
        for track in read_all(platform, Track)
        if track.deployment_id == deployment_id
    }
    compared: Counter[ErasureReason] = Counter()
    for name in held:
        compared += ledger.blocks[name].reasons
    return Tally(
        faces_seen=len(tracks),
        compared=sum(compared[reason] for reason in _COMPARED) + sum(held.values()),
        alerts=_alerts(platform, deployment_id),
        keys=account(
            ledger,
            states=states,
            alive=sum(_held(platform, name, ledger) for name in blocks),
            pending=[
                receipt
                for receipt in platform.keyring.pending_receipts(_MOST_PENDING)
                if receipt.block_id in blocks
            ],
        ),
    )


def _face_blocks(records: Sequence[Erasure]) -> set[str]:
    return {
        record.block_id
        for record in records
        if record.issued is not None and record.issued.purpose == "face"
    }


def _held(platform: Platform, block_id: str, ledger: Ledger) -> int:
    block = ledger.blocks[block_id]
    missing = block.unreceipted(block.announced)
    return sum(platform.keyring.alive([f"{block_id}:{counter}" for counter in missing]))


def _alerts(platform: Platform, deployment_id: str) -> Sequence[Alert]:
    first: dict[str, Alert] = {}
    for alert in read_all(platform, Alert):
        if alert.deployment_id == deployment_id and alert.revision == 1:
            first.setdefault(alert.alert_id, alert)
    return list(first.values())
