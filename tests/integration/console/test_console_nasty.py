"""Values that nobody means: no route answers them with a server error, whoever sends them."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from lookout_console.accounts.credentials import csrf_of
from lookout_console.domain.roles import ALLOWED, Role
from lookout_console.web.app import ROUTERS
from lookout_console.web.callers import Guard
from support.console_world import make_world
from support.served_console import Served, serve

NASTY = (
    "",
    "\x00",
    "a" * 5000,
    "99999999999999999999",
    "-1",
    "1e400",
    "NaN",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "../../etc/passwd",
    "%00%ff",
    "' OR 1=1 --",
    "\u202e\u200b\ufffe",
    "\U0001f600" * 400,
)
FIELDS = (
    *(
        "title",
        "use_case",
        "location",
        "rationale",
        "opens_at",
        "closes_at",
        "cameras",
        "verifiers",
    ),
    *("faces_per_false_alert", "evidence_kept", "reason", "verdict", "subject", "system"),
    *("environment", "truth", "identity_by", "stop_minutes", "disposal", "sex", "ethnicity"),
    *("age_band", "words", "alert_id", "answer", "canary_id", "check_id", "endpoint", "name"),
    *("shown", "roles", "password", "url", "label", "hook_reason", "role", "days", "reference"),
    *("theme", "back", "link"),
)


PROPER = {
    "use_case": "hotspot",
    "verdict": "same",
    "role": "auditor",
    "roles": "auditor",
    "truth": "not_located",
    "disposal": "arrest",
    "answer": "seen",
    "opens_at": "2026-11-27T09:00",
}


@pytest.fixture(name="own", scope="module")
def own_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(make_world(tmp_path_factory.mktemp("console"))) as served:
        yield served


def role_of(route: APIRoute) -> Role:
    """Somebody who may."""
    guards = [one.call for one in route.dependant.dependencies if isinstance(one.call, Guard)]
    return min(ALLOWED[guards[0].permission]) if guards else Role.AUDITOR


@pytest.mark.parametrize("value", NASTY, ids=lambda value: repr(value[:12]))
def test_no_value_in_path_query_form_or_header_is_a_server_error(own: Served, value: str) -> None:
    wrong = []
    people = {role: own.signed_in(actor) for role, actor in own.world.actors.items()}
    deployment_id = own.world.live()
    for route in (route for router in ROUTERS for route in router.routes):
        assert isinstance(route, APIRoute)
        if route.path in {"/events", "/sign-out"}:
            continue
        person = people[role_of(route)]
        known = route.path.replace("{deployment_id}", deployment_id)
        for path in {known, route.path}:
            url = re.sub(r"\{\w+\}", quote(value or "x", safe=""), path)
            headers = {"x-csrf": csrf_of(person.cookie), "x-file-name": quote(value)}
            for method in route.methods or ():
                if method == "POST":
                    # Closed lists are met once, so that what is read after them meets the value.
                    bodies = [dict.fromkeys(FIELDS, value)]
                    bodies.append({**bodies[0], **PROPER})
                    answers = [person.client.post(url, data=one, headers=headers) for one in bodies]
                else:
                    asked = {"before": value, "year": value, "verdict": value, "actor": value}
                    answers = [person.client.get(url, params={**asked, "state": value})]
                wrong += [(method, url[:80]) for one in answers if one.status_code >= 500]
    assert wrong == []


@pytest.mark.parametrize("value", NASTY, ids=lambda value: repr(value[:12]))
def test_a_stream_asked_for_with_nonsense_is_a_stream_or_a_refusal(own: Served, value: str) -> None:
    person = own.signed_in(own.world.actors[Role.LFR_OPERATOR])
    asked = {"view": value, "deployment": value, "after": value}
    with person.client.stream("GET", "/events", params=asked) as answer:
        if "\x00" in value:
            assert answer.status_code == 404
            return
        assert answer.status_code == 200
        first = next(answer.iter_lines())
    assert first == "retry: 1000"


def test_a_file_name_and_a_body_of_nonsense_are_refused_and_nothing_is_kept(
    own: Served, tmp_path: Path
) -> None:
    officer = own.signed_in(own.world.actors[Role.WATCHLIST_OFFICER])
    commander = own.world.actors[Role.COMMANDER]
    deployment_id = own.world.office.deployments.draft(commander, own.world.plan())
    answer = officer.client.post(
        f"/deployments/{deployment_id}/watchlist/import",
        content=b"\x00" * 1000,
        headers={"x-csrf": csrf_of(officer.cookie), "x-file-name": "%00%0a%ff"},
    )
    assert answer.status_code == 422
    assert own.world.office.watchlists.jobs(deployment_id) == ()


def test_a_fault_of_ours_shows_a_page_without_its_text_and_with_the_strict_headers(
    own: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_deployment_id: str) -> None:
        raise ArithmeticError("a secret of the inside")

    monkeypatch.setattr(own.world.office.records, "record", fails)
    auditor = own.signed_in(own.world.actors[Role.AUDITOR])
    answer = auditor.get("/deployments/x/record")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "This should not happen" in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
