"""The pictures of the documentation: the real pages with the demonstration's photographs. Written only if asked to;
what they show is checked either way."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from lookout.events import Category, Response
from lookout_console.domain.alerts import (
    Disposal,
    IdentityBy,
    Truth,
    Verdict,
)
from lookout_console.domain.roles import Role
from playwright.sync_api import Page, expect
from support.browser_faces import Faces
from support.console_browser import Screens, Visitors
from support.console_world import World, archive_of, row_of
from support.served_console import Served

# The photographs show people whom anybody may know: nothing is said of them that could be believed.
_NOTHING: Final = "Demonstration entry: nothing is alleged of this person"
ROWS: Final = tuple(
    row_of(
        reference,
        name=f"Demonstration {reference}",
        category=category,
        response=response,
        reason=_NOTHING,
        legal_basis="demonstration",
        image_source="Free photograph",
        requested_by="Demonstration",
        contact="Demonstration desk" if response == "red" else "",
    )
    for reference, category, response in (
        ("reference-17", "missing_at_risk", "amber"),
        ("reference-23", "missing_at_risk", "red"),
        ("reference-31", "witness", "green"),
    )
)


def _pictures(faces: Faces) -> dict[str, bytes]:
    return {
        row["picture"]: face
        for row, face in zip(ROWS, (*faces.listed, *faces.listed), strict=False)
    }


def _busy_shift(world: World, faces: Faces) -> tuple[str, str]:
    """A live deployment with three alerts that wait: its id, and the id of the first alert."""
    deployment_id = world.live(rows=ROWS, pictures=_pictures(faces))
    world.office.deployments.count_faces(deployment_id, 18_342)
    first = ""
    for row, seen, ago in zip(ROWS, faces.seen, (48, 26, 7), strict=True):
        alert_id = world.alert(
            deployment_id,
            row["reference"],
            picture=seen,
            response=Response(row["response"]),
            category=Category(row["category"]),
            ago=timedelta(seconds=ago),
            demonstration=True,
        )
        first = first or alert_id
    return deployment_id, first


_DRAWN: Final = """() => Promise.all([...document.images]
  .filter((one) => one.getBoundingClientRect().top < innerHeight)
  .map((one) => one.decode()))"""


def _shown(page: Page) -> None:
    """Wait until the stream has spoken and every picture in sight is drawn."""
    expect(page.locator(".state b")).to_have_text("LIVE")
    page.evaluate(_DRAWN)


def test_pictures_of_the_queue_and_of_a_decision(
    served: Served, visitors: Visitors, faces: Faces, screens: Screens
) -> None:
    world = served.world
    _, first = _busy_shift(world, faces)
    officer = visitors.handset(world.actors[Role.ENGAGEMENT_OFFICER])
    officer.goto("/handset")
    page = visitors.somebody(world.actors[Role.LFR_OPERATOR], height=1040)
    page.goto("/alerts")
    world.office.alerts.claim(world.actors[Role.LFR_OPERATOR], first)
    expect(page.locator(f"#alert-{first}")).to_contain_text("has this one")
    _shown(page)
    assert page.locator(".card").count() == 3
    screens.take(page, "queue")

    page.set_viewport_size({"width": 1440, "height": 1316})
    page.goto(f"/alerts/{first}")
    page.get_by_label("Same person").first.check()
    page.get_by_role("group", name="The person").get_by_label("Nothing against").check()
    page.get_by_role("group", name="The system").get_by_label("Nothing against").check()
    page.get_by_role("group", name="The surroundings").get_by_label("Poor light").check()
    page.get_by_label("Reason, in words of your own").fill(
        "The ears, the line of the jaw and the spacing of the brows agree in both pictures."
    )
    page.evaluate("document.activeElement.blur()")
    _shown(page)
    screens.take(page, "adjudication")


def test_picture_of_the_handset(
    served: Served, visitors: Visitors, faces: Faces, screens: Screens
) -> None:
    world = served.world
    _busy_shift(world, faces)
    page = visitors.handset(world.actors[Role.ENGAGEMENT_OFFICER], device_scale_factor=2)
    page.goto("/handset")
    expect(page.locator(".card").first).to_be_in_viewport(ratio=1)
    _shown(page)
    screens.take(page, "handset")


def test_picture_of_a_watchlist_import(
    served: Served, visitors: Visitors, faces: Faces, screens: Screens, tmp_path: Path
) -> None:
    world = served.world
    deployment_id = world.office.deployments.draft(world.actors[Role.COMMANDER], world.plan())
    archive = tmp_path / "friday.zip"
    rows = [
        *ROWS,
        row_of("reference-40", response="red", picture=ROWS[0]["picture"]),
        row_of("reference-41", image_date="2019-05-02", picture=ROWS[1]["picture"]),
    ]
    archive.write_bytes(archive_of(rows, _pictures(faces)))
    page = visitors.somebody(world.actors[Role.WATCHLIST_OFFICER], theme="light", height=1180)
    page.goto(f"/deployments/{deployment_id}/watchlist")
    page.get_by_label("File").set_input_files(archive)
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("5 of 5 rows looked at")).to_be_visible()
    expect(page.get_by_text("red needs a contact: who is called at once")).to_be_visible()
    expect(page.get_by_text("the picture is older than five years")).to_be_visible()
    page.get_by_role("link", name="Read the list again").click()
    expect(page.get_by_role("rowheader", name="reference-17")).to_be_visible()
    screens.take(page, "watchlist")


def test_picture_of_a_deployment_record(
    served: Served, visitors: Visitors, faces: Faces, screens: Screens
) -> None:
    world = served.world
    deployment_id = world.live(rows=ROWS, pictures=_pictures(faces))
    world.office.deployments.count_faces(deployment_id, 18_342)
    officer = world.actors[Role.ENGAGEMENT_OFFICER]
    found, other = (world.alert(deployment_id, row["reference"]) for row in ROWS[:2])
    world.decide(found, Verdict.SAME, Role.LFR_OPERATOR, Role.ENGAGEMENT_OFFICER)
    world.decide(other, Verdict.DIFFERENT, Role.LFR_OPERATOR)
    world.office.alerts.engage(
        officer,
        found,
        truth=Truth.CONFIRMED_TRUE,
        identity_by=IdentityBy.DOCUMENT,
        minutes=6,
        reason="Demonstration.",
    )
    world.office.alerts.record_outcome(
        officer,
        found,
        disposal=Disposal.MISSING_PERSON_FOUND,
        reason="Demonstration.",
        sex="male",
        age_band="35_49",
    )
    world.clock.ahead = timedelta(hours=3, minutes=52)
    world.end(deployment_id)
    page = visitors.somebody(world.actors[Role.AUDITOR], theme="light", height=1180)
    page.goto(f"/deployments/{deployment_id}/record")
    expect(page.get_by_role("row", name="Confirmed true 1")).to_be_visible()
    screens.take(page, "record")
