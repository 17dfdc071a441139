"""Every route, every caller: allowed exactly where the one permission table says so."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from lookout_console.accounts.credentials import csrf_of
from lookout_console.accounts.values import Account
from lookout_console.domain.roles import ALLOWED, Permission, Role, allowed
from lookout_console.web.app import ROUTERS, create_app
from lookout_console.web.callers import SESSION_COOKIE, Guard, Open, sent, streamed
from support.served_console import Served

NOBODY = "nobody"


@dataclass(frozen=True)
class Door:
    """A route as callers meet it."""

    method: str
    path: str
    permission: Permission | None
    checks_form: bool

    def url(self) -> str:
        names = ("deployment_id", "alert_id", "entry_id", "account_id", "token_id", "import_id")
        url = self.path
        for name in (*names, "webhook_id"):
            url = url.replace(f"{{{name}}}", "none-such")
        return (
            url.replace("{year}", "2026")
            .replace("{form}", "csv")
            .replace("{which}", "seen")
            .replace("{link}", "none")
        )


def calls_of(route: Any) -> Iterator[Any]:
    """Everything that a route depends on."""
    waiting = list(route.dependant.dependencies)
    while waiting:
        one = waiting.pop()
        yield one.call
        waiting.extend(one.dependencies)


def all_routes() -> Iterator[APIRoute]:
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            yield route


@pytest.fixture(name="doors", scope="module")
def doors_fixture(served: Served) -> list[Door]:
    app = create_app(served.world.office)
    # Nothing is served but the files of the pages and what the routers hold.
    assert len(app.routes) == 1 + len(ROUTERS)
    found = []
    for route in all_routes():
        calls = list(calls_of(route))
        guards = [call for call in calls if isinstance(call, Guard)]
        opens = [call for call in calls if isinstance(call, Open)]
        assert len(guards) + len(opens) == 1, f"{route.path} names no permission, or several"
        found += [
            Door(
                method=method,
                path=route.path,
                permission=guards[0].permission if guards else None,
                checks_form=sent in calls or streamed in calls,
            )
            for method in sorted(route.methods or ())
        ]
    assert len(found) > 60
    return found


def code_of(answer: httpx.Response) -> str:
    """The refusal's code; empty where the door was passed."""
    if answer.headers.get("content-type", "").startswith("application/json"):
        body = answer.json()
        return str(body.get("code", "")) if isinstance(body, dict) else ""
    return ""


def knock(client: httpx.Client, door: Door, **headers: str) -> tuple[int, str]:
    wanted = {"accept": "application/json", **headers}
    # The stream does not end by itself: its status is enough.
    with client.stream(door.method, door.url(), headers=wanted) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return answer.status_code, ""
        answer.read()
        return answer.status_code, code_of(answer)


def account_of(served: Served, role: Role) -> Account:
    found = served.world.office.register.get(served.world.actors[role].account_id)
    assert found is not None
    return found


def token_of(served: Served, role: Role) -> str:
    _, secret = served.world.office.credentials.make_token(
        label="matrix",
        role=role,
        lives=timedelta(days=1),
        by=account_of(served, role),
        reason="test",
    )
    return secret


def test_every_role_and_nobody_meets_every_route_as_the_table_says(
    served: Served, doors: list[Door], capsys: pytest.CaptureFixture[str]
) -> None:
    wrong, tried, denied = [], 0, 0
    credentials = served.world.office.credentials
    for role in (*Role, None):
        cookie = (
            "" if role is None else credentials.start_session(account_of(served, role).account_id)
        )
        client = served.client(cookies={SESSION_COOKIE: cookie} if cookie else {})
        for door in doors:
            if door.path == "/sign-out":
                continue  # it would end the session that the rest is tried with
            status, code = knock(client, door, **{"x-csrf": csrf_of(cookie)})
            tried += 1
            if door.permission is None:
                expected = ""
            elif role is None:
                expected = "not_signed_in"
            else:
                expected = "" if allowed({role}, door.permission) else "not_permitted"
            denied += bool(expected)
            got = code if code in {"not_signed_in", "not_permitted"} else ""
            if got != expected or status >= 500:
                wrong.append((role or NOBODY, door.method, door.path, expected, status, code))
    assert wrong == []
    with capsys.disabled():
        sys.stdout.write(f"\nroute x caller: {tried} by session, {denied} of them denied\n")


