"""Scripts in every text field: no page, fragment or export renders one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lookout.events import Category, Response
from lookout_console.actions.records import Record, Row, Section, as_csv
from lookout_console.domain.alerts import EnvironmentFactor, SubjectFactor, SystemFactor, Verdict
from lookout_console.domain.roles import Role
from support.console_world import World, make_world, row_of
from support.served_console import Served, serve

EVIL = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}"
RAW = re.compile(r"<img src=x|<script>alert|onerror=alert\(1\)>", re.IGNORECASE)


@pytest.fixture(name="own", scope="module")
def own_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(make_world(tmp_path_factory.mktemp("console"))) as served:
        yield served


def fill_everything(own: Served) -> tuple[str, str]:
    """A deployment and an alert with markup in every text that anybody can write."""
    world = own.world
    people = {role: own.signed_in(actor) for role, actor in world.actors.items()}
    commander = people[Role.COMMANDER]
    now = world.clock()
    made = commander.post(
        "/deployments",
        title=EVIL,
        use_case="hotspot",
        location=EVIL,
        rationale=EVIL,
        opens_at=now.replace(hour=0, minute=0).isoformat(),
        closes_at=now.replace(hour=23, minute=59, second=59).isoformat(),
        cameras=EVIL.replace(",", ""),
    )
    assert made.status_code == 303, made.text
    url = made.headers["location"]
    deployment_id = url.rsplit("/", 1)[1]
    rows = [
        row_of(
            EVIL,
            name=EVIL,
            picture="a.jpg",
            reason=EVIL,
            legal_basis=EVIL,
            image_source=EVIL,
            requested_by=EVIL,
            contact=EVIL,
            extra_authority=EVIL,
            vulnerable="yes",
        ),
        row_of("plain", picture="b.jpg", category=EVIL),
    ]
    world.listed(deployment_id, rows)
    assert people[Role.WATCHLIST_OFFICER].post(f"{url}/watchlist/freeze").status_code == 303
    assert commander.post(f"{url}/apply", reason=EVIL).status_code == 303
    assert people[Role.AUTHORISING_OFFICER].post(f"{url}/authorise", reason=EVIL).status_code == 303
    assert commander.post(f"{url}/go-live", reason=EVIL).status_code == 303
    alert_id = world.alert(
        deployment_id, EVIL, response=Response.RED, category=Category.RISK_OF_HARM
    )
    checked = {
        "verdict": str(Verdict.SAME),
        "subject": str(SubjectFactor.NOTHING_AGAINST),
        "system": str(SystemFactor.NOTHING_AGAINST),
        "environment": str(EnvironmentFactor.NOTHING_AGAINST),
        "reason": f"the ears and the jaw agree {EVIL}",
    }
    for role in (Role.LFR_OPERATOR, Role.ENGAGEMENT_OFFICER):
        assert people[role].post(f"/alerts/{alert_id}/verify", **checked).status_code == 303
        assert people[role].post("/messages", words=EVIL).status_code == 303
    street = people[Role.ENGAGEMENT_OFFICER]
    met = {"truth": "confirmed_true", "identity_by": "document", "reason": EVIL}
    assert street.post(f"/alerts/{alert_id}/engage", **met).status_code == 303
    came = {"disposal": "no_further_action", "reason": EVIL}
    assert street.post(f"/alerts/{alert_id}/outcome", **came).status_code == 303
    administrator = people[Role.ADMINISTRATOR]
    account = {"name": "x-y", "shown": EVIL, "roles": "auditor", "reason": EVIL}
    assert administrator.post("/accounts", **account).status_code == 303
    hook = {"url": "http://127.0.0.1:9/x", "label": EVIL, "hook_reason": EVIL}
    assert administrator.post("/webhooks", **hook).status_code == 200
    token = {"label": EVIL, "role": "auditor", "days": "3"}
    assert people[Role.AUDITOR].post("/tokens", **token).status_code == 200
    return url, alert_id


def pages_of(url: str, alert_id: str) -> dict[Role, list[str]]:
    return {
        Role.COMMANDER: [
            "/",
            "/alerts",
            f"/alerts/{alert_id}",
            "/deployments",
            url,
            f"{url}/notice",
        ],
        Role.WATCHLIST_OFFICER: [f"{url}/watchlist"],
        Role.AUTHORISING_OFFICER: [f"{url}/watchlist", url, f"{url}/record", "/evidence"],
        Role.LFR_OPERATOR: ["/alerts", f"/alerts/{alert_id}?verdict={EVIL}", "/check"],
        Role.ENGAGEMENT_OFFICER: ["/handset", f"/alerts/{alert_id}"],
        Role.AUDITOR: [
            "/audit",
            f"/audit?actor={EVIL}&action={EVIL}",
            f"{url}/record",
            f"{url}/record.html",
            "/tokens",
            "/membership",
        ],
        Role.ADMINISTRATOR: ["/accounts", f"/no/such/{EVIL}", f"/alerts/{EVIL}"],
    }


def test_no_page_renders_what_anybody_wrote_as_markup(own: Served) -> None:
    url, alert_id = fill_everything(own)
    escaped = 0
    for role, paths in pages_of(url, alert_id).items():
        person = own.signed_in(own.world.actors[role])
        for path in paths:
            text = person.get(path).text
            assert not RAW.search(text), f"{role} {path}"
            assert "&lt;/script&gt;49" not in text, path
            escaped += text.count("&lt;img src=x")
    # Every page that shows a text shows it; without this the test could pass on empty pages.
    assert escaped > 25
    stranger = own.client()
    assert not RAW.search(stranger.get(f"/sign-in/link/{EVIL}").text)
    csv_text = own.signed_in(own.world.actors[Role.AUDITOR]).get(f"{url}/record.csv").text
    assert EVIL.replace('"', '""')[:20] in csv_text  # as text of a CSV it is harmless


def test_what_the_stream_brings_is_escaped_too(own: Served, tmp_path: Path) -> None:
    world: World = make_world(tmp_path)
    hub = world.office.hub
    with serve(world):
        deployment_id = world.live(rows=[row_of("reference-17", reason=EVIL, name=EVIL)])
        start = hub.position(hub.here())
        assert start is not None
        world.alert(deployment_id)
        world.office.shift.say(world.actors[Role.LFR_OPERATOR], deployment_id, EVIL)
        news = hub.news(start, views=["queue", "handset", "watchlist"], scope=deployment_id)
    text = b"".join(news.lines).decode()
    assert "&lt;img src=x" in text
    assert not RAW.search(text)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_a_cell_of_the_csv_is_never_a_formula(cell: str) -> None:
    record = Record(
        title="t",
        sections=(Section(title=cell, rows=(Row(words=cell, value="1"),)),),
        warnings=(),
    )
    for line in as_csv(record).splitlines()[1:]:
        assert not line.lstrip('"').startswith(("=", "+", "-", "@", "\t"))
