"""A deployment's whole life, by seven people in seven browsers, on the real application and a real store."""

import re
from datetime import timedelta
from pathlib import Path

from lookout.events import Decision, Deployment, DeploymentState
from lookout_console.domain.roles import Role
from playwright.sync_api import Page, expect
from support.console_browser import Visitors, decide, take_step
from support.console_world import archive_of, row_of
from support.polling import until
from support.served_console import Served

GROUNDS = "Three people on the list were seen on this square within the last week."


def moment(served: Served, **by: float) -> str:
    return (served.world.clock() + timedelta(**by)).strftime("%Y-%m-%dT%H:%M")


def stands(page: Page, words: str) -> None:
    expect(page.locator("li[aria-current=step]")).to_have_text(words)


def test_draft_authorise_live_alert_two_verifiers_outcome_record_purge_by_seven_people(
    served: Served, visitors: Visitors, tmp_path: Path
) -> None:
    world = served.world
    people = {role: visitors.signs_in(world.actors[role]) for role in Role}
    commander, authorising = people[Role.COMMANDER], people[Role.AUTHORISING_OFFICER]

    # The commander drafts.
    commander.goto("/deployments/new")
    commander.get_by_label("Title").fill("North Square, Friday")
    commander.get_by_label("Crime hotspot").check()
    commander.get_by_label("Location").fill("North Square, north door")
    commander.get_by_label("Why people on the list").fill(GROUNDS)
    commander.get_by_label("Opens (UTC)").fill(moment(served, minutes=-2))
    commander.get_by_label("Closes (UTC)").fill(moment(served, hours=5))
    commander.get_by_label("Cameras").fill("van-1, van-2")
    commander.get_by_role("button", name="Save the draft").click()
    stands(commander, "Draft")
    url = commander.url
    deployment_id = url.rsplit("/", 1)[1]

    # The watchlist officer imports and freezes.
    officer = people[Role.WATCHLIST_OFFICER]
    officer.goto(f"{url}/watchlist")
    archive = tmp_path / "people.zip"
    rows = [row_of("reference-17"), row_of("reference-18", category="no_such")]
    archive.write_bytes(archive_of(rows))
    officer.get_by_label("File").set_input_files(archive)
    officer.get_by_role("button", name="Import").click()
    expect(officer.get_by_text("2 of 2 rows looked at")).to_be_visible()
    expect(officer.get_by_text("category is one of", exact=False)).to_be_visible()
    officer.get_by_role("link", name="Read the list again").click()
    expect(officer.get_by_role("rowheader", name="reference-17")).to_be_visible()
    officer.get_by_role("button", name="Freeze the list").click()
    expect(officer.get_by_text("Frozen", exact=True)).to_be_visible()

    # Applied for by one, authorised by another.
    commander.goto(url)
    take_step(commander, "Apply for authority", "No less intrusive way finds these people.")
    stands(commander, "Applied for")
    authorising.goto(url)
    take_step(
        authorising, "Authorise", "Who, where and why are as applied for; I have seen the list."
    )
    stands(authorising, "Authorised")
    commander.goto(url)
    take_step(commander, "Go live", "The shift begins.")
    stands(commander, "Live")
    told = [event for event in world.control.events if isinstance(event, Deployment)]
    assert told[-1].state is DeploymentState.LIVE

    # An alert comes while the operator looks at the queue.
    operator, street = people[Role.LFR_OPERATOR], people[Role.ENGAGEMENT_OFFICER]
    operator.goto("/alerts")
    street.goto("/handset")
    expect(operator.locator(".state b")).to_have_text("LIVE")
    alert_id = world.alert(deployment_id)
    card = operator.locator(f"#alert-{alert_id}")
    expect(card).to_be_visible()
    expect(street.locator(f"#alert-{alert_id}")).to_be_visible()
    card.get_by_role("button", name="I have this one").click()
    expect(card.get_by_text("LFR operator 1 has this one")).to_be_visible()
    street.get_by_role("button", name="Got it").click()
    until(lambda: world.office.alerts.get(alert_id).deliveries[0].answer == "seen", "the answer")

    # Two verifiers, the second blind to the first.
    alert = f"/alerts/{alert_id}"
    operator.goto(alert)
    decide(operator, "Same person", "Same scar over the left brow and the same ears.")
    expect(operator.get_by_text("You have decided.")).to_be_visible()
    street.goto(alert)
    assert "scar over the left brow" not in street.content()
    decide(street, "Same person", "The ears and the line of the jaw agree in both.")
    expect(street.get_by_text("scar over the left brow")).to_be_visible()
    expect(street.get_by_role("heading", name="After meeting the person")).to_be_visible()

    # Met, and what came of it.
    street.get_by_label("Confirmed true").check()
    street.get_by_label("Identity was established by").select_option("document")
    street.get_by_label("Minutes the person was stopped").fill("7")
    street.get_by_label("What happened").fill("Gave a name and showed a licence.")
    street.get_by_role("button", name="Record").click()
    street.get_by_label("Arrest", exact=True).check()
    street.get_by_label("Reason").fill("Wanted on warrant; arrested without incident.")
    street.get_by_label("Sex").select_option("male")
    street.get_by_role("button", name="Record").click()
    expect(street.get_by_text("arrested without incident")).to_be_visible()
    kinds = [event.kind for event in world.control.events if isinstance(event, Decision)]
    assert [str(kind) for kind in kinds] == [
        "adjudication",
        "adjudication",
        "engagement",
        "outcome",
    ]

    # Ended, reviewed, recorded, purged.
    street.goto("/handset")
    commander.goto(url)
    take_step(commander, "End", "The shift is over.")
    stands(commander, "Ended")
    expect(street.get_by_role("heading", name="This handset is wiped")).to_be_visible()
    take_step(
        commander, "Sign the review", "One alert, right; no complaint; the north door is too dark."
    )
    stands(commander, "Reviewed")
    auditor = people[Role.AUDITOR]
    auditor.goto(f"{url}/record")
    expect(auditor.get_by_role("row", name=re.compile("^Confirmed true 1"))).to_be_visible()
    expect(auditor.get_by_role("row", name=re.compile("^Arrest 1"))).to_be_visible()
    assert "Name of reference-17" not in auditor.content()
    with auditor.expect_download() as waiting:
        auditor.get_by_role("link", name="PDF").click()
    assert Path(waiting.value.path()).read_bytes().startswith(b"%PDF")
    authorising.goto(url)
    take_step(authorising, "Purge people and pictures", "Nothing is held back.")
    stands(authorising, "Purged")
    operator.goto(alert)
    assert "reference-17" not in operator.content()
    expect(operator.get_by_text("The list is purged")).to_be_visible()

    # Everything is in the audit, and its chain holds; the administrator sees none of it.
    auditor.goto("/audit")
    expect(auditor.get_by_text("The chain holds")).to_be_visible()
    for action in ("deployment.purge", "record.export", "alert.view"):
        assert auditor.get_by_text(action, exact=True).count() > 0
    administrator = people[Role.ADMINISTRATOR]
    administrator.goto("/audit")
    expect(administrator.get_by_role("heading", name="Not for this role")).to_be_visible()
