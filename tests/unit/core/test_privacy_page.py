"""The page that the public and auditors read says what the code does."""

import re
from pathlib import Path

from lookout.events import ErasureReason

PAGE = (Path(__file__).parents[3] / "docs" / "privacy.md").read_text()
SERVICES = {
    "capture",
    "detection",
    "embedding",
    "matching",
    "alerting",
    "keeper",
    "console",
    "command line",
}


def table() -> dict[str, set[str]]:
    rows = re.findall(r"^\| `([a-z_]+)` \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)
    return {reason: {who.strip() for who in names.split(",")} for reason, names in rows}


def test_every_reason_stands_on_the_page_once_with_who_may_give_it() -> None:
    assert set(table()) == {str(reason) for reason in ErasureReason}
    assert all(names <= SERVICES for names in table().values())


def test_no_service_gives_a_reason_in_its_code_that_the_page_does_not_grant_it() -> None:
    root = Path(__file__).parents[3] / "services"
    # The record counts the receipts of others.
    counting = root / "console/lookout_console/actions/frames.py"
    assert "Destruction(" not in counting.read_text()
    given = {
        reason: {
            service.name
            for service in root.iterdir()
            if any(
                f"ErasureReason.{reason.name}" in source.read_text()
                for source in service.rglob("*.py")
                if source != counting
            )
        }
        for reason in ErasureReason
    }
    # Scripts and adapters say these by another name: blocks are closed by the issuer, the rejected by the runner's caller.
    by_core = {ErasureReason.UNUSED, ErasureReason.DEPLOYMENT_CLOSED, ErasureReason.EXPIRED}
    for reason in set(ErasureReason) - by_core - {ErasureReason.REJECTED_QUALITY}:
        named = table()[reason] - {"command line"}

        assert given[reason] <= named, reason
