"""Requests that no page sends: every route answers each of them, and none with a fault of its own."""

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from lookout_console.accounts.credentials import csrf_of
from lookout_console.domain.roles import ALLOWED, Role
from lookout_console.web.app import ROUTERS
from lookout_console.web.callers import Guard
from support.console_world import make_world, row_of
from support.fuzzing import TRIED, fuzzed
from support.served_console import Served, serve

# A stream does not end, and whoever signs out is nobody.
_APART = {"/events", "/sign-out"}
ROUTES = [
    route
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and route.path not in _APART
]
_SAID = (
    *("2026-11-28T12:00", "9999-12-31T23:59", "0001-01-01T00:00", "-1", "0", "1e308", "NaN"),
    *("hotspot", "same", "auditor", "located", "true", "on", "same_person", "\ud7ff", "\x7f", "%"),
)
_TEXTS = st.one_of(st.text(max_size=40), st.sampled_from(_SAID))


@pytest.fixture(name="served", scope="module")
def served_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(make_world(tmp_path_factory.mktemp("console"))) as served:
        yield served


@pytest.fixture(name="ids", scope="module")
def ids_fixture(served: Served) -> tuple[str, ...]:
    """Ids that are there, so that what lies behind their look-up is met, too."""
    deployment_id = served.world.live(rows=[row_of("reference-17"), row_of("reference-18")])
    return deployment_id, served.world.alert(deployment_id)


def _fields(route: APIRoute) -> list[str]:
    """What a form or a query of the route may hold."""
    found = [one.name for one in (*route.dependant.query_params, *route.dependant.body_params)]
    return sorted({*found, "reason", "roles", "opens_at", "closes_at", "verdict", "words", "state"})


def _may(route: APIRoute) -> Role:
    guards = [one.call for one in route.dependant.dependencies if isinstance(one.call, Guard)]
    return min(ALLOWED[guards[0].permission]) if guards else Role.AUDITOR


@fuzzed(50)
@given(data=st.data())
def test_no_request_is_a_fault(served: Served, ids: tuple[str, ...], data: st.DataObject) -> None:
    route = data.draw(st.sampled_from(ROUTES))
    method = data.draw(st.sampled_from(sorted(route.methods or ())))
    TRIED["console: requests"] += 1
    values = st.one_of(_TEXTS, st.sampled_from(ids))
    url = re.sub(r"\{\w+\}", lambda _: quote(data.draw(values) or "x", safe=""), route.path)
    fields = data.draw(st.dictionaries(st.sampled_from(_fields(route)), values, max_size=6))
    person = served.signed_in(served.world.actors[_may(route)])
    headers = {"x-csrf": csrf_of(person.cookie), "x-file-name": quote(data.draw(values))}
    if method == "GET":
        answer = person.client.get(url, params=fields)
    elif data.draw(st.booleans()):
        answer = person.client.post(url, data=fields, headers=headers)
    else:
        answer = person.client.post(
            url, content=data.draw(st.binary(max_size=200)), headers=headers
        )
    person.client.close()
    assert answer.status_code < 500, (method, url, fields, answer.text[:300])
