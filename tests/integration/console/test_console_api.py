"""The API: a deployment's life by tokens alone, its description, and least data per role."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from lookout_cli.control import ControlError
from lookout_cli.demo.officers import Officer
from lookout_console.domain.alerts import EnvironmentFactor, SubjectFactor, SystemFactor, Verdict
from lookout_console.domain.roles import Permission, Role, allowed
from lookout_console.web.api import ROUTERS
from lookout_console.web.callers import sent
from support.console_world import archive_of, make_world, row_of
from support.polling import until
from support.served_console import Served, serve

NAME = "Name of reference-17"


@pytest.fixture(name="own")
def own_fixture(tmp_path: Path) -> Iterator[Served]:
    with serve(make_world(tmp_path)) as served:
        yield served


class System:
    """Another system, with one token."""

    def __init__(self, served: Served, role: Role) -> None:
        office = served.world.office
        account = office.register.get(served.world.actors[role].account_id)
        assert account is not None
        _, secret = office.credentials.make_token(
            label="x", role=role, lives=timedelta(days=1), by=account, reason="test"
        )
        self._client = served.client(headers={"authorization": f"Bearer {secret}"})

    def get(self, path: str) -> Any:
        answer = self._client.get(f"/api/v1{path}")
        assert answer.is_success, answer.text
        return answer.json()

    def send(self, path: str, **body: Any) -> httpx.Response:
        return self._client.post(f"/api/v1{path}", json=body)

    def did(self, path: str, **body: Any) -> Any:
        answer = self.send(path, **body)
        assert answer.is_success, answer.text
        return answer.json()

    def upload(self, path: str, data: bytes) -> httpx.Response:
        return self._client.post(f"/api/v1{path}", content=data)


def decision() -> dict[str, Any]:
    return {
        "verdict": Verdict.SAME,
        "subject": [SubjectFactor.NOTHING_AGAINST],
        "system": [SystemFactor.NOTHING_AGAINST],
        "environment": [EnvironmentFactor.NOTHING_AGAINST],
        "reason": "the ears and the line of the jaw agree",
    }


def test_what_the_pages_do_can_be_done_by_tokens_alone(own: Served) -> None:
    by = {role: System(own, role) for role in Role}
    now = own.world.clock()
    made = by[Role.COMMANDER].did(
        "/deployments",
        title="By the API",
        use_case="hotspot",
        location="North Square",
        rationale="Seen here this week",
        opens_at=(now - timedelta(minutes=1)).isoformat(),
        closes_at=(now + timedelta(hours=2)).isoformat(),
        cameras=["van-1", "van-2"],
        verifiers=2,
    )
    path = f"/deployments/{made['deployment_id']}"
    officer = by[Role.WATCHLIST_OFFICER]
    job = officer.upload(f"{path}/watchlist/import", archive_of([row_of("reference-17")])).json()
    until(lambda: officer.get(f"/imports/{job['import_id']}")["ended"], "the import")
    assert officer.get(f"/imports/{job['import_id']}")["counts"]["accepted"] == 1
    officer.did(f"{path}/watchlist/freeze")
    by[Role.COMMANDER].did(f"{path}/apply", reason="necessary")
    by[Role.AUTHORISING_OFFICER].did(f"{path}/authorise", reason="who, where and why")
    assert by[Role.COMMANDER].did(f"{path}/go-live", reason="begin") == {"stage": "live"}
    alert_id = own.world.alert(made["deployment_id"])
    van, street = by[Role.LFR_OPERATOR], by[Role.ENGAGEMENT_OFFICER]
    (waiting,) = van.get("/alerts")["alerts"]
    assert waiting["alert_id"] == alert_id
    van.did(f"/alerts/{alert_id}/claim")
    assert van.did(f"/alerts/{alert_id}/verify", **decision()) == {"adjudication": "waiting"}
    assert street.did(f"/alerts/{alert_id}/verify", **decision()) == {"adjudication": "viable"}
    street.did(
        f"/alerts/{alert_id}/engage", truth="confirmed_true", identity_by="document", reason="met"
    )
    street.did(f"/alerts/{alert_id}/outcome", disposal="arrest", reason="wanted on warrant")
    by[Role.COMMANDER].did(f"{path}/end", reason="over")
    by[Role.COMMANDER].did(f"{path}/review", reason="learned")
    record = by[Role.AUDITOR].get(f"{path}/record")
    assert NAME not in str(record)
    assert by[Role.AUTHORISING_OFFICER].did(f"{path}/purge", reason="done") == {"stage": "purged"}
    actions = [entry["action"] for entry in by[Role.AUDITOR].get("/audit")["entries"]]
    assert "deployment.purge" in actions


def test_each_role_is_told_no_more_than_it_needs(own: Served) -> None:
    deployment_id = own.world.live()
    own.world.alert(deployment_id)
    by = {role: System(own, role) for role in Role}
    path = f"/deployments/{deployment_id}/watchlist"
    assert NAME in str(by[Role.AUTHORISING_OFFICER].get(path))
    assert NAME not in str(by[Role.COMMANDER].get(path))
    (for_van,) = by[Role.LFR_OPERATOR].get("/alerts")["alerts"]
    (for_street,) = by[Role.ENGAGEMENT_OFFICER].get("/alerts")["alerts"]
    assert for_van["score"] == 0.71
    assert {"score", "threshold"}.isdisjoint(for_street)
    assert {"verifications"}.isdisjoint(for_van)
    assert set(for_street["said"]) == {"name", "reason", "contact", "image_source", "image_date"}
    assert set(for_street["said"]) - set(for_van["said"]) == {"name"}
    for role in (Role.AUDITOR, Role.ADMINISTRATOR, Role.WATCHLIST_OFFICER):
        answer = by[role].send("/messages", words="x")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


@pytest.mark.parametrize("role", [Role.LFR_OPERATOR, Role.COMMANDER, Role.ENGAGEMENT_OFFICER])
def test_a_name_on_an_alert_is_for_who_may_see_names_by_page_and_by_api(
    own: Served, role: Role
) -> None:
    alert_id = own.world.alert(own.world.live())
    named = allowed([role], Permission.SEE_NAMES)
    assert named == (role is Role.ENGAGEMENT_OFFICER)
    person, system = own.signed_in(own.world.actors[role]), System(own, role)
    for path in ("/alerts", f"/alerts/{alert_id}"):
        assert (NAME in str(system.get(path))) == named
    assert (NAME in person.get(f"/alerts/{alert_id}").text) == named
    assert NAME not in person.get("/alerts").text, "a card is read by several roles"


def test_a_link_that_the_api_makes_signs_in_once(own: Served) -> None:
    operator = own.world.actors[Role.LFR_OPERATOR]
    made = System(own, Role.ADMINISTRATOR).did(
        f"/accounts/{operator.account_id}/link", reason="the shift begins"
    )
    assert made["link"].startswith(own.base)
    with Officer(made["link"]) as officer:
        assert "Alerts" in officer.page("/alerts")
    with pytest.raises(ControlError, match="401"):
        Officer(made["link"])


def test_the_description_names_every_route_and_what_its_body_holds(own: Served) -> None:
    found = System(own, Role.AUDITOR).get("/openapi.json")
    assert found["openapi"].startswith("3.1")
    wordless = {"/freeze", "/claim"}
    for route in (route for router in ROUTERS for route in router.routes):
        operation = found["paths"][route.path]  # type: ignore[attr-defined]  # every route here has a path
        for method, what in operation.items():
            assert what["description"], route
            if method == "post" and not route.path.endswith(tuple(wordless)):  # type: ignore[attr-defined]  # same
                assert "requestBody" in what, route
    assert sent.__doc__
    assert found["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[1, 2]", "application/json"),
        (b"{", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"title": {"nested": "x"}}', "application/json"),
        (b'{"title": "\\u0000"}', "application/json"),
        (b'{"title": "\\ud800"}', "application/json"),
        (b"title=%FF", "application/x-www-form-urlencoded"),
        (b"x" * 300_000, "application/x-www-form-urlencoded"),
        (b"x", "multipart/form-data"),
        (b"", "application/json"),
    ],
    ids=lambda value: str(value[:12]),
)
def test_a_body_that_cannot_be_used_gets_an_answer_that_says_why(
    own: Served, body: bytes, kind: str
) -> None:
    system = System(own, Role.COMMANDER)
    answer = system._client.post(
        "/api/v1/deployments", content=body, headers={"content-type": kind}
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "bad_input"
    assert answer.json()["detail"]


def test_a_file_that_is_no_list_is_refused_at_once(own: Served) -> None:
    world = own.world
    commander = world.actors[Role.COMMANDER]
    deployment_id = world.office.deployments.draft(commander, world.plan())
    officer = System(own, Role.WATCHLIST_OFFICER)
    path = f"/deployments/{deployment_id}/watchlist/import"
    for data in (b"", b"no zip", archive_of([row_of("x")], {"../../x.jpg": b"x"})):
        answer = officer.upload(path, data)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_input")


def test_one_officers_tokens_are_nobody_elses_and_are_shown_once(own: Served) -> None:
    auditor = own.signed_in(own.world.actors[Role.AUDITOR])
    page = auditor.post("/tokens", label="case system", role="auditor", days="3").text
    secret = page.split('<code id="secret">')[1].split("<")[0]
    assert secret.startswith("lookout_")
    assert secret not in auditor.get("/tokens").text
    other = own.signed_in(own.world.actors[Role.COMMANDER])
    assert "case system" not in other.get("/tokens").text
    (token,) = own.world.office.credentials.all_tokens()
    assert other.post(f"/tokens/{token.token_id}/revoke").status_code == 422
    assert own.client(headers={"authorization": f"Bearer {secret}"}).get("/api/v1/audit").is_success
    assert auditor.post(f"/tokens/{token.token_id}/revoke").status_code == 303
    gone = own.client(headers={"authorization": f"Bearer {secret}"}).get("/api/v1/audit")
    assert gone.status_code == 401


def test_stopping_is_told_to_the_services_within_a_second(own: Served) -> None:
    deployment_id = own.world.live()
    system = System(own, Role.COMMANDER)
    answer = system.send(f"/deployments/{deployment_id}/stop", reason="a crush at the door")
    assert answer.elapsed < timedelta(seconds=1)
    assert str(own.world.control.events[-1].state) == "stopped"  # type: ignore[union-attr]  # the last word is of the deployment
