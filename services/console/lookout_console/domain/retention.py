"""How long evidence of an alert is kept, and under which key: whole hours or days are forgotten by destroying one key. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

PEOPLE_PURGED_AFTER: Final = timedelta(hours=24)
"""People of a deployment that is over are forgotten by then at the latest, reviewed or not (domain row 9)."""


class EvidenceKept(StrEnum):
    """How long evidence of alerts is kept at most: chosen per deployment from what forces publish (domain row 12)."""

    DAYS_31 = "31_days"
    HOURS_24 = "24_hours"


PERIODS: Final[Mapping[EvidenceKept, timedelta]] = {
    EvidenceKept.DAYS_31: timedelta(days=31),
    EvidenceKept.HOURS_24: timedelta(hours=24),
}
_FORMATS: Final[Mapping[EvidenceKept, str]] = {
    EvidenceKept.DAYS_31: "%Y-%m-%d",
    EvidenceKept.HOURS_24: "%Y-%m-%dT%H",
}


def evidence_key(deployment_id: str, kept: EvidenceKept, at: datetime) -> str:
    """The vault's name of the key for evidence of ``at`` (UTC): one per deployment and day, or hour."""
    return f"evidence/{deployment_id}.{at.astimezone(UTC).strftime(_FORMATS[kept])}"


def hold_key(alert_id: str) -> str:
    """The vault's name of the key of one alert's evidence under a legal hold: it outlives its day's."""
    return f"evidence/hold.{alert_id}"


def runs_out(key: str, deployment_id: str) -> datetime | None:
    """When a key made by `evidence_key` is to be destroyed: when the oldest it can have sealed is as old as allowed.

    None for a key of another deployment, or of a hold, which ends when a person releases it.
    """
    prefix = f"evidence/{deployment_id}."
    if not key.startswith(prefix):
        return None
    written = key.removeprefix(prefix)
    kept = EvidenceKept.HOURS_24 if "T" in written else EvidenceKept.DAYS_31
    begun = datetime.strptime(written, _FORMATS[kept]).replace(tzinfo=UTC)
    return begun + PERIODS[kept]
