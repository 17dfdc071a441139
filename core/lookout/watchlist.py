"""The identity of a watchlist: one hash over its composition, which an authorising officer can sign."""

import hashlib
from collections.abc import Iterable

from lookout.events import WatchlistAction, WatchlistEntry


def content_hash(entries: Iterable[WatchlistEntry]) -> str:
    """SHA-256, in hex, over all enrolments in force order-independently.

    Any addition or change gives another hash. A withdrawal does not: it only ever lessens what was authorised, so it
    must not void the authority. The latest enrolment of an entry counts; purged entries count no more.
    """
    latest: dict[str, WatchlistEntry] = {}
    for entry in entries:
        if entry.action is WatchlistAction.ENROL:
            latest[entry.entry_id] = entry
        elif entry.action is WatchlistAction.PURGE:
            latest.pop(entry.entry_id, None)
    lines = sorted(_line(entry) for entry in latest.values())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _line(entry: WatchlistEntry) -> str:
    templates = ",".join(
        hashlib.sha256(sealed.nonce + sealed.ciphertext).hexdigest() for sealed in entry.templates
    )
    return "|".join(
        [
            entry.entry_id,
            str(entry.category),
            str(entry.response),
            entry.pack_sha256,
            templates,
        ]
    )
