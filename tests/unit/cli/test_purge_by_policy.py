"""What `lookout purge` forgets: what the retention policy says, and nothing that is not due."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lookout.enrolment.person import Person
from lookout.events import Alert, Category, Deployment, DeploymentState, Response
from lookout.retention import load_retention
from lookout_cli.commands.purge import Due, due, forget
from lookout_cli.control import ControlError
from lookout_cli.session import Session
from support.golden import example
from support.pipeline import memory_session

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
POLICY = load_retention()
PERSON = Person(
    reference="R-1",
    name="",
    category=Category.MISSING_AT_RISK,
    response=Response.AMBER,
    reason="",
    image_jpeg=b"picture",
)


@pytest.fixture(name="session")
def session_fixture(tmp_path: Path) -> Iterator[Session]:
    with memory_session(tmp_path) as session:
        session.platform.clock = lambda: NOW
        yield session


def keep_evidence(session: Session, name: str, *, age: timedelta) -> None:
    alert = replace(example(Alert, "alert/first"), alert_id=name, alerted_at=NOW - age)
    session.evidence.save(alert, b"jpeg")


def a_deployment(session: Session, name: str, *, over: bool) -> None:
    state = DeploymentState.ENDED if over else DeploymentState.LIVE
    live = example(Deployment, "deployment/live")
    session.platform.emit(
        replace(live, deployment_id=name, state=state, closes_at=NOW + timedelta(hours=1))
    )
    session.people.put(name, "entry", PERSON)


def test_nothing_is_due_in_an_empty_store(session: Session) -> None:
    found = due(session, POLICY, NOW)

    assert found.nothing
    assert found.alerts == 0


def test_evidence_is_kept_for_its_class_and_then_forgotten(session: Session) -> None:
    keep_evidence(session, "young", age=timedelta(days=29))
    keep_evidence(session, "old", age=timedelta(days=31, hours=1))

    found = due(session, POLICY, NOW)
    assert found.alerts == 1
    assert list(session.evidence.alerts()) == ["old", "young"]

    forget(session, found)

    assert list(session.evidence.alerts()) == ["young"]
    assert due(session, POLICY, NOW).nothing


def test_no_evidence_is_kept_longer_than_its_class_by_the_rest_of_its_day(session: Session) -> None:
    keep_evidence(session, "exactly", age=timedelta(days=31))

    assert due(session, POLICY, NOW).alerts == 1


def test_people_of_deployments_that_are_over_are_forgotten_and_others_stay(
    session: Session,
) -> None:
    a_deployment(session, "over", over=True)
    a_deployment(session, "live", over=False)
    session.people.put("not-opened", "entry", PERSON)

    found = due(session, POLICY, NOW)
    forget(session, found)

    assert found == Due(before=found.before, alerts=0, deployments=["over"])
    assert session.people.entries("over") == []
    assert session.people.entries("live") == session.people.entries("not-opened") == ["entry"]


@pytest.mark.parametrize("over", [True, False])
def test_nobody_is_enrolled_into_a_deployment_that_is_over(session: Session, *, over: bool) -> None:
    a_deployment(session, "d1", over=over)
    told = ""

    try:
        session.control.require_not_over("d1")
    except ControlError as error:
        told = str(error)

    assert bool(told) == over
    assert ("is over and purged" in told) == over
