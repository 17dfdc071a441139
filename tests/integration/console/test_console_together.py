"""Two people at once, the same form twice, a store that is lost in the middle, a clock that is not the server's."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from lookout.events import Decision, Deployment
from lookout_console.domain.alerts import EnvironmentFactor, SubjectFactor, SystemFactor, Verdict
from lookout_console.domain.roles import Role
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from support.console_world import make_world
from support.served_console import Person, Served, serve


@pytest.fixture(name="own")
def own_fixture(tmp_path: Path) -> Iterator[Served]:
    with serve(make_world(tmp_path)) as served:
        yield served


def decision(verdict: Verdict = Verdict.SAME) -> dict[str, str]:
    return {
        "verdict": str(verdict),
        "subject": str(SubjectFactor.NOTHING_AGAINST),
        "system": str(SystemFactor.NOTHING_AGAINST),
        "environment": str(EnvironmentFactor.NOTHING_AGAINST),
        "reason": "the ears and the line of the jaw agree",
    }


def operators(own: Served, count: int) -> list[Person]:
    made = [own.world.account(Role.LFR_OPERATOR, number) for number in range(2, 2 + count)]
    return [own.signed_in(actor) for actor in made]


def decisions(own: Served) -> list[Decision]:
    return [event for event in own.world.control.events if isinstance(event, Decision)]


def test_of_many_who_claim_one_alert_at_once_one_has_it_and_the_others_are_told(
    own: Served,
) -> None:
    alert_id = own.world.alert(own.world.live())
    people = operators(own, 6)
    ready = threading.Barrier(len(people))

    def claims(person: Person) -> httpx.Response:
        ready.wait()
        return person.post(f"/alerts/{alert_id}/claim")

    with ThreadPoolExecutor(len(people)) as pool:
        answers = list(pool.map(claims, people))
    assert sorted(answer.status_code for answer in answers) == [303, 409, 409, 409, 409, 409]
    told = next(answer for answer in answers if answer.status_code == 409)
    assert "Somebody was first" in told.text


def test_of_two_who_decide_at_once_where_one_is_enough_one_decision_counts(own: Served) -> None:
    alert_id = own.world.alert(own.world.live(verifiers=1))
    people = operators(own, 4)
    ready = threading.Barrier(len(people))

    def decides(person: Person) -> httpx.Response:
        ready.wait()
        return person.post(f"/alerts/{alert_id}/verify", **decision())

    with ThreadPoolExecutor(len(people)) as pool:
        answers = list(pool.map(decides, people))
    assert sorted(answer.status_code for answer in answers) == [303, 409, 409, 409]
    assert len(own.world.office.alerts.get(alert_id).verifications) == 1
    assert len(decisions(own)) == 1


def test_who_looks_at_an_alert_is_told_that_somebody_acted_and_not_what_they_saw(
    own: Served,
) -> None:
    deployment_id = own.world.live()
    alert_id = own.world.alert(deployment_id)
    hub = own.world.office.hub
    start = hub.position(hub.here())
    assert start is not None
    (operator,) = operators(own, 1)
    operator.post(f"/alerts/{alert_id}/verify", **decision())
    news = hub.news(start, views=["alert"], scope=deployment_id)
    assert len(news.lines) == 1
    assert b"touched" in news.lines[0]
    assert alert_id.encode() in news.lines[0]
    told = b"".join(hub.news(start, views=["queue", "watch", "handset"], scope=deployment_id).lines)
    assert b"1 of 2 have decided" in told
    assert b"Same person" not in told
    assert b"the ears" not in told


def test_the_same_form_sent_twice_counts_once(own: Served) -> None:
    deployment_id = own.world.live()
    alert_id = own.world.alert(deployment_id)
    (operator,) = operators(own, 1)
    assert operator.post(f"/alerts/{alert_id}/verify", **decision()).status_code == 303
    again = operator.post(f"/alerts/{alert_id}/verify", **decision())
    assert again.status_code == 403
    assert "You have decided already" in again.text
    commander = own.signed_in(own.world.actors[Role.COMMANDER])
    stop = f"/deployments/{deployment_id}/stop"
    assert commander.post(stop, reason="a complaint").status_code == 303
    assert commander.post(stop, reason="a complaint").status_code == 409
    told = [one for one in own.world.control.events if isinstance(one, Deployment)]
    assert [str(one.state) for one in told] == ["live", "stopped"]


def test_a_form_kept_from_an_earlier_session_does_nothing(own: Served) -> None:
    alert_id = own.world.alert(own.world.live())
    before = own.signed_in(own.world.actors[Role.LFR_OPERATOR])
    after = own.signed_in(own.world.actors[Role.LFR_OPERATOR])
    replayed = Person(client=after.client, cookie=before.cookie)
    answer = replayed.post(f"/alerts/{alert_id}/verify", **decision())
    assert answer.status_code == 403
    assert "another session" in answer.text
    assert own.world.office.alerts.get(alert_id).verifications == ()


def nothing_happened(own: Served, alert_id: str, answer: httpx.Response, entries: int) -> None:
    assert answer.status_code == 503
    assert "Nothing was recorded" in answer.text
    assert "sqlite" not in answer.text.lower()
    assert "the ears and the line" not in answer.text
    assert own.world.office.alerts.get(alert_id).verifications == ()
    page = own.world.office.desk.audit.page(action="alert.verify")
    assert len(page) == entries
    assert own.world.office.desk.audit.broken_at() is None


def test_a_store_that_is_out_of_reach_mid_decision_gives_a_clear_page_and_nothing_half_done(
    own: Served, tmp_path: Path
) -> None:
    alert_id = own.world.alert(own.world.live())
    (operator,) = operators(own, 1)
    operator.get(f"/alerts/{alert_id}")
    other = sqlite3.connect(tmp_path / "console.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        answer = operator.post(f"/alerts/{alert_id}/verify", **decision())
    finally:
        other.execute("ROLLBACK")
        other.close()
    nothing_happened(own, alert_id, answer, 0)
    assert decisions(own) == []
    assert operator.post(f"/alerts/{alert_id}/verify", **decision()).status_code == 303


def test_a_connection_lost_between_two_statements_of_a_decision_undoes_the_first(
    own: Served,
) -> None:
    alert_id = own.world.alert(own.world.live())
    (operator,) = operators(own, 1)
    lost: list[str] = []

    def loses(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        # The decision itself is written by now; the connection goes before its audit entry.
        if statement.startswith("INSERT INTO audit ") and not lost:
            lost.append(statement)
            raise OperationalError("the connection", {}, ConnectionResetError("lost"))

    engine = own.world.office.desk.store.reading
    event.listen(engine, "before_cursor_execute", loses)
    try:
        answer = operator.post(f"/alerts/{alert_id}/verify", **decision())
    finally:
        event.remove(engine, "before_cursor_execute", loses)
    assert len(lost) == 1
    nothing_happened(own, alert_id, answer, 0)
    assert decisions(own) == []


def test_ages_are_told_by_the_servers_clock_whatever_the_browsers_is(own: Served) -> None:
    deployment_id = own.world.live()
    own.world.alert(deployment_id)
    operator = own.signed_in(own.world.actors[Role.LFR_OPERATOR])
    with operator.client.stream("GET", f"/events?view=queue&deployment={deployment_id}") as stream:
        lines = stream.iter_lines()
        tick = next(line for line in lines if line.startswith("data: "))
    now = own.world.clock().timestamp() * 1000
    assert abs(int(tick.removeprefix('data: {"now": ').removesuffix("}")) - now) < 5000
