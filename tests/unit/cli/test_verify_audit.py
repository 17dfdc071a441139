"""`lookout verify audit` finds what was altered in the store, on the topic, or in one and not the other."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lookout.events import AuditEntry
from lookout_cli.verify.audit import check
from support.audit_chain import a_chain


def chain_of(count: int, actor: str = "a1") -> list[AuditEntry]:
    return a_chain([""] * count, actor=actor)


def test_a_chain_that_is_the_same_in_both_holds() -> None:
    report = check(chain_of(4), chain_of(4))
    assert (report.on_topic, report.in_store, report.waiting, report.broken) == (4, 4, 0, ())


def test_what_is_not_published_yet_waits_and_is_not_broken() -> None:
    report = check(chain_of(2), chain_of(4))
    assert (report.waiting, report.broken) == (2, ())


def test_what_was_published_twice_is_not_broken() -> None:
    chain = chain_of(3)
    assert check([*chain, *chain], chain).broken == ()


def test_an_end_cut_off_in_the_store_shows_against_the_topic() -> None:
    assert check(chain_of(4), chain_of(2)).broken == (
        "entry 3 is on the topic and not in the store",
    )


def test_a_store_rewritten_whole_shows_against_the_topic() -> None:
    found = check(chain_of(3), chain_of(3, actor="somebody else")).broken
    assert found == ("entry 1 is another one in the store than on the topic",)


@pytest.mark.parametrize("where", ["topic", "store"])
def test_an_altered_entry_is_found_where_it_is(where: str) -> None:
    good, bad = chain_of(3), chain_of(3)
    bad[1] = replace(bad[1], reason="another")
    report = check(bad, good) if where == "topic" else check(good, bad)
    assert any(where in finding and "entry 2" in finding for finding in report.broken)


def test_without_a_store_the_topic_alone_is_checked() -> None:
    report = check(chain_of(3)[1:], None)
    assert report.in_store is None
    assert report.broken == ("on the topic, the chain breaks at entry 1",)


def test_the_stores_entries_are_read_from_the_url_in_a_file(tmp_path: Path) -> None:
    from lookout_cli.commands.verify import _kept  # noqa: PLC0415
    from lookout_console.store.audit import Audit  # noqa: PLC0415
    from lookout_console.store.engine import Store  # noqa: PLC0415

    store = Store(f"sqlite:///{tmp_path}/console.db")
    store.create()
    with store.transaction() as connection:
        Audit(store, lambda: datetime.now(UTC)).record(
            connection, actor="a1", action="x", subject="s", reason=""
        )
    store.close()
    file = tmp_path / "url"
    file.write_text(f"sqlite:///{tmp_path}/console.db\n")
    assert [entry.sequence for entry in _kept(file)] == [1]
