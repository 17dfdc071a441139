"""The processor in a world in memory: what becomes of every face's key, and of every match."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest
from lookout import ids
from lookout.events import (
    Category,
    DeploymentState,
    Match,
    Response,
    WatchlistAction,
)
from lookout.sealing.envelope import open_sealed
from lookout.stream.ports import RetryableError
from lookout.stream.processor import Delivery, Outcome
from lookout_matching.settings import Settings
from support.matching_world import (
    DEPLOYMENT,
    World,
    axis,
)
from unit.matching.outcomes import fates, key_of, matches


class TestComparison:
    def test_an_empty_batch_asks_for_nothing(self) -> None:
        world = World()
        before = world.keyring.calls

        assert world.process() == Outcome()
        assert world.keyring.calls == before

    def test_a_face_below_the_threshold_has_its_key_destroyed_and_is_told_to_nobody(self) -> None:
        world = World()
        seen = world.see(0.3)

        outcome = world.process(seen)

        assert fates(outcome) == [(key_of(seen), "no_match")]
        assert outcome.produce == []
        assert outcome.held == []
        assert outcome.destroy[0].captured_at == seen.event.captured_at
        assert world.count("comparisons_total") == 1

    def test_a_match_tells_the_score_threshold_margin_and_the_sealed_thumbnail(self) -> None:
        world = World()
        vector = np.array([0.8, 0.4, 0.0, np.sqrt(0.2)], dtype=np.float32)
        seen = world.shot(vector)

        (match,) = matches(world.process(seen))

        assert match == Match(
            deployment_id=DEPLOYMENT,
            match_id=ids.match_id(seen.event.face_id, "e0"),
            entry_id="e0",
            face_id=seen.event.face_id,
            track_id="t",
            camera_id="cam",
            captured_at=seen.event.captured_at,
            matched_at=world.now,
            score=match.score,
            threshold=match.threshold,
            rank=1,
            margin=match.margin,
            confirmed_by=1,
            category=Category.WANTED_BY_COURTS,
            response=Response.AMBER,
            demonstration=True,
            thumbnail=seen.event.thumbnail,
        )
        assert (match.score, match.threshold, match.margin) == pytest.approx((0.8, 0.52, 0.4))

    def test_the_evidence_of_a_match_outlives_the_face_and_opens_until_its_time_is_over(
        self,
    ) -> None:
        world = World()
        seen = world.see(0.9)
        outcome = world.process(seen)

        assert fates(outcome) == []
        world.advance(599)
        (key,) = world.keyring.get([key_of(seen)])
        assert key is not None
        opened = open_sealed(key, seen.event.thumbnail, what="thumbnail", whose=seen.event.face_id)
        assert opened == b"jpeg"
        world.advance(2)
        assert world.keyring.alive([key_of(seen)]) == [False]

    def test_the_threshold_follows_the_number_of_templates_enrolled(self) -> None:
        world = World()
        assert len(matches(world.process(world.see(0.525, track="before")))) == 1

        world.publish(world.enrolment("e2", [axis(2)]))
        world.authorise()
        outcome = world.process(world.see(0.525, track="after"), world.see(0.535, track="above"))

        assert [match.track_id for match in matches(outcome)] == ["above"]
        assert matches(outcome)[0].threshold == pytest.approx(0.53)

    def test_one_search_and_one_call_to_the_keyring_serve_a_batch(self) -> None:
        world = World()
        batch = [world.see(0.1, track=f"t{index}") for index in range(8)]
        before = world.keyring.calls

        world.process(*batch)

        assert world.keyring.calls == before + 1
        assert world.count("search_seconds_count") == 1
        assert world.count("comparisons_total") == 8

    def test_a_match_whose_key_has_expired_meanwhile_is_told_all_the_same(self) -> None:
        world = World(shots=2, of=2)
        best = world.see(0.9)
        world.process(best)
        world.keyring.advance(timedelta(seconds=50))

        outcome = world.process(world.see(0.8))

        assert [match.face_id for match in matches(outcome)] == [best.event.face_id]
        assert world.count("evidence_lost_total") == 1


class TestRefusals:
    def test_a_template_of_another_pack_is_rejected_and_its_key_destroyed(self) -> None:
        world = World()
        wrong = world.shot(axis(0), pack_sha256="b" * 64)
        right = world.see(0.9)

        outcome = world.process(wrong, right)

        assert [(r.position, r.kind) for r in outcome.reject] == [(wrong.position, "wrong_pack")]
        assert fates(outcome) == [(key_of(wrong), "rejected")]
        assert len(matches(outcome)) == 1

    def test_a_template_that_does_not_open_or_is_none_is_rejected(self) -> None:
        world = World()
        other = world.see(0.9)
        swapped = world.shot(axis(0))
        moved = Delivery(
            world.shot(axis(0), face="f", template=swapped.event.template).event, other.position
        )
        long = world.shot(np.array([1, 0, 0, 0, 0], dtype=np.float32))
        scaled = world.shot(2 * axis(0))

        outcome = world.process(long, scaled)

        assert [r.kind for r in outcome.reject] == ["bad_template", "bad_template"]
        assert [reason for _, reason in fates(outcome)] == ["rejected", "rejected"]
        assert [r.kind for r in world.process(moved).reject] == ["two_keys"]

    def test_a_template_of_another_face_is_rejected(self) -> None:
        world = World()
        seen = world.shot(axis(0), face_id="somebody-else")

        outcome = world.process(seen)

        assert [r.kind for r in outcome.reject] == ["cannot_open"]
        assert fates(outcome) == [(key_of(seen), "rejected")]

    def test_a_key_that_is_gone_is_skipped_without_an_error(self) -> None:
        world = World()
        seen = world.see(0.9)
        world.keyring.advance(timedelta(seconds=61))

        assert world.process(seen) == Outcome()
        assert world.count("skipped_total", reason="key_gone") == 1

    def test_an_embedding_past_its_freshness_is_destroyed_as_stale(self) -> None:
        world = World()
        seen = world.see(0.9)
        world.advance(10.1)

        assert fates(world.process(seen)) == [(key_of(seen), "stale")]
        assert world.count("skipped_total", reason="stale") == 1

    def test_an_embedding_from_the_future_is_destroyed_uncompared(self) -> None:
        world = World()
        seen = world.see(0.9)
        world.advance(-10.1)

        assert fates(world.process(seen)) == [(key_of(seen), "stale")]
        assert world.count("skipped_total", reason="from_the_future") == 1

    @pytest.mark.parametrize("state", [DeploymentState.STOPPED, DeploymentState.ENDED])
    def test_nothing_is_compared_for_a_deployment_that_is_not_live(
        self, state: DeploymentState
    ) -> None:
        world = World()
        seen = world.see(0.9)
        world.change(state=state)

        assert fates(world.process(seen)) == [(key_of(seen), "deployment_closed")]
        assert world.count("comparisons_total") == 0

    def test_nothing_is_compared_for_a_deployment_that_nobody_knows(self) -> None:
        world = World()
        seen = world.shot(axis(0), deployment_id="d2")

        assert fates(world.process(seen)) == [(key_of(seen), "deployment_closed")]

    def test_when_a_deployment_closes_its_pending_shots_are_destroyed(self) -> None:
        world = World(shots=2, of=2)
        seen = world.see(0.9)
        world.process(seen)
        world.change(state=DeploymentState.STOPPED)

        outcome = world.processor.tick(world.now)

        assert fates(outcome) == [(key_of(seen), "deployment_closed")]
        assert outcome.released == [seen.position]


class TestWatchlist:
    def test_a_withdrawn_entry_matches_no_more(self) -> None:
        world = World()
        world.publish(world.order("e0", WatchlistAction.WITHDRAW))

        outcome = world.process(world.see(0.9))

        assert matches(outcome) == []
        assert [reason for _, reason in fates(outcome)] == ["no_match"]

    def test_an_entry_off_the_list_is_not_matched_even_while_the_gallery_still_has_it(
        self,
    ) -> None:
        world = World()
        world.gallery.available = False
        world.publish(world.order("e0", WatchlistAction.WITHDRAW))
        world.gallery.available = True
        roll = world.writer.roll(DEPLOYMENT)

        assert roll is not None
        assert "e0" not in roll.listed
        assert world.gallery.count(DEPLOYMENT) == 2
        world.settings = Settings(watchlist_wait_s=0)
        world.processor = world.new_processor()
        assert matches(world.process(world.see(0.9))) == []

    def test_another_watchlist_than_the_authorised_one_holds_and_then_destroys(self) -> None:
        world = World()
        world.change(watchlist_hash="0" * 64)
        first = world.see(0.9)

        with pytest.raises(RetryableError, match="not the one that was authorised"):
            world.process(first)
        world.advance(4.9)
        with pytest.raises(RetryableError):
            world.process(first)
        world.advance(0.2)

        assert fates(world.process(first)) == [(key_of(first), "stale")]
        assert fates(world.process(world.see(0.9))) == [("b:1", "stale")]
        assert world.count("skipped_total", reason="no_watchlist") == 2

    def test_a_watchlist_that_arrives_in_time_loses_no_face(self) -> None:
        world = World()
        authorised = world.deployments.records[DEPLOYMENT].watchlist_hash
        world.change(watchlist_hash="0" * 64)
        seen = world.see(0.9)
        with pytest.raises(RetryableError):
            world.process(seen)

        world.change(watchlist_hash=authorised)

        assert len(matches(world.process(seen))) == 1

    def test_a_late_addition_stops_matching_until_it_is_authorised(self) -> None:
        world = World()
        world.publish(world.enrolment("e2", [axis(2)]))

        with pytest.raises(RetryableError, match="being loaded"):
            world.process(world.see(0.9, entry=2))
        world.authorise()

        found = matches(world.process(world.see(0.9, entry=2)))
        assert [match.entry_id for match in found] == ["e2"]


class TestRetries:
    def test_a_keyring_that_does_not_answer_is_waited_for(self) -> None:
        world = World()
        seen = world.see(0.9)
        world.keyring.available = False
        with pytest.raises(RetryableError, match="keyring"):
            world.process(seen)

        world.keyring.available = True

        assert len(matches(world.process(seen))) == 1

    def test_a_gallery_that_does_not_answer_is_waited_for(self) -> None:
        world = World()
        seen = world.see(0.9)
        world.gallery.available = False
        with pytest.raises(RetryableError, match="gallery"):
            world.process(seen)

        world.gallery.available = True

        assert len(matches(world.process(seen))) == 1

    def test_no_key_is_touched_before_the_matches_made_before_are_known(self) -> None:
        world = World()
        seen = world.see(0.9)
        world.advance(20)
        world.decided_known = False
        with pytest.raises(RetryableError, match="matches made before"):
            world.process(seen)
        assert world.keyring.alive([key_of(seen)]) == [True]

        world.decided_known = True

        assert fates(world.process(seen)) == [(key_of(seen), "stale")]

    def test_a_batch_that_fails_late_is_forgotten_and_counts_once_when_repeated(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world = World(shots=2, of=3)
        pending = world.see(0.8)
        world.process(pending)
        confirming = world.see(0.9)
        extend = world.keyring.extend

        def fails(key_ids: Sequence[str], ttl: timedelta) -> Sequence[bool]:
            world.keyring.available = False
            return extend(key_ids, ttl)

        monkeypatch.setattr(type(world.keyring), "extend", lambda _, ids, ttl: fails(ids, ttl))
        with pytest.raises(RetryableError):
            world.process(confirming)
        monkeypatch.undo()
        world.keyring.available = True

        outcome = world.process(confirming)

        (match,) = matches(outcome)
        assert match.face_id == confirming.event.face_id
        assert match.confirmed_by == 2
        assert fates(outcome) == [(key_of(pending), "duplicate")]
        assert outcome.released == [pending.position]
        assert world.count("matches_total") == 1
