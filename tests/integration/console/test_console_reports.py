"""What leaves the console on paper: the record with intervals, the year, the drafted review, the evidence of one alert."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from lookout.audit import entry_hash
from lookout.events import AuditEntry
from lookout_console.actions.alerts import Alerts
from lookout_console.domain.alerts import (
    Disposal,
    EnvironmentFactor,
    IdentityBy,
    SubjectFactor,
    SystemFactor,
    Truth,
    Verdict,
)
from lookout_console.domain.deployments import Stage, Step
from lookout_console.domain.roles import Role
from support.console_world import drawn_face, make_world, row_of
from support.polling import until
from support.served_console import Served, serve

NAMES = ("Name of reference-17", "Name of volunteer-1")


@pytest.fixture(name="own")
def own_fixture(tmp_path: Path) -> Iterator[Served]:
    with serve(make_world(tmp_path)) as served:
        yield served


def decide(own: Served, alert_id: str, verdict: Verdict) -> None:
    alerts: Alerts = own.world.office.alerts
    for role in (Role.LFR_OPERATOR, Role.ENGAGEMENT_OFFICER):
        alerts.verify(
            own.world.actors[role],
            alert_id,
            verdict=verdict,
            subject=[SubjectFactor.NOTHING_AGAINST],
            system=[SystemFactor.NOTHING_AGAINST],
            environment=[EnvironmentFactor.NOTHING_AGAINST],
            reason="the ears and the line of the jaw",
        )
        if verdict is Verdict.DIFFERENT:
            return


def a_shift(own: Served) -> tuple[str, str]:
    """A deployment with one alert that was right, one that was not, and one of a volunteer; the first's id, too."""
    world = own.world
    deployment_id = world.live(rows=[row_of("reference-17"), row_of("volunteer-1", blue="yes")])
    world.office.deployments.count_faces(deployment_id, 4_000)
    right = world.alert(deployment_id)
    decide(own, right, Verdict.SAME)
    street = world.actors[Role.ENGAGEMENT_OFFICER]
    world.office.alerts.engage(
        street,
        right,
        truth=Truth.CONFIRMED_TRUE,
        identity_by=IdentityBy.DOCUMENT,
        minutes=7,
        reason="met",
    )
    world.office.alerts.record_outcome(
        street, right, disposal=Disposal.ARREST, reason="wanted", sex="male"
    )
    decide(own, world.alert(deployment_id), Verdict.DIFFERENT)
    decide(own, world.alert(deployment_id, "volunteer-1"), Verdict.SAME)
    return deployment_id, right


def rows_of(text: str) -> dict[str, tuple[str, str]]:
    return {row[1]: (row[2], row[3]) for row in csv.reader(io.StringIO(text))}


def test_the_record_counts_rates_with_intervals_apart_from_volunteers_and_names_nobody(
    own: Served,
) -> None:
    deployment_id, _ = a_shift(own)
    auditor = own.signed_in(own.world.actors[Role.AUDITOR])
    exported = {
        form: auditor.get(f"/deployments/{deployment_id}/record.{form}").content
        for form in ("csv", "html", "pdf")
    }
    rows = rows_of(exported["csv"].decode())
    assert rows["Faces seen"][0] == "4,000"
    assert rows["Alerts"][0] == "2"
    assert rows["Confirmed true"][0] == "1"
    assert rows["False, not engaged"][0] == "1"
    assert rows["Alerts of volunteers (blue list)"][0] == "1"
    # SciPy's binomtest, exact: 1 of 4,000 is 6.3294e-06 to 1.39212e-03; 1 of 2 is 0.012579 to 0.987421.
    assert rows["False alerts per face seen"] == (
        "1 in 4,000",
        "95 % interval: 1 in 157,992 to 1 in 718",
    )
    assert rows["False alerts per alert"] == ("1 of 2", "95 % interval: 1.3% to 98.7%")
    assert rows["Arrest"][0] == "1"
    assert rows["Sex: male"][0] == "1"
    assert rows["Length of stops"][0] == "7 min"
    for form, data in exported.items():
        for name in NAMES:
            assert name.encode() not in data, form
    actions = own.world.office.desk.audit.page(action="record.export")
    assert len(actions) == 3


def test_more_than_one_false_alert_in_a_thousand_faces_is_warned_of(own: Served) -> None:
    deployment_id = own.world.live()
    own.world.office.deployments.count_faces(deployment_id, 900)
    decide(own, own.world.alert(deployment_id), Verdict.DIFFERENT)
    page = own.signed_in(own.world.actors[Role.COMMANDER]).get(
        f"/deployments/{deployment_id}/record"
    )
    assert "More than 1 false alert in 1,000 faces" in page.text


