"""Evidence is never kept longer than its period, by whole keys."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookout.retention import load_retention
from lookout_console.domain.retention import (
    PERIODS,
    EvidenceKept,
    evidence_key,
    hold_key,
    runs_out,
)

_MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
_GRANULE = {EvidenceKept.DAYS_31: timedelta(days=1), EvidenceKept.HOURS_24: timedelta(hours=1)}


@given(_MOMENTS, st.sampled_from(EvidenceKept))
def test_evidence_ends_no_later_than_its_period_and_at_most_one_key_earlier(
    at: datetime, kept: EvidenceKept
) -> None:
    ends = runs_out(evidence_key("d1", kept, at), "d1")
    assert ends is not None
    assert PERIODS[kept] - _GRANULE[kept] < ends - at <= PERIODS[kept]


def test_the_longest_period_is_the_policys() -> None:
    cutoff = load_retention().named("evidence").cutoff(datetime(2026, 11, 27, tzinfo=UTC))
    assert cutoff == datetime(2026, 11, 27, tzinfo=UTC) - PERIODS[EvidenceKept.DAYS_31]
    assert max(PERIODS.values()) == PERIODS[EvidenceKept.DAYS_31]


def test_a_day_is_a_day_in_utc_whatever_zone_the_time_is_told_in() -> None:
    there = timezone(timedelta(hours=14))
    at = datetime(2026, 11, 27, 23, 30, tzinfo=UTC)
    key = evidence_key("d1", EvidenceKept.DAYS_31, at)
    assert evidence_key("d1", EvidenceKept.DAYS_31, at.astimezone(there)) == key


@pytest.mark.parametrize("key", [hold_key("a1"), "evidence/d2.2026-11-27", "people/d1"])
def test_keys_of_holds_and_of_others_do_not_run_out_with_a_deployments(key: str) -> None:
    assert runs_out(key, "d1") is None
