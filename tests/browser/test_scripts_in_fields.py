"""Markup in every text field is shown as text: nothing of it becomes an element, nothing runs, the policy has nothing to refuse."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from lookout_console.domain.roles import Role
from playwright.sync_api import Page, expect
from support.console_browser import Visitors, decide, take_step
from support.console_world import archive_of, drawn_face, row_of
from support.served_console import Served

MARKUP: Final = (
    "\"'><img src=x data-marker onerror=\"ran('field')\"><script data-marker>ran('field')</script>"
    "<svg data-marker onload=ran()>${ran()}{{ ran() }}"
)
_REASON: Final = f"{MARKUP} the ears and the jaw agree"


class Alarm:
    """Hears if a marker runs, in whichever page, and looks for elements that came out of one."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.looked_at: list[str] = []

    def watch(self, page: Page) -> Page:
        page.expose_function("ran", lambda *what: self.ran.append(f"{page.url} {what}"))
        page.on("dialog", lambda dialog: self.ran.append(f"{page.url} dialog {dialog.message}"))
        return page

    def look(self, page: Page, *paths: str) -> None:
        """Open pages on which the markup must stand as text, and be nothing more."""
        for path in paths:
            page.goto(path)
            assert "onerror=" in page.locator("body").inner_text(), f"not shown on {path}"
            self.check(page)

    def check(self, page: Page) -> None:
        assert page.locator("[data-marker]").count() == 0, f"an element on {page.url}"
        self.looked_at.append(page.url)


def test_markup_in_every_text_field_stays_text(
    served: Served, visitors: Visitors, tmp_path: Path
) -> None:
    world, alarm = served.world, Alarm()
    people = {role: alarm.watch(visitors.somebody(actor)) for role, actor in world.actors.items()}
    commander, authorising = people[Role.COMMANDER], people[Role.AUTHORISING_OFFICER]
    officer, operator = people[Role.WATCHLIST_OFFICER], people[Role.LFR_OPERATOR]
    street, auditor = people[Role.ENGAGEMENT_OFFICER], people[Role.AUDITOR]
    administrator = people[Role.ADMINISTRATOR]

    # The draft.
    commander.goto("/deployments/new")
    now = world.clock()
    for label, text in {
        "Title": MARKUP[:120],
        "Location": MARKUP,
        "Why people on the list": MARKUP,
        "Opens (UTC)": f"{now - timedelta(minutes=2):%Y-%m-%dT%H:%M}",
        "Closes (UTC)": f"{now + timedelta(hours=5):%Y-%m-%dT%H:%M}",
        "Cameras": "van-1",
    }.items():
        commander.get_by_label(label).fill(text)
    commander.get_by_label("Crime hotspot").check()
    commander.get_by_label("One person").check()
    commander.get_by_role("button", name="Save the draft").click()
    deployment = commander.url.removeprefix(served.base)
    deployment_id = deployment.rsplit("/", 1)[1]
    alarm.look(commander, "/deployments", deployment, f"{deployment}/notice", "/")

    # The import: every column that takes words, and the name of the file.
    words = ("reason", "legal_basis", "image_source", "requested_by", "contact", "extra_authority")
    marked = row_of(MARKUP, picture="one.jpg", name=MARKUP, **dict.fromkeys(words, MARKUP))
    archive = tmp_path / "<img src=x data-marker onerror=ran()>.zip"
    wrong = row_of("reference-18", category=MARKUP, picture="one.jpg")
    archive.write_bytes(archive_of([marked, wrong], {"one.jpg": drawn_face(1)}))
    officer.goto(f"{deployment}/watchlist")
    officer.get_by_label("File").set_input_files(archive)
    officer.get_by_role("button", name="Import").click()
    expect(officer.get_by_text("2 of 2 rows looked at")).to_be_visible()
    alarm.check(officer)
    alarm.look(officer, f"{deployment}/watchlist")
    officer.get_by_role("button", name="Freeze the list").click()
    expect(officer.get_by_text("Frozen", exact=True)).to_be_visible()

    # Authority, and live.
    commander.goto(deployment)
    take_step(commander, "Apply for authority", MARKUP)
    authorising.goto(deployment)
    take_step(authorising, "Authorise", MARKUP)
    commander.goto(deployment)
    take_step(commander, "Go live", MARKUP)
    alarm.look(authorising, deployment)

    # An alert into open pages, words into open pages, then a decision, a meeting and an outcome.
    operator.goto("/alerts")
    street.goto("/handset")
    expect(street.locator(".state b")).to_have_text("LIVE")
    alert_id = world.alert(deployment_id, " ".join(MARKUP.split())[:120])
    for page in (operator, street):
        expect(page.locator(f"#alert-{alert_id}")).to_contain_text("onerror=")
        alarm.check(page)
    street.get_by_role("button", name="Messages with the van").click()
    street.get_by_label("Message", exact=True).fill(MARKUP)
    street.get_by_role("button", name="Send to everybody on shift").click()
    operator.get_by_role("button", name="Messages").click()
    expect(operator.locator("#messages li")).to_contain_text("onerror=")
    for page in (operator, street):
        alarm.check(page)
    operator.goto(f"/alerts/{alert_id}")
    alarm.check(operator)
    decide(operator, "Same person", _REASON)
    alarm.look(street, f"/alerts/{alert_id}")
    street.get_by_label("Confirmed true").check()
    street.get_by_label("Identity was established by").select_option("document")
    street.get_by_label("What happened").fill(_REASON)
    street.get_by_role("button", name="Record").click()
    street.get_by_label("No further action").check()
    street.get_by_label("Reason").fill(_REASON)
    street.get_by_role("button", name="Record").click()
    alarm.look(street, f"/alerts/{alert_id}")

    # Accounts, tokens, webhooks, the audit and its search.
    administrator.goto("/accounts")
    account = administrator.locator("form[action='/accounts']")
    for label, text in {
        "Sign-in name": "marked-1",
        "Shown as": MARKUP[:120],
        "Reason": MARKUP,
    }.items():
        account.get_by_label(label).fill(text)
    account.get_by_label("Auditor").check()
    account.get_by_role("button", name="Make the account").click()
    alarm.look(administrator, "/accounts")
    administrator.goto("/tokens")
    administrator.get_by_label("What it is for").fill(MARKUP[:120])
    administrator.get_by_label("Role").select_option("administrator")
    administrator.get_by_role("button", name="Make the token").click()
    alarm.look(administrator, "/tokens")
    auditor.goto("/membership")
    for label in ("Reference", "Reason"):
        auditor.get_by_label(label).first.fill(MARKUP[:120])
    auditor.locator("main form button").first.click()
    alarm.check(auditor)
    alarm.look(auditor, "/audit", f"{deployment}/record")
    auditor.get_by_role("link", name="Audit").click()
    auditor.locator("input[name=actor]").fill(MARKUP[:100])
    auditor.get_by_role("button", name="Show").click()
    alarm.check(auditor)

    assert alarm.ran == []
    assert len(alarm.looked_at) >= 18
