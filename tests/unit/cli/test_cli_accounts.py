"""The closing account of a deployment, from the topics and the keyring alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from lookout.events import Alert, Category, ErasureReason, Response, Sighting, Track
from lookout_cli.accounts import tally
from lookout_cli.session import Session
from support.keeping import TTL, Bench
from support.keyrings import START
from support.pipeline import memory_session


@dataclass(frozen=True, slots=True)
class Books:
    """A system in memory, its keeper's bench, and an issuer of face keys."""

    session: Session
    bench: Bench


@pytest.fixture(name="books")
def books_fixture(tmp_path: Path) -> Iterator[Books]:
    bench = Bench()
    folder = tmp_path / "state"
    with memory_session(folder, broker=bench.broker, keyring=bench.keyring) as session:
        yield Books(session, bench)


def _an_alert(number: int, *, revision: int = 1, deployment: str = "d1") -> Alert:
    sighting = Sighting(
        match_id=f"match-{number}",
        face_id="face",
        track_id="track",
        camera_id="camera-1",
        captured_at=START,
        score=0.6,
    )
    return Alert(
        deployment_id=deployment,
        alert_id=f"alert-{number}",
        revision=revision,
        entry_id="entry-1",
        category=Category.WITNESS,
        response=Response.GREEN,
        threshold=0.5,
        margin=None,
        captured_at=START,
        alerted_at=START,
        sightings=(sighting,),
        demonstration=True,
        thumbnail=None,
    )


def _a_track(number: int, deployment: str = "d1") -> Track:
    return Track(
        deployment_id=deployment,
        track_id=f"track-{number}",
        camera_id="camera-1",
        first_seen=START,
        last_seen=START,
        frames=1,
        shots=1,
        rejected=(),
    )


def test_a_deployment_that_nobody_knows_has_an_empty_account(books: Books) -> None:
    found = tally(books.session.platform, "d1")

    keys = found.keys
    assert (found.faces_seen, found.compared, list(found.alerts)) == (0, 0, [])
    assert (keys.issued, keys.made, keys.alive, keys.pending, keys.unaccounted) == (0, 0, 0, 0, 0)


def test_every_key_is_alive_pending_or_receipted(books: Books) -> None:
    bench, platform = books.bench, books.session.platform
    keys = bench.issuer().make("d1", 6)
    bench.destroy(keys[:2])
    bench.destroy(keys[2:3], ErasureReason.STALE)

    before = tally(platform, "d1").keys
    assert (before.made, before.alive, before.pending) == (6, 3, 3)
    assert (dict(before.destroyed), before.reserved, before.unaccounted) == ({}, 4, 0)

    bench.keeper().sweep()
    after = tally(platform, "d1").keys
    assert (after.made, after.alive, after.pending) == (6, 3, 0)
    assert after.destroyed == {ErasureReason.NO_MATCH: 2, ErasureReason.STALE: 1}
    assert (after.expired, after.unaccounted) == (0, 0)


def test_a_key_that_ended_by_itself_is_unaccounted_until_the_keeper_finds_it(books: Books) -> None:
    bench, platform = books.bench, books.session.platform
    bench.issuer().make("d1", 2)
    bench.keyring.advance(TTL + timedelta(seconds=1))

    assert tally(platform, "d1").keys.unaccounted == 2

    bench.keeper().sweep()
    found = tally(platform, "d1").keys
    assert (found.expired, found.alive, found.unaccounted) == (2, 0, 0)


def test_compared_are_the_faces_whose_template_was_searched_for_and_those_still_held(
    books: Books,
) -> None:
    bench, platform = books.bench, books.session.platform
    keys = bench.issuer().make("d1", 7)
    for key, reason in zip(
        keys[:6],
        (
            ErasureReason.NO_MATCH,
            ErasureReason.DUPLICATE,
            ErasureReason.UNCONFIRMED,
            ErasureReason.EVIDENCE_TAKEN,
            ErasureReason.STALE,
            ErasureReason.REJECTED,
        ),
        strict=True,
    ):
        bench.destroy([key], reason)
    bench.keeper().sweep()

    assert tally(platform, "d1").compared == 5


def test_tracks_and_alerts_count_once_however_often_they_were_sent(books: Books) -> None:
    platform = books.session.platform
    for number in (1, 2, 1):
        platform.emit(_a_track(number))
        platform.emit(_an_alert(number))
    platform.emit(_an_alert(1, revision=2))

    found = tally(platform, "d1")

    assert found.faces_seen == 2
    assert sorted(alert.alert_id for alert in found.alerts) == ["alert-1", "alert-2"]
    assert {alert.revision for alert in found.alerts} == {1}


def test_another_deployments_keys_faces_and_alerts_are_not_counted(books: Books) -> None:
    bench, platform = books.bench, books.session.platform
    issuer = bench.issuer()
    bench.destroy(issuer.make("d1", 1))
    issuer.make("d2", 3)
    platform.emit(_a_track(1, "d2"))
    platform.emit(replace(_an_alert(1), deployment_id="d2"))

    found = tally(platform, "d1")

    assert (found.faces_seen, list(found.alerts)) == (0, [])
    assert (found.keys.made, found.keys.alive, found.keys.pending) == (1, 0, 1)
    assert tally(platform, "d2").keys.alive == 3
