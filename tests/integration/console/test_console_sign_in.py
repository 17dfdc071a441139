"""The door over HTTP: cookies, lockout, links, the identity provider, the end of sessions."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from lookout_console.accounts.credentials import csrf_of
from lookout_console.accounts.oidc import Provider, ProviderSettings
from lookout_console.domain.roles import Role
from lookout_console.web.callers import DOOR_COOKIE, SESSION_COOKIE
from support.console_world import PASSWORD, make_world
from support.openid_provider import CLIENT_ID, CLIENT_SECRET, openid_provider
from support.served_console import Served, serve


@pytest.fixture(name="own")
def own_fixture(tmp_path: Path) -> Iterator[Served]:
    with serve(make_world(tmp_path)) as served:
        yield served


def form_at(client: httpx.Client, path: str = "/sign-in") -> str:
    """The word of the form on a page of this browser."""
    assert client.get(path).status_code == 200
    return csrf_of(client.cookies[DOOR_COOKIE])


def signs_in(client: httpx.Client, name: str, password: str) -> httpx.Response:
    word = form_at(client)
    return client.post("/sign-in", data={"name": name, "password": password, "csrf": word})


def test_the_cookie_of_a_session_is_out_of_reach_of_scripts_and_other_sites(own: Served) -> None:
    client = own.client()
    answer = signs_in(client, "auditor-1", PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    given = [one for one in answer.headers.get_list("set-cookie") if SESSION_COOKIE in one]
    assert len(given) == 1
    assert "HttpOnly" in given[0]
    assert "SameSite=strict" in given[0]
    assert client.get("/").status_code == 200


def test_with_tls_cookies_are_bound_to_it_and_the_host_and_browsers_stay_with_https(
    tmp_path: Path,
) -> None:
    world = make_world(tmp_path)
    world.office.door = replace(world.office.door, tls=True)
    with serve(world) as served:
        answer = served.client().get("/sign-in")
    (given,) = answer.headers.get_list("set-cookie")
    assert given.startswith(f"__Host-{DOOR_COOKIE}=")
    assert "Secure" in given
    assert "Path=/" in given
    assert answer.headers["strict-transport-security"].startswith("max-age=63072000")


def test_wrong_passwords_lock_with_a_wait_that_is_said_and_the_right_one_does_not_help(
    own: Served,
) -> None:
    client = own.client()
    for _ in range(5):
        answer = signs_in(client, "auditor-1", "wrong password")
        assert answer.status_code == 401
        assert SESSION_COOKIE not in client.cookies
    locked = signs_in(client, "auditor-1", PASSWORD)
    assert locked.status_code == 401
    assert "wait" in locked.text
    assert PASSWORD not in locked.text
    own.world.clock.ahead += timedelta(seconds=16)
    assert signs_in(client, "auditor-1", PASSWORD).status_code == 303


def test_a_session_from_before_the_sign_in_is_not_the_one_after_it(own: Served) -> None:
    client = own.client(cookies={SESSION_COOKIE: "chosen-by-somebody-else"})
    signs_in(client, "auditor-1", PASSWORD)
    values = {cookie.value for cookie in client.cookies.jar if cookie.name == SESSION_COOKIE}
    assert any(value != "chosen-by-somebody-else" for value in values)
    fixed = own.client(cookies={SESSION_COOKIE: "chosen-by-somebody-else"})
    assert fixed.get("/", headers={"accept": "application/json"}).status_code == 401


def test_signing_out_ends_the_session_in_the_store(own: Served) -> None:
    person = own.signed_in(own.world.actors[Role.AUDITOR])
    assert person.get("/").status_code == 200
    answer = person.post("/sign-out")
    assert answer.status_code == 303
    assert "storage" in answer.headers["clear-site-data"]
    again = own.client(cookies={SESSION_COOKIE: person.cookie})
    assert again.get("/").headers["location"] == "/sign-in"


def test_a_link_is_used_up_by_the_press_and_not_by_being_fetched(own: Served) -> None:
    auditor = own.world.actors[Role.AUDITOR].account_id
    link = own.world.office.credentials.make_link(auditor, by="test", reason="demonstration")
    for _ in range(3):  # whatever looks at links ahead
        assert own.client().get(f"/sign-in/link/{link}").status_code == 200
    client = own.client()
    word = form_at(client, f"/sign-in/link/{link}")
    assert client.post("/sign-in/link", data={"link": link, "csrf": word}).status_code == 303
    assert client.get("/audit").status_code == 200
    late = own.client()
    word = form_at(late, f"/sign-in/link/{link}")
    answer = late.post("/sign-in/link", data={"link": link, "csrf": word})
    assert answer.status_code == 401
    assert "used already" in answer.text


def test_an_idle_session_ends_and_its_open_stream_does_not_keep_it(own: Served) -> None:
    person = own.signed_in(own.world.actors[Role.AUDITOR])
    assert person.get("/").status_code == 200
    for _ in range(3):
        own.world.clock.ahead += timedelta(minutes=11)
        with person.client.stream("GET", "/events?view=page") as stream:
            status = stream.status_code
    assert status == 401
    assert person.get("/").headers["location"] == "/sign-in"


def test_where_local_accounts_are_off_no_password_opens_the_door(own: Served) -> None:
    own.world.office.local_accounts = False
    client = own.client()
    assert "Password" not in client.get("/sign-in").text
    assert signs_in(client, "auditor-1", PASSWORD).status_code == 404
    assert SESSION_COOKIE not in client.cookies


def test_an_account_of_the_identity_provider_signs_in_with_its_groups_roles(tmp_path: Path) -> None:
    with openid_provider() as given:
        settings = ProviderSettings(
            issuer=given.issuer,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            redirect_uri="",
            roles={"lfr-operators": "lfr_operator"},
        )
        world = make_world(tmp_path)
        with serve(world) as served:
            back = f"{served.base}/sign-in/provider/back"
            world.office.provider = Provider(replace(settings, redirect_uri=back))
            client = served.client()
            there = client.get("/sign-in/provider")
            kept = there.headers["set-cookie"]
            assert "SameSite=lax" in kept
            assert "HttpOnly" in kept
            answer = client.get(httpx.get(there.headers["location"]).headers["location"])
            # A page and not a redirect: the strict cookie is not sent along a way that began elsewhere.
            assert answer.status_code == 200
            assert client.get("/alerts").status_code == 200
            assert client.get("/audit").status_code == 403
            (account,) = [one for one in world.office.register.all() if not one.local]
            assert account.roles == {"lfr_operator"}
            again = client.get("/sign-in/provider")
            client.get(httpx.get(again.headers["location"]).headers["location"])
            signed = world.office.desk.audit.page(action="account.signed_in")
            assert [one.actor for one in signed] == [account.account_id]
            # Another browser cannot finish what this one began.
            there = client.get("/sign-in/provider")
            stolen = httpx.get(there.headers["location"]).headers["location"]
            assert served.client().get(stolen).status_code == 401
            given.claims = {"groups": ["canteen"]}
            there = client.get("/sign-in/provider")
            answer = client.get(httpx.get(there.headers["location"]).headers["location"])
            assert answer.status_code == 401
            assert "no role" in answer.text
