"""A chain of audit entries as a console writes it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lookout.audit import GENESIS, entry_hash
from lookout.events import AuditEntry

_START = datetime(2026, 11, 27, tzinfo=UTC)


def a_chain(reasons: Sequence[str], *, actor: str = "a1") -> list[AuditEntry]:
    """One entry for each reason."""
    chain: list[AuditEntry] = []
    for number, reason in enumerate(reasons, start=1):
        blank = AuditEntry(
            deployment_id="d1",
            sequence=number,
            actor=actor,
            action="alert.view",
            subject=f"alert-{number}",
            reason=reason,
            at=_START + timedelta(seconds=number),
            previous_hash=chain[-1].entry_hash if chain else GENESIS,
            entry_hash=b"",
        )
        chain.append(replace(blank, entry_hash=entry_hash(blank)))
    return chain