def test_a_token_opens_the_api_for_its_role_and_nothing_else(
    served: Served, doors: list[Door], capsys: pytest.CaptureFixture[str]
) -> None:
    wrong, tried = [], 0
    for role in Role:
        client = served.client()
        secret = token_of(served, role)
        for door in doors:
            if door.permission is None:
                continue
            tried += 1
            status, code = knock(client, door, authorization=f"Bearer {secret}")
            api = door.path.startswith("/api/")
            if not api:
                expected = "not_signed_in"
            else:
                expected = "" if allowed({role}, door.permission) else "not_permitted"
            got = code if code in {"not_signed_in", "not_permitted"} else ""
            if got != expected or status >= 500:
                wrong.append((role, door.method, door.path, expected, status, code))
    assert wrong == []
    with capsys.disabled():
        sys.stdout.write(f"\nroute x token: {tried} combinations\n")


@pytest.mark.parametrize("word", ["", "0" * 64, "of another session"])
def test_a_form_without_this_sessions_word_does_nothing(
    served: Served, doors: list[Door], word: str
) -> None:
    other = served.world.office.credentials.start_session(
        account_of(served, Role.AUDITOR).account_id
    )
    tried = 0
    for door in doors:
        if door.method in {"GET", "HEAD"}:
            continue
        assert door.checks_form, f"{door.path} takes a form and checks no session's word"
        role = next(iter(sorted(ALLOWED[door.permission]))) if door.permission else Role.AUDITOR
        person = served.signed_in(served.world.actors[role])
        given = csrf_of(other) if word == "of another session" else word
        status, code = knock(person.client, door, **({"x-csrf": given} if given else {}))
        assert (status, code) == (403, "form_not_ours"), door
        tried += 1
    assert tried > 30


def test_a_form_from_another_site_does_nothing(served: Served, doors: list[Door]) -> None:
    person = served.signed_in(served.world.actors[Role.COMMANDER])
    door = next(one for one in doors if one.path == "/deployments" and one.method == "POST")
    word = csrf_of(person.cookie)
    for header, value in (
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://elsewhere.example"),
        ("origin", "null"),
    ):
        status, code = knock(person.client, door, **{"x-csrf": word, header: value})
        assert (status, code) == (403, "form_not_ours")


def test_every_permission_is_of_some_role_and_every_route_of_the_table(doors: list[Door]) -> None:
    assert set(ALLOWED) == set(Permission)
    assert all(ALLOWED.values())
    used = {door.permission for door in doors if door.permission is not None}
    # These two are asked within a page: what it shows depends on them.
    assert set(Permission) - used == {Permission.SEE_NAMES, Permission.SEE_SCORE}


def test_nothing_can_be_asked_for_by_a_face_and_nobody_followed() -> None:
    """No route takes a picture but the import of a list, none lists faces, tracks or a person's sightings."""
    banned = re.compile(
        r"search|face|probe|track|trajector|sighting|unmatched|similar|follow|gallery"
    )
    taken_in_bulk = []
    for route in all_routes():
        names = [one.name for one in route.dependant.query_params]
        assert not banned.search(route.path), route.path
        assert not [name for name in names if banned.search(name)], route.path
        if streamed in set(calls_of(route)):
            taken_in_bulk.append(route.path.removeprefix("/api/v1"))
    assert set(taken_in_bulk) == {"/deployments/{deployment_id}/watchlist/import"}


def test_every_answer_has_the_strict_headers(served: Served, doors: list[Door]) -> None:
    client = served.client()
    for path in ("/sign-in", "/", "/no-such-page", "/api/v1/status", "/static/lookout.css"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == ("no-cache" if "static" in path else "no-store")
