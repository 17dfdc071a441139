"""The audit in the store: one chain whoever writes, in the transaction of what it records, and altered by nobody unseen."""

import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lookout.audit import first_break
from lookout_console.actions.alerts import Alerts
from lookout_console.domain.roles import Role
from lookout_console.store.audit import Audit
from lookout_console.store.engine import Store
from lookout_console.store.tables import audit, audit_head
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from support.console_world import World


def _now() -> datetime:
    return datetime.now(UTC)


def _record(store: Store, chain: Audit, count: int, actor: str = "a1") -> None:
    for number in range(count):
        with store.transaction() as connection:
            chain.record(
                connection, actor=actor, action="alert.view", subject=str(number), reason="seen"
            )


def _record_and_fail(store: Store, chain: Audit) -> None:
    with store.transaction() as connection:
        chain.record(connection, actor="a1", action="x", subject="1", reason="")
        _ = 1 / 0


def test_the_chain_of_an_empty_store_holds(store: Store) -> None:
    assert Audit(store, _now).broken_at() is None


def test_many_who_write_at_once_make_one_chain_without_a_gap(store: Store) -> None:
    chain = Audit(store, _now)
    threads = [
        threading.Thread(target=_record, args=(store, chain, 10, f"a{one}")) for one in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = chain.entries()
    assert [entry.sequence for entry in entries] == list(range(1, 61))
    assert first_break(entries) is None
    assert chain.broken_at() is None


def test_an_entry_goes_with_the_transaction_that_it_records(store: Store) -> None:
    chain = Audit(store, _now)
    _record(store, chain, 1)
    with pytest.raises(ZeroDivisionError):
        _record_and_fail(store, chain)
    _record(store, chain, 1)
    assert [entry.sequence for entry in chain.entries()] == [1, 2]
    assert chain.broken_at() is None


@pytest.mark.parametrize("column", ["actor", "action", "subject", "reason", "entry_hash"])
def test_a_row_altered_behind_the_console_is_found(store: Store, column: str) -> None:
    chain = Audit(store, _now)
    _record(store, chain, 5)
    with store.transaction() as connection:
        connection.execute(update(audit).where(audit.c.sequence == 3).values({column: "0" * 64}))
    assert chain.broken_at() == 3


@pytest.mark.parametrize("sequence", [1, 3, 5])
def test_a_row_deleted_behind_the_console_is_found(store: Store, sequence: int) -> None:
    chain = Audit(store, _now)
    _record(store, chain, 5)
    with store.transaction() as connection:
        connection.execute(delete(audit).where(audit.c.sequence == sequence))
    assert chain.broken_at() == sequence


def test_a_chain_rewritten_whole_behind_the_console_differs_from_its_copy(store: Store) -> None:
    chain = Audit(store, _now)
    _record(store, chain, 3)
    copy = chain.entries()
    with store.transaction() as connection:
        connection.execute(delete(audit))
        connection.execute(update(audit_head).values(sequence=0, entry_hash="0" * 64))
    _record(store, chain, 3, actor="somebody else")
    assert chain.broken_at() is None
    assert first_break([*copy, *chain.entries()]) == 1


@pytest.mark.parametrize(
    "reason", ["nul \x00 byte", "lone \ud800 surrogate", "x" * 5000, "\U0001f600 \u202e"]
)
def test_no_reason_can_stop_the_audit(store: Store, reason: str) -> None:
    chain = Audit(store, _now)
    with store.transaction() as connection:
        chain.record(connection, actor="a1", action="x", subject="1", reason=reason)
    assert chain.broken_at() is None


def test_what_is_published_is_not_published_again(store: Store) -> None:
    chain = Audit(store, _now)
    _record(store, chain, 4)
    assert [entry.sequence for entry in chain.unpublished(3)] == [1, 2, 3]
    chain.published(3)
    assert [entry.sequence for entry in chain.unpublished(3)] == [4]
    # Another console was slower to say so.
    chain.published(2)
    assert [entry.sequence for entry in chain.unpublished(3)] == [4]


def test_an_entry_is_published_as_it_is_kept(store: Store) -> None:
    chain = Audit(store, _now)
    _record(store, chain, 1)
    (entry,) = chain.unpublished(10)
    assert first_break([entry]) is None
    assert first_break([replace(entry, actor="somebody else")]) == 1


def test_if_the_audit_cannot_be_written_the_claim_does_not_happen(world: World) -> None:
    alert_id = world.alert(world.live())
    store = world.office.desk.store
    # Somebody has put a row where the next entry belongs: the insertion fails.
    with store.transaction() as connection:
        head = connection.execute(select(audit_head)).one()
        connection.execute(
            insert(audit).values(
                sequence=head.sequence + 1,
                deployment_id="",
                actor="",
                action="",
                subject="",
                reason="",
                at=_now(),
                previous_hash="",
                entry_hash="",
            )
        )
    with pytest.raises(SQLAlchemyError):
        world.office.alerts.claim(world.actors[Role.LFR_OPERATOR], alert_id)
    assert world.office.alerts.get(alert_id).claimed_by == ""


def test_a_database_lost_in_the_middle_of_a_decision_leaves_nothing_half_done(
    world: World, url: str
) -> None:
    if not url.startswith("postgresql"):
        pytest.skip("SQLite is a file: there is no connection to lose")
    alert_id = world.alert(world.live())
    desk = world.office.desk
    actor = world.actors[Role.LFR_OPERATOR]
    alerts = Alerts(desk, world.office.watchlists)
    record = desk.audit.record
    cut: list[bool] = []

    def lost(connection: object, **what: object) -> None:
        record(connection, **what)  # type: ignore[arg-type]  # passed on as it came
        if not cut:
            cut.append(True)
            with desk.store.writing.connect() as other:
                other.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )

    desk.audit.record = lost  # type: ignore[method-assign]  # the connection is cut after the entry is written
    with pytest.raises(SQLAlchemyError):
        alerts.claim(actor, alert_id)
    desk.audit.record = record  # type: ignore[method-assign]
    assert alerts.get(alert_id).claimed_by == ""
    assert desk.audit.broken_at() is None
    alerts.claim(actor, alert_id)
    assert alerts.get(alert_id).claimed_by == actor.account_id
