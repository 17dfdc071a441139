"""The end of a deployment, from its last record to the certificate."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from lookout.events import (
    Alert,
    Deployment,
    ErasureReason,
    Frame,
    Match,
    PurgeCertificate,
    PurgeState,
    WatchlistEntry,
)
from lookout.sealing.ports import Destruction
from lookout.stream.ports import StreamError
from lookout_keeper.ports import Deleted, PurgeTopics
from support.closing_world import D1, D2, ClosingWorld
from support.keeping import TRUST

WATCHLIST_KEY = f"watchlist/{D1}"


@dataclass
class FailingTopics:
    """Fails once at a named call, before it or after it has been carried out."""

    topics: PurgeTopics
    call: str
    after: bool

    def _do(self, call: str, work: Callable[[], object]) -> object:
        failing = call == self.call
        if failing:
            self.call = ""
        if failing and not self.after:
            raise StreamError("not now")
        result = work()
        if failing:
            raise StreamError("not any more")
        return result

    def enrolled(self, deployment_id: str) -> int:
        found = self._do("enrolled", lambda: self.topics.enrolled(deployment_id))
        assert isinstance(found, int)
        return found

    def evidence(self, deployment_id: str) -> Collection[str]:
        found = self._do("evidence", lambda: self.topics.evidence(deployment_id))
        assert isinstance(found, Collection)
        return found

    def gallery_told(self, deployment_id: str) -> bool:
        return bool(self._do("gallery_told", lambda: self.topics.gallery_told(deployment_id)))

    def delete(
        self,
        deployment_id: str,
        *,
        spared: Callable[[str], bool],
        alone: bool,
        evidence_waits: bool,
        settled: Collection[str],
    ) -> Deleted:
        found = self._do(
            "delete",
            lambda: self.topics.delete(
                deployment_id,
                spared=spared,
                alone=alone,
                evidence_waits=evidence_waits,
                settled=settled,
            ),
        )
        assert isinstance(found, Deleted)
        return found

    def publish(self, certificate: PurgeCertificate) -> None:
        self._do("publish", lambda: self.topics.publish(certificate))


def closed(world: ClosingWorld) -> PurgeCertificate:
    """End ``d1`` with its gallery dropped, and wait for what comes of it."""
    world.end(D1)
    world.drop_gallery(D1)
    world.turn(6)
    return world.last


def test_a_deployment_in_force_is_left_alone() -> None:
    world = ClosingWorld()

    world.turn(10)

    assert world.certificates() == []
    assert world.alive(world.frames) == [True] * 3


def test_everything_of_a_deployment_that_was_ended_goes_and_a_signed_certificate_says_so() -> None:
    world = ClosingWorld()
    world.vault.create(f"people/{D1}")

    certificate = closed(world)

    assert certificate.state is PurgeState.COMPLETE
    assert certificate.missing == ()
    assert certificate.entries == 2
    assert world.alive(world.frames) == [False] * 3
    assert world.stored(Frame) == world.stored(WatchlistEntry) == []
    assert world.vault.names() == []
    body, signature = world.codec.signed_part(world.codec.encode(certificate))
    assert TRUST.verify(signature, body, role="receipts")


def test_the_certificate_counts_every_key_and_names_the_head_of_the_chain() -> None:
    world = ClosingWorld()
    world.bench.destroy(world.frames[:1])

    certificate = closed(world)

    counts = {one.reason: one.count for one in certificate.keys_ended}
    assert counts == {
        ErasureReason.NO_MATCH: 1,
        ErasureReason.DEPLOYMENT_CLOSED: 2,
        ErasureReason.UNUSED: 7,
    }
    assert certificate.keys_issued == 10
    assert certificate.keys_held == 0
    assert world.bench.reasons() == counts
    assert certificate.chain_hash == world.bench.report().head.hash


def test_a_key_that_expires_meanwhile_is_counted_as_expired() -> None:
    world = ClosingWorld()
    world.bench.keyring.advance(timedelta(minutes=5))

    certificate = closed(world)

    assert {one.reason: one.count for one in certificate.keys_ended} == {
        ErasureReason.EXPIRED: 3,
        ErasureReason.UNUSED: 7,
    }


@pytest.mark.parametrize("early", [timedelta(0), timedelta(minutes=30)])
def test_a_window_that_ends_by_itself_is_purged_without_an_order(early: timedelta) -> None:
    world = ClosingWorld()
    world.bench.keyring.advance(timedelta(hours=1) - early)
    world.drop_gallery(D1)
    world.turn(8)

    assert bool(world.certificates()) == (not early)
    if not early:
        assert world.last.state is PurgeState.COMPLETE
        assert world.last.closed_at == world.deployments[D1].closes_at


def test_what_is_under_way_at_the_order_is_given_the_grace() -> None:
    world = ClosingWorld()
    world.end(D1)

    world.turn(3)
    assert world.certificates() == []
    assert world.alive(world.frames) == [True] * 3

    world.turn(1)
    assert world.alive(world.frames) == [False] * 3


def test_records_behind_those_of_a_live_deployment_wait_and_go_when_it_is_over() -> None:
    world = ClosingWorld()
    world.open(D2)
    world.enrol(D2, 1)
    world.capture(D2, world.issuer.make(D2, 1))
    world.capture(D1, world.issuer.make(D1, 2))

    first = closed(world)

    assert first.state is PurgeState.INCOMPLETE
    assert "stay behind" in first.missing[0]
    assert "2 on lookout.frames" in first.missing[0]
    assert world.stored(Frame) == [D2, D1, D1]
    assert world.stored(WatchlistEntry) == [D2]
    assert world.vault.names() == [f"watchlist/{D2}"]

    world.end(D2)
    world.drop_gallery(D2)
    world.turn(20)

    states = {one.deployment_id: one.state for one in world.certificates()}
    assert states == {D1: PurgeState.COMPLETE, D2: PurgeState.COMPLETE}
    assert world.stored(Frame) == world.stored(WatchlistEntry) == []


def test_a_watchlist_that_is_enrolled_and_not_opened_yet_is_never_deleted() -> None:
    world = ClosingWorld()
    world.enrol("tomorrow", 1)

    certificate = closed(world)

    assert certificate.state is PurgeState.COMPLETE
    assert world.stored(WatchlistEntry) == ["tomorrow"]


def test_evidence_lives_on_until_it_is_taken_and_the_certificate_counts_it_until_then() -> None:
    world = ClosingWorld()
    key = world.match_and_alert(D1)

    first = closed(world)

    assert first.state is PurgeState.INCOMPLETE
    assert first.keys_held == 1
    assert first.missing == (
        "1 key is held as evidence of alerts, until it is taken or its time is over",
    )
    assert world.alive([key]) == [True]
    assert world.stored(Alert) == world.stored(Match) == [D1]
    assert world.stored(Frame) == []

    order = Destruction(
        key_id=key.key_id,
        reason=ErasureReason.EVIDENCE_TAKEN,
        deployment_id=D1,
        captured_at=None,
    )
    world.bench.keyring.destroy([order], by="console", at=world.bench.now())
    world.turn(12)

    assert world.last.state is PurgeState.COMPLETE
    assert world.last.keys_held == 0
    assert world.stored(Alert) == world.stored(Match) == []
    assert sum(one.count for one in world.last.keys_ended) == world.last.keys_issued


def test_a_purge_waits_for_matching_then_says_so_and_is_complete_once_matching_has_spoken() -> None:
    world = ClosingWorld()
    world.end(D1)

    world.turn(20)
    assert [one.state for one in world.certificates()] == [PurgeState.BEGUN]
    world.turn(10)
    assert world.last.state is PurgeState.INCOMPLETE
    assert world.last.missing == ("matching has not said that its gallery is gone: is it running?",)
    world.turn(10)
    assert len(world.certificates()) == 2

    world.drop_gallery(D1)
    world.turn(1)

    assert world.certificates()[-1].state is PurgeState.COMPLETE


@pytest.mark.parametrize("call", ["enrolled", "publish", "evidence", "delete", "gallery_told"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("crash", [False, True], ids=["same process", "another process"])
def test_a_purge_that_was_interrupted_anywhere_is_finished_with_the_same_counts(
    call: str, *, after: bool, crash: bool
) -> None:
    world = ClosingWorld()
    world.new_closing(FailingTopics(world.topics, call, after))
    world.end(D1)
    world.drop_gallery(D1)
    world.turn(4)
    if crash:
        world.new_closing()
    world.turn(20)

    assert world.last.state is PurgeState.COMPLETE
    assert world.last.entries == 2
    assert world.last.keys_issued == sum(one.count for one in world.last.keys_ended) == 10
    assert world.stored(Frame) == world.stored(WatchlistEntry) == []
    revisions = [one.revision for one in world.certificates()]
    assert revisions == sorted(revisions)


def test_a_complete_purge_is_not_begun_again_by_the_next_keeper() -> None:
    world = ClosingWorld()
    closed(world)
    written = len(world.certificates())

    world.new_closing()
    world.turn(10)

    assert len(world.certificates()) == written
    assert world.bench.sample("closing_deployments") == 0


def test_nothing_is_purged_while_the_deployments_are_not_known() -> None:
    world = ClosingWorld()
    world.known = False

    world.end(D1)
    world.turn(10)

    assert world.certificates() == []
    assert world.alive(world.frames) == [True] * 3


def test_an_older_record_of_a_deployment_does_not_bring_it_back() -> None:
    world = ClosingWorld()
    live: Deployment = world.deployments[D1]
    world.bench.keyring.advance(timedelta(seconds=1))
    world.end(D1)

    world.closing.heard(replace(live, updated_at=live.updated_at))
    world.drop_gallery(D1)
    world.turn(6)

    assert world.last.state is PurgeState.COMPLETE