def test_by_policy_too_many_false_alerts_stop_the_deployment_with_the_reason(own: Served) -> None:
    world = own.world
    deployment_id = world.live()
    world.office.deployments.count_faces(deployment_id, 900)
    for _ in range(3):
        decide(own, world.alert(deployment_id), Verdict.DIFFERENT)
    # 3 of 900: from 0.69 to 9.7 in 1,000. Bad, and not beyond doubt.
    assert world.office.records.above_ceiling(deployment_id) == ""
    for _ in range(3):
        decide(own, world.alert(deployment_id), Verdict.DIFFERENT)
    assert "6 false alerts in 900 faces" in world.office.records.above_ceiling(deployment_id)
    assert world.office.deployments.get(deployment_id).stage is Stage.LIVE
    world.office.stops_above_ceiling = True
    until(
        lambda: world.office.deployments.get(deployment_id).stage is Stage.STOPPED,
        "the stop by the ceiling",
    )
    last = world.office.deployments.taken(deployment_id)[-1]
    assert (last.by, last.step) == ("rate-ceiling", "stop")
    assert "6 false alerts in 900 faces" in last.reason
    commander = world.actors[Role.COMMANDER]
    world.office.deployments.step(commander, deployment_id, Step.END, "looked into")


def test_the_year_adds_up_what_went_live_and_leaves_out_what_did_not(own: Served) -> None:
    a_shift(own)
    world = own.world
    world.office.deployments.draft(world.actors[Role.COMMANDER], world.plan(title="Never live"))
    auditor = own.signed_in(world.actors[Role.AUDITOR])
    year = world.clock().year
    rows = rows_of(auditor.get(f"/records/{year}/record.csv").text)
    assert (rows["Deployments"][0], rows["Alerts"][0]) == ("1", "2")
    assert rows_of(auditor.get(f"/records/{year - 1}/record.csv").text)["Deployments"][0] == "0"
    assert f"All deployments of {year}" in auditor.get("/records").text


def test_the_review_is_drafted_from_the_log_for_a_person_to_sign(own: Served) -> None:
    deployment_id, _ = a_shift(own)
    commander = own.world.actors[Role.COMMANDER]
    own.world.office.deployments.step(commander, deployment_id, Step.STOP, "a crush at the door")
    own.world.office.deployments.step(commander, deployment_id, Step.END, "the shift is over")
    text = own.signed_in(commander).get(f"/deployments/{deployment_id}").text
    for part in ("stop: a crush at the door", "Confirmed true: 1", "Arrest: 1", "What was learned"):
        assert part in text


def test_the_public_notice_says_where_when_why_and_what_becomes_of_ones_face(own: Served) -> None:
    deployment_id, _ = a_shift(own)
    known = own.world.office.deployments.get(deployment_id)
    page = own.signed_in(own.world.actors[Role.COMMANDER]).get(
        f"/deployments/{deployment_id}/notice"
    )
    for part in (
        known.plan.location,
        f"{known.plan.opens_at:%d %b %Y %H:%M}",
        f"{known.plan.closes_at:%d %b %H:%M}",
        "Crime hotspot",
        "destroyed at once",
        "never an arrest",
    ):
        assert part in page.text, part
    for name in NAMES:
        assert name not in page.text


def test_the_evidence_of_an_alert_is_whole_signed_and_tells_who_held_it(own: Served) -> None:
    _, alert_id = a_shift(own)
    officer = own.signed_in(own.world.actors[Role.AUTHORISING_OFFICER])
    answer = officer.post(f"/evidence/{alert_id}/export", reason="court case reference-99")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    manifest = json.loads(files["manifest.json"])
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(manifest["public_key"]))
    public.verify(files["manifest.sig"], files["manifest.json"])
    with pytest.raises(InvalidSignature):
        public.verify(files["manifest.sig"], files["manifest.json"] + b" ")
    assert set(manifest["sha256"]) == {"seen.jpg", "enrolled.jpg", "custody.csv", "alert.json"}
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256(files[name]).hexdigest() == digest
    assert files["seen.jpg"] == drawn_face(99)
    custody = list(csv.DictReader(io.StringIO(files["custody.csv"].decode())))
    assert custody[0]["action"] == "alert.collect"
    assert custody[-1]["action"] == "evidence.export"
    for row in custody:
        assert hash_of(row) == row["entry_hash"]


def hash_of(row: dict[str, str]) -> str:
    """What a recipient computes of a line of the custody."""
    entry = AuditEntry(
        deployment_id=row["deployment_id"],
        sequence=int(row["sequence"]),
        actor=row["actor"],
        action=row["action"],
        subject=row["subject"],
        reason=row["reason"],
        at=datetime.fromisoformat(row["at"]),
        previous_hash=bytes.fromhex(row["previous_hash"]),
        entry_hash=b"",
    )
    return entry_hash(entry).hex()


def test_evidence_whose_time_is_over_cannot_be_exported(own: Served) -> None:
    deployment_id, alert_id = a_shift(own)
    authorising = own.world.actors[Role.AUTHORISING_OFFICER]
    own.world.office.deployments.step(
        authorising, deployment_id, Step.WITHDRAW_AUTHORITY, "the authority was void"
    )
    answer = own.signed_in(authorising).post(f"/evidence/{alert_id}/export", reason="court case")
    assert answer.status_code == 409
    assert "its time was over" in answer.text
