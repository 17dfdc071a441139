"""The handset over HTTP: ledger, canary, check, wipe, and a shell that holds nothing."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from lookout_console.domain.alerts import Verdict
from lookout_console.domain.deployments import Step
from lookout_console.domain.roles import Role
from lookout_console.web.rendering import STATIC
from support.console_world import make_world
from support.served_console import Served, serve


@pytest.fixture(name="own")
def own_fixture(tmp_path: Path) -> Iterator[Served]:
    with serve(make_world(tmp_path, canary_every=timedelta(seconds=1))) as served:
        yield served


def listened(own: Served, deployment_id: str, wanted: str, role: Role) -> dict[str, str]:
    """Open a stream as a handset does and wait for one event."""
    person = own.signed_in(own.world.actors[role])
    url = f"/events?view=handset&deployment={deployment_id}&after={own.world.office.hub.here()}"
    with person.client.stream("GET", url) as stream:
        kind = ""
        for text in stream.iter_lines():
            if text.startswith("event: "):
                kind = text.removeprefix("event: ")
            if text.startswith("data: ") and kind == wanted:
                found: dict[str, str] = json.loads(text.removeprefix("data: "))
                return found
    raise AssertionError(f"the stream ended without {wanted}")


def test_what_a_handset_has_and_answers_is_in_the_ledger_and_the_van_sees_it(own: Served) -> None:
    deployment_id = own.world.live()
    alert_id = own.world.alert(deployment_id)
    street = own.signed_in(own.world.actors[Role.ENGAGEMENT_OFFICER])
    assert alert_id in street.get("/handset").text
    street.post("/handset/delivered", alert_id=alert_id)
    early = street.post("/handset/answer", alert_id=alert_id, answer="engaging")
    assert early.status_code == 409
    assert "not been found viable yet" in early.text
    own.world.decide(alert_id, Verdict.SAME, Role.LFR_OPERATOR, Role.ENGAGEMENT_OFFICER)
    street.post("/handset/answer", alert_id=alert_id, answer="engaging")
    (delivery,) = own.world.office.alerts.get(alert_id).deliveries
    assert delivery.answer == "engaging"
    van = own.signed_in(own.world.actors[Role.LFR_OPERATOR]).get(f"/alerts/{alert_id}").text
    assert "1 have it, 1 answered" in van


def test_a_canary_comes_every_so_often_and_its_answer_proves_the_path(own: Served) -> None:
    deployment_id = own.world.live()
    street = own.signed_in(own.world.actors[Role.ENGAGEMENT_OFFICER])
    street.get("/handset")
    canary = listened(own, deployment_id, "canary", Role.ENGAGEMENT_OFFICER)
    (handset,) = own.world.office.shift.handsets(deployment_id)
    assert handset.proven_at is None
    street.post("/handset/canary", canary_id=canary["id"])
    (handset,) = own.world.office.shift.handsets(deployment_id)
    assert handset.proven_at is not None
    overview = own.signed_in(own.world.actors[Role.LFR_OPERATOR]).get("/").text
    assert "Connected" in overview
    assert re.search(r'data-since="\d+">0:00</span> ago', overview)


def test_a_handset_that_is_not_heard_of_is_shown_as_not_connected(own: Served) -> None:
    deployment_id = own.world.live()
    own.signed_in(own.world.actors[Role.ENGAGEMENT_OFFICER]).get("/handset")
    own.world.clock.ahead += timedelta(seconds=20)
    (handset,) = own.world.office.shift.handsets(deployment_id)
    assert not handset.online
    assert "Not connected" in own.signed_in(own.world.actors[Role.COMMANDER]).get("/").text


def test_the_pre_shift_check_walks_a_test_alert_to_the_console_and_the_handsets(
    own: Served,
) -> None:
    deployment_id = own.world.live()
    street = own.signed_in(own.world.actors[Role.ENGAGEMENT_OFFICER])
    street.get("/handset")
    commander = own.signed_in(own.world.actors[Role.COMMANDER])
    assert "Not started" in commander.get("/check").text
    hub = own.world.office.hub
    start = hub.position(hub.here())
    assert start is not None
    assert commander.post("/check").status_code == 303
    (test,) = own.world.office.alerts.all(deployment_id)
    told = b"".join(hub.news(start, views=["check", "handset"], scope=deployment_id).lines)
    assert told.count(test.alert_id.encode()) >= 2
    assert b"nobody is sought" in told
    page = commander.get("/check").text
    assert "Not yet" in page
    assert "0 of 1" in page
    commander.post("/check/seen", check_id=test.alert_id)
    street.post("/handset/answer", alert_id=test.alert_id, answer="seen")
    page = commander.get("/check").text
    assert "Shown" in page
    assert "1 of 1" in page
    # It counts in no record, and nobody outside is told.
    rows = own.world.office.records.record(deployment_id).sections[1].rows
    assert [row.value for row in rows if row.words == "Alerts"] == ["0"]


def test_a_lost_handset_is_told_to_forget_and_its_officer_is_signed_out(own: Served) -> None:
    deployment_id = own.world.live()
    own.world.alert(deployment_id)
    actor = own.world.actors[Role.ENGAGEMENT_OFFICER]
    street = own.signed_in(actor)
    street.get("/handset")
    hub = own.world.office.hub
    start = hub.position(hub.here())
    assert start is not None
    van = own.signed_in(own.world.actors[Role.LFR_OPERATOR])
    assert (
        van.post(f"/handsets/{actor.account_id}/wipe", reason="left on a tram").status_code == 303
    )
    news = hub.news(start, views=[f"to:{actor.account_id}"], scope=deployment_id)
    assert any(b"event: wipe" in line for line in news.lines)
    assert street.get("/handset").headers["location"] == "/sign-in"
    # Signed in anew on the same device it shows nothing either, until the van gives it back.
    again = own.signed_in(actor)
    assert again.get("/handset").headers["location"] == "/handset/wiped"
    assert "cache" in again.get("/handset/wiped").headers["clear-site-data"]
    van.post(f"/handsets/{actor.account_id}/return")
    assert again.get("/handset").status_code == 200


def test_the_end_of_the_deployment_wipes_every_handset(own: Served) -> None:
    deployment_id = own.world.live()
    hub = own.world.office.hub
    start = hub.position(hub.here())
    assert start is not None
    commander = own.world.actors[Role.COMMANDER]
    own.world.office.deployments.step(commander, deployment_id, Step.END, "over")
    news = hub.news(start, views=["handset"], scope=deployment_id)
    assert any(b"event: wipe" in line for line in news.lines)


def test_the_shell_that_a_handset_keeps_is_the_same_for_everybody_and_holds_no_alert(
    own: Served,
) -> None:
    alert_id = own.world.alert(own.world.live())
    listed = re.search(r"KEPT = \[(.*?)\]", (STATIC / "worker.js").read_text(), re.DOTALL)
    assert listed is not None
    kept = re.findall(r'"(/[^"]+)"', listed.group(1))
    assert len(kept) > 3
    street = own.signed_in(own.world.actors[Role.ENGAGEMENT_OFFICER])
    stranger = own.client()
    for path in kept:
        known, unknown = street.get(path), stranger.get(path)
        assert (known.status_code, known.content) == (200, unknown.content), path
        assert alert_id not in known.text


def test_the_van_and_the_street_read_each_others_words(own: Served) -> None:
    deployment_id = own.world.live()
    van = own.signed_in(own.world.actors[Role.LFR_OPERATOR])
    street = own.signed_in(own.world.actors[Role.ENGAGEMENT_OFFICER])
    van.post("/messages", words="Team two to the north door, please.")
    street.post("/messages", words="On our way.")
    for person, path in ((van, "/alerts"), (street, "/handset")):
        text = person.get(path).text
        assert text.index("Team two") < text.index("On our way.")
    assert len(own.world.office.shift.words(deployment_id)) == 2
