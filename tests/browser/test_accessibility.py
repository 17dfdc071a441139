"""Every page in dark and light: axe-core finds nothing, nothing pressed is small, nothing is wider than the window."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from fastapi.routing import APIRoute
from lookout.events import Category, Response
from lookout_console.domain.alerts import (
    IdentityBy,
    Truth,
    Verdict,
)
from lookout_console.domain.roles import Role
from lookout_console.web.app import ROUTERS
from playwright.sync_api import Browser, Page
from support.console_browser import Visitors, accessibility_faults, overflow, small_targets
from support.console_world import make_world, row_of
from support.served_console import Served, serve


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A shift with something on every page."""

    visitors: Visitors
    deployment_id: str
    waiting: str
    viable: str
    met: str

    def filled(self, path: str) -> str:
        return path.format(
            deployment=f"/deployments/{self.deployment_id}",
            waiting=f"/alerts/{self.waiting}",
            viable=f"/alerts/{self.viable}",
            met=f"/alerts/{self.met}",
        )


@pytest.fixture(name="scene", scope="module")
def scene_fixture(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with serve(make_world(tmp_path_factory.mktemp("world"))) as served:
        yield from _scene(browser, served)


def _scene(browser: Browser, served: Served) -> Iterator[Scene]:
    world = served.world
    rows = [
        row_of("reference-17"),
        row_of("reference-23", response="red", contact="Control room", category="missing_at_risk"),
        row_of("reference-99", category="no such category"),
    ]
    deployment_id = world.live(verifiers=1, rows=rows)
    waiting = world.alert(
        deployment_id, "reference-23", response=Response.RED, category=Category.MISSING_AT_RISK
    )
    viable, met = world.alert(deployment_id), world.alert(deployment_id)
    for alert_id in (viable, met):
        world.decide(alert_id, Verdict.SAME, Role.LFR_OPERATOR)
    officer = world.actors[Role.ENGAGEMENT_OFFICER]
    world.office.shift.heard(officer, deployment_id)
    world.office.shift.say(officer, deployment_id, "At the north door.")
    world.office.alerts.engage(
        officer,
        met,
        truth=Truth.CONFIRMED_TRUE,
        identity_by=IdentityBy.DOCUMENT,
        minutes=4,
        reason="Showed a licence.",
    )
    visitors = Visitors(browser=browser, served=served)
    yield Scene(
        visitors=visitors, deployment_id=deployment_id, waiting=waiting, viable=viable, met=met
    )
    visitors.leave()
    assert visitors.troubles == []


PAGES: dict[Role | None, tuple[str, ...]] = {
    None: ("/sign-in", "/sign-in/link/no-such-link", "/handset/offline", "/handset/wiped"),
    Role.LFR_OPERATOR: (
        "/",
        "/alerts",
        "{waiting}",
        "{met}",
        "/check",
        "{deployment}/record",
        "{deployment}/passes",
    ),
    Role.ENGAGEMENT_OFFICER: ("/handset", "{viable}", "{met}"),
    Role.COMMANDER: ("/deployments", "/deployments/new", "{deployment}", "{deployment}/watchlist"),
    Role.WATCHLIST_OFFICER: ("{deployment}/watchlist", "{deployment}/notice"),
    Role.AUTHORISING_OFFICER: ("{deployment}", "/evidence", "{deployment}/report"),
    Role.AUDITOR: ("/audit", "/membership", "/records", "{deployment}/record"),
    Role.ADMINISTRATOR: ("/accounts", "/tokens", "/audit", "/no-such-page"),
}
"""Every page, by somebody who has it; the last two are refusals."""


_NO_PAGES: Final = re.compile(r"/api/|/picture/|/record\.|/events$|/worker\.js$|/sign-in/provider")
"""Routes that answer with no page of ours."""


def test_every_route_that_answers_with_a_page_is_looked_at() -> None:
    wanted = {
        route.path.replace("/deployments/{deployment_id}", "{deployment}").replace(
            "/alerts/{alert_id}", "{waiting}"
        )
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ())
        if not _NO_PAGES.search(route.path)
    }
    looked_at = {path for paths in PAGES.values() for path in paths}
    assert {one.replace("{link}", "no-such-link") for one in wanted} <= looked_at


def _opened(scene: Scene, role: Role | None, **given: Any) -> Page:
    visitors = scene.visitors
    if role is None:
        return visitors.nobody(**given)
    return visitors.somebody(visitors.served.world.actors[role], **given)


def _faults(page: Page) -> list[str]:
    found = accessibility_faults(page) + small_targets(page)
    if over := overflow(page):
        found.append(f"{over} px wider than the window")
    return found


@pytest.mark.parametrize("role", PAGES, ids=str)
def test_every_page_of_a_role_is_accessible_in_dark_and_in_light(
    scene: Scene, role: Role | None
) -> None:
    page = _opened(scene, role)
    found: list[str] = []
    for path in PAGES[role]:
        page.goto(scene.filled(path))
        for theme in ("dark", "light"):
            page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            found += [f"{path} {theme}: {fault}" for fault in _faults(page)]
    page.context.close()
    assert not found, "\n".join(found)


def test_the_theme_that_was_chosen_is_what_the_next_page_comes_in(scene: Scene) -> None:
    page = _opened(scene, Role.LFR_OPERATOR)
    page.goto("/alerts")
    page.get_by_role("button", name="Light").click()
    page.wait_for_url("**/alerts")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


@pytest.mark.parametrize("opener", ["Keys ?", "Messages", "STOP"])
def test_dialogs_are_accessible_and_give_the_focus_back(scene: Scene, opener: str) -> None:
    role = Role.COMMANDER if opener == "STOP" else Role.LFR_OPERATOR
    page = _opened(scene, role)
    page.goto("/alerts")
    page.get_by_role("button", name=opener).focus()
    page.keyboard.press("Enter")
    page.locator("dialog[open]").wait_for()
    assert accessibility_faults(page) + small_targets(page) == []
    page.keyboard.press("Escape")
    assert opener.split(maxsplit=1)[0] in page.evaluate("document.activeElement.textContent")
    page.context.close()


@pytest.mark.parametrize(
    ("role", "path"),
    [
        (Role.LFR_OPERATOR, "/alerts"),
        (Role.LFR_OPERATOR, "{waiting}"),
        (Role.ENGAGEMENT_OFFICER, "/handset"),
        (Role.ENGAGEMENT_OFFICER, "{met}"),
        (Role.COMMANDER, "{deployment}"),
        (Role.WATCHLIST_OFFICER, "{deployment}/watchlist"),
        (Role.AUDITOR, "{deployment}/record"),
        (None, "/sign-in"),
    ],
)
def test_a_page_reflows_into_320_pixels(scene: Scene, role: Role | None, path: str) -> None:
    page = _opened(scene, role, width=320, height=640)
    page.goto(scene.filled(path))
    assert overflow(page) == 0
    assert small_targets(page) == []
    page.context.close()
