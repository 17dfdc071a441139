"""Who was on which watchlist: told after the watchlist is gone, and by nothing but reference, category and dates."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lookout.events import Category
from lookout_cli.people.ledger import LEDGER_KEY, LedgerError, Member, MembershipLedger
from support.matching_fakes import MemoryVault

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
ANNA = Member(reference="R-1", category=Category.WANTED_BY_COURTS, enrolled_at=NOW)
BEN = Member(reference="R-2", category=Category.MISSING_AT_RISK, enrolled_at=NOW)


@pytest.fixture(name="vault")
def vault_fixture() -> MemoryVault:
    return MemoryVault()


@pytest.fixture(name="ledger")
def ledger_fixture(tmp_path: Path, vault: MemoryVault) -> MembershipLedger:
    return MembershipLedger(root=tmp_path / "ledger", vault=vault)


def test_an_empty_ledger_knows_nobody(ledger: MembershipLedger) -> None:
    assert ledger.find("R-1") == []
    assert ledger.entries("d1") == []


def test_a_member_is_found_with_deployment_category_and_window(ledger: MembershipLedger) -> None:
    ledger.enrolled("d1", [ANNA, BEN])
    ledger.window("d1", opens_at=NOW, closes_at=NOW + timedelta(hours=1))

    (entry,) = ledger.find("R-1")

    assert (entry.deployment_id, entry.member) == ("d1", ANNA)
    assert (entry.opens_at, entry.closes_at) == (NOW, NOW + timedelta(hours=1))


def test_every_watchlist_that_somebody_was_on_is_told_in_the_order_of_enrolment(
    ledger: MembershipLedger,
) -> None:
    later = replace(ANNA, enrolled_at=NOW + timedelta(days=1))
    ledger.enrolled("d2", [later])
    ledger.enrolled("d1", [ANNA])

    assert [entry.deployment_id for entry in ledger.find("R-1")] == ["d1", "d2"]


def test_enrolling_again_keeps_the_first_date_and_the_latest_category(
    ledger: MembershipLedger,
) -> None:
    again = replace(ANNA, category=Category.COURT_CONDITIONS, enrolled_at=NOW + timedelta(hours=1))
    ledger.enrolled("d1", [ANNA])
    ledger.enrolled("d1", [again, BEN])

    members = [entry.member for entry in ledger.entries("d1")]

    assert members == [replace(again, enrolled_at=NOW), BEN]


def test_a_window_of_a_deployment_without_members_leaves_no_file(
    ledger: MembershipLedger, tmp_path: Path
) -> None:
    ledger.window("d1", opens_at=NOW, closes_at=NOW)
    ledger.enrolled("d1", [])

    assert not (tmp_path / "ledger").exists()


def test_no_file_tells_who_is_in_it_and_no_repr_does(
    ledger: MembershipLedger, tmp_path: Path
) -> None:
    ledger.enrolled("d1", [ANNA])
    (path,) = (tmp_path / "ledger").iterdir()

    assert b"R-1" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    assert "R-1" not in repr(ledger.entries("d1"))


def test_a_vault_without_the_ledgers_key_is_told_without_a_name(
    ledger: MembershipLedger, vault: MemoryVault
) -> None:
    ledger.enrolled("d1", [ANNA])
    vault.destroy(LEDGER_KEY)

    with pytest.raises(LedgerError, match="another vault"):
        ledger.find("R-1")


def test_a_file_moved_to_another_deployment_does_not_open(
    ledger: MembershipLedger, tmp_path: Path
) -> None:
    ledger.enrolled("d1", [ANNA])
    folder = tmp_path / "ledger"
    (folder / "d1.sealed").rename(folder / "d2.sealed")

    with pytest.raises(LedgerError, match="does not open"):
        ledger.entries("d2")


def test_an_id_that_climbs_out_of_the_folder_is_refused(ledger: MembershipLedger) -> None:
    with pytest.raises(ValueError, match="deployment id"):
        ledger.enrolled("../d1", [ANNA])
