"""Pages that live: alerts come and nothing moves, a keyboard is enough, two officers at once, a handset without a connection."""

import re
from typing import Final

import pytest
from lookout.events import Category, Response
from lookout_console.domain.alerts import Adjudication
from lookout_console.domain.roles import Role
from playwright.sync_api import Page, expect
from support.console_browser import Visitors, decide
from support.console_world import row_of
from support.polling import until
from support.served_console import Served

_WATCH_SHIFTS: Final = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    window.shifts.push([entry.value, entry.sources.map((one) => (one.node?.outerHTML ?? "text").slice(0, 90))]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
_MOST_TABS: Final = 80


def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until what is wanted has the focus, as somebody without a mouse does."""
    for _ in range(_MOST_TABS):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"not reached by {_MOST_TABS} presses of Tab: {selector}")


def test_an_officer_claims_and_decides_an_alert_without_a_mouse(
    served: Served, visitors: Visitors
) -> None:
    world = served.world
    deployment_id = world.live(verifiers=1)
    world.alert(deployment_id)
    second = world.alert(deployment_id)
    page = visitors.somebody(world.actors[Role.LFR_OPERATOR])
    page.goto("/alerts")
    card = page.locator(f"#alert-{second}")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(card).to_be_focused()
    page.keyboard.press("c")
    expect(card.get_by_text("LFR operator 1 has this one")).to_be_visible()
    expect(card).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/alerts/{second}")
    _tab_to(page, "input[name=verdict]")
    page.keyboard.press("Space")
    for group in ("subject", "system", "environment"):
        _tab_to(page, f"input[name={group}]")
        page.keyboard.press("Space")
    _tab_to(page, "textarea")
    page.keyboard.type("The ears and the line of the jaw agree in both pictures.")
    _tab_to(page, "form[action$=verify] button")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The ears and the line of the jaw")).to_be_visible()
    assert world.office.alerts.get(second).adjudication is Adjudication.VIABLE


@pytest.mark.parametrize("view", ["queue", "handset"])
def test_nothing_that_was_there_moves_when_alerts_and_messages_come(
    served: Served, visitors: Visitors, view: str
) -> None:
    world = served.world
    long = "Failed to appear at the crown court, and may not enter the square while on bail. " * 4
    rows = [
        row_of("reference-17"),
        row_of("reference-23", response="red", contact="Control room, " * 9, reason=long),
    ]
    deployment_id = world.live(rows=rows)
    operator = world.actors[Role.LFR_OPERATOR]
    if view == "queue":
        page = visitors.somebody(operator)
        page.add_init_script(_WATCH_SHIFTS)
        page.goto("/alerts")
    else:
        page = visitors.handset(world.actors[Role.ENGAGEMENT_OFFICER])
        page.add_init_script(_WATCH_SHIFTS)
        page.goto("/handset")
    expect(page.locator(".state b")).to_have_text("LIVE")
    came = [
        world.alert(
            deployment_id, "reference-23", response=Response.RED, category=Category.MISSING_AT_RISK
        )
        if number % 2
        else world.alert(deployment_id)
        for number in range(6)
    ]
    world.office.shift.say(operator, deployment_id, "He wears a red coat.")
    expect(page.locator(f"#alert-{came[-1]} img").last).to_be_attached()
    world.office.alerts.claim(operator, came[0])
    expect(page.locator(f"#alert-{came[0]}")).to_contain_text("has this one")
    expect(page.locator("#unread")).to_have_text("1 new")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("window.shifts") == []


def test_of_two_officers_who_claim_one_alert_at_once_one_wins_and_the_other_is_told_who(
    served: Served, visitors: Visitors
) -> None:
    world = served.world
    alert_id = world.alert(world.live())
    first = visitors.somebody(world.actors[Role.LFR_OPERATOR])
    second = visitors.somebody(world.account(Role.LFR_OPERATOR, 2))
    # Their streams are held up, so that neither sees what the other does before pressing.
    for page in (first, second):
        page.route("**/events*", lambda route: route.abort())
        page.goto("/alerts")
    press = "document.querySelector('[data-claim]').requestSubmit()"
    first.evaluate(press)
    second.evaluate(press)
    until(lambda: bool(world.office.alerts.get(alert_id).claimed_by), "a claim")
    winner = world.office.alerts.get(alert_id).claimed_shown
    loser = second if winner == "LFR operator 1" else first
    expect(loser.locator(".standing")).to_contain_text(winner)


def test_a_decision_that_comes_after_anothers_is_not_recorded_and_says_so(
    served: Served, visitors: Visitors
) -> None:
    world = served.world
    alert_id = world.alert(world.live(verifiers=1))
    first = visitors.somebody(world.actors[Role.LFR_OPERATOR])
    second = visitors.somebody(world.account(Role.LFR_OPERATOR, 2))
    for page in (first, second):
        page.goto(f"/alerts/{alert_id}")
    decide(first, "Not the same person", "The ears differ, and so does the line of the jaw.")
    expect(first.get_by_text("The ears differ")).to_be_visible()
    decide(second, "Same person", "The eyes and the brow agree in the two pictures.")
    expect(second.get_by_text("Your decision was not recorded")).to_be_visible()
    assert world.office.alerts.get(alert_id).adjudication is Adjudication.FALSE_NOT_ENGAGED


def test_a_handset_says_that_it_is_offline_offers_nothing_and_catches_up(
    served: Served, visitors: Visitors
) -> None:
    world = served.world
    deployment_id = world.live()
    before = world.alert(deployment_id)
    page = visitors.handset(world.actors[Role.ENGAGEMENT_OFFICER])
    page.goto("/handset")
    expect(page.locator(".state b")).to_have_text("LIVE")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.context.set_offline(offline=True)
    expect(page.get_by_text("Offline. Alerts do not reach you.")).to_be_visible()
    expect(page.locator(f"#alert-{before}").get_by_role("button", name="Got it")).to_be_disabled()
    missed = world.alert(deployment_id)
    page.context.set_offline(offline=False)
    expect(page.locator(f"#alert-{missed}")).to_be_visible()
    expect(page.get_by_text("Offline. Alerts do not reach you.")).to_be_hidden()
    until(lambda: bool(world.office.alerts.get(missed).deliveries), "the handset acknowledges")


def test_a_handset_that_is_opened_offline_says_so_and_holds_no_alert(
    served: Served, visitors: Visitors
) -> None:
    world = served.world
    alert_id = world.alert(world.live())
    page = visitors.handset(world.actors[Role.ENGAGEMENT_OFFICER])
    page.goto("/handset")
    expect(page.locator(f"#alert-{alert_id}")).to_be_visible()
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    kept = page.evaluate(
        "caches.keys().then((names) => Promise.all(names.map((name) => caches.open(name)"
        ".then((cache) => cache.keys())))).then((all) => all.flat().map((one) => one.url))"
    )
    assert kept
    assert not [url for url in kept if "alert" in url]
    page.context.set_offline(offline=True)
    page.goto("/handset")
    expect(page.get_by_role("heading", name="Offline")).to_be_visible()
    assert alert_id not in page.content()


def test_a_handset_is_wiped_when_the_deployment_ends(served: Served, visitors: Visitors) -> None:
    world = served.world
    deployment_id = world.live()
    alert_id = world.alert(deployment_id)
    page = visitors.handset(world.actors[Role.ENGAGEMENT_OFFICER])
    page.goto("/handset")
    expect(page.locator(f"#alert-{alert_id}")).to_be_visible()
    world.end(deployment_id)
    page.wait_for_url("**/handset/wiped")
    expect(page.get_by_role("heading", name=re.compile("wiped"))).to_be_visible()
    assert page.evaluate("caches.keys()") == []


def test_stop_halts_within_a_second_and_every_page_says_so(
    served: Served, visitors: Visitors
) -> None:
    world = served.world
    world.live()
    watching = visitors.somebody(world.actors[Role.LFR_OPERATOR])
    watching.goto("/alerts")
    expect(watching.locator(".state b")).to_have_text("LIVE")
    page = visitors.somebody(world.actors[Role.COMMANDER])
    page.goto("/")
    page.get_by_role("button", name="STOP").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("The crowd is too dense to be stopped safely.")
    told = len(world.control.events)
    dialog.get_by_role("button", name="STOP", exact=True).click()
    until(lambda: len(world.control.events) > told, "the services are told", timeout_s=1.0)
    expect(watching.locator(".state b")).to_have_text("NOT RUNNING", timeout=2000)
