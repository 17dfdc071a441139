"""The pooling rule, held against its plain definition."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookout.events import Category, Embedding, ErasureReason, Match, Response, Sealed
from lookout.vision.arrays import FloatArray
from lookout_matching.domain import (
    BadTemplateError,
    Candidate,
    Confirmation,
    Confirmed,
    DecidedMatches,
    Settled,
    Shot,
    TrackScores,
    Verdict,
    read_template,
)
from support.keyrings import START

SEALED = Sealed(key_id="b:0", nonce=bytes(12), ciphertext=bytes(16))
THRESHOLD = 0.5


def shot(index: int, entry: str = "a", score: float = 0.9, second: float | None = None) -> Shot:
    event = Embedding(
        deployment_id="d1",
        face_id=f"face-{index}",
        track_id="t",
        camera_id="cam",
        captured_at=START,
        shot=index,
        quality=1.0,
        pack_sha256="p",
        template=SEALED,
        thumbnail=SEALED,
    )
    others = () if second is None else (Candidate("other", second),)
    return Shot(embedding=event, candidates=(Candidate(entry, score), *others), threshold=THRESHOLD)


def match(face: str = "face-1", track: str = "t", entry: str = "a") -> Match:
    return Match(
        deployment_id="d1",
        match_id="m",
        entry_id=entry,
        face_id=face,
        track_id=track,
        camera_id="cam",
        captured_at=START,
        matched_at=START,
        score=0.9,
        threshold=0.5,
        rank=1,
        margin=None,
        confirmed_by=1,
        category=Category.WITNESS,
        response=Response.GREEN,
        demonstration=True,
        thumbnail=SEALED,
    )


def told(verdicts: Sequence[Verdict]) -> list[str]:
    return [
        f"{v.shot.embedding.face_id} confirms {v.entry_id} by {v.agreeing}"
        if isinstance(v, Confirmed)
        else f"{v.shot.embedding.face_id} {v.reason}"
        for v in verdicts
    ]


class TestShot:
    @pytest.mark.parametrize(
        ("scores", "claim", "score", "margin"),
        [
            ([], None, -1.0, None),
            ([0.49], None, 0.49, None),
            ([0.5], "e0", 0.5, None),
            ([0.75, 0.5], "e0", 0.75, 0.25),
            ([float("nan"), 0.5], None, float("nan"), float("nan")),
        ],
    )
    def test_a_claim_needs_the_best_score_at_the_threshold(
        self, scores: list[float], claim: str | None, score: float, margin: float | None
    ) -> None:
        candidates = tuple(Candidate(f"e{i}", value) for i, value in enumerate(scores))
        made = Shot(embedding=shot(1).embedding, candidates=candidates, threshold=THRESHOLD)

        assert made.claim == claim
        assert made.score == pytest.approx(score, nan_ok=True)
        assert made.margin == (None if margin is None else pytest.approx(margin, nan_ok=True))


class TestPooling:
    def test_below_the_threshold_a_shot_is_no_match_at_once(self) -> None:
        track = TrackScores()

        assert told(track.pool(shot(1, score=0.4), Confirmation(1, 1))) == ["face-1 no_match"]
        assert list(track.pending) == []

    def test_one_of_one_confirms_at_once_and_later_shots_are_duplicates(self) -> None:
        track, rule = TrackScores(), Confirmation(1, 1)

        assert told(track.pool(shot(1), rule)) == ["face-1 confirms a by 1"]
        assert told(track.pool(shot(2, score=0.99), rule)) == ["face-2 duplicate"]

    def test_the_best_of_the_agreeing_shots_is_the_evidence_and_the_others_are_duplicates(
        self,
    ) -> None:
        track, rule = TrackScores(), Confirmation(3, 3)
        scores = [0.6, 0.9, 0.7]

        verdicts = [track.pool(shot(i, score=s), rule) for i, s in enumerate(scores)]

        assert [told(v) for v in verdicts] == [
            [],
            [],
            ["face-1 confirms a by 3", "face-0 duplicate", "face-2 duplicate"],
        ]

    def test_of_equal_scores_the_earliest_is_the_evidence(self) -> None:
        track, rule = TrackScores(), Confirmation(2, 2)
        track.pool(shot(1), rule)

        assert told(track.pool(shot(2), rule)) == ["face-1 confirms a by 2", "face-2 duplicate"]

    def test_a_shot_that_leaves_the_window_alone_is_unconfirmed(self) -> None:
        track, rule = TrackScores(), Confirmation(2, 3)
        track.pool(shot(1), rule)
        track.pool(shot(2, score=0.1), rule)

        assert told(track.pool(shot(3, score=0.1), rule)) == [
            "face-3 no_match",
            "face-1 unconfirmed",
        ]

    def test_a_shot_that_cannot_be_confirmed_any_more_is_let_go_before_its_window_ends(
        self,
    ) -> None:
        track, rule = TrackScores(), Confirmation(3, 3)
        track.pool(shot(1), rule)

        assert told(track.pool(shot(2, score=0.1), rule)) == [
            "face-2 no_match",
            "face-1 unconfirmed",
        ]

    def test_shots_of_different_entries_do_not_add_up(self) -> None:
        track, rule = TrackScores(), Confirmation(2, 3)
        track.pool(shot(1, "a"), rule)
        track.pool(shot(2, "b"), rule)

        assert [s.embedding.face_id for s in track.pending] == ["face-1", "face-2"]
        assert told(track.pool(shot(3, "b"), rule)) == [
            "face-2 confirms b by 2",
            "face-3 duplicate",
            "face-1 unconfirmed",
        ]

    def test_silence_leaves_what_is_pending_unconfirmed_and_confirmed_entries_remembered(
        self,
    ) -> None:
        track, rule = TrackScores(), Confirmation(1, 1)
        track.pool(shot(1), rule)
        pending = Confirmation(2, 2)
        track.pool(shot(2, "b"), pending)

        assert told(track.silence()) == ["face-2 unconfirmed"]
        assert told(track.silence()) == []
        assert told(track.pool(shot(3), rule)) == ["face-3 duplicate"]

    def test_a_shot_that_comes_after_a_silence_is_confirmed_by_one_from_before_it_and_is_the_evidence(
        self,
    ) -> None:
        track, rule = TrackScores(), Confirmation(2, 3)
        track.pool(shot(1, score=0.99), rule)

        assert told(track.silence()) == ["face-1 unconfirmed"]
        assert told(track.pool(shot(2, score=0.6), rule)) == ["face-2 confirms a by 2"]
        assert list(track.pending) == []

    def test_what_was_claimed_before_a_silence_leaves_the_window_as_any_shot_does(self) -> None:
        track, rule = TrackScores(), Confirmation(2, 2)
        track.pool(shot(1), rule)
        track.silence()
        track.pool(shot(2, score=0.1), rule)

        assert told(track.pool(shot(3), rule)) == []
        assert [s.embedding.face_id for s in track.pending] == ["face-3"]

    def test_an_entry_matched_in_an_earlier_process_is_not_matched_again(self) -> None:
        track = TrackScores(confirmed=["a"])

        assert told(track.pool(shot(1), Confirmation(1, 1))) == ["face-1 duplicate"]

    def test_a_copy_leaves_the_original_as_it_was(self) -> None:
        track, rule = TrackScores(), Confirmation(2, 2)
        track.pool(shot(1), rule)

        track.copy().pool(shot(2), rule)

        assert [s.embedding.face_id for s in track.pending] == ["face-1"]
        assert not track.knows("face-2")
        assert told(track.pool(shot(3), rule)) == ["face-1 confirms a by 2", "face-3 duplicate"]

    @pytest.mark.parametrize(("shots", "of"), [(0, 0), (0, 1), (2, 1), (-1, 1)])
    def test_an_impossible_rule_is_refused(self, shots: int, of: int) -> None:
        with pytest.raises(ValueError, match="1 <= shots <= of"):
            Confirmation(shots, of)


claims = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]), st.sampled_from([0.1, 0.6, 0.7, 0.9]), st.booleans()
    ),
    max_size=25,
)
"""Entry, score, and whether the track falls silent afterwards."""
rules = st.integers(1, 5).flatmap(
    lambda of: st.integers(1, of).map(lambda shots: Confirmation(shots, of))
)


class TestPoolingProperties:
    @given(claims, rules)
    def test_an_entry_is_confirmed_when_k_of_the_last_n_shots_first_agree_on_it(
        self, seen: list[tuple[str, float, bool]], rule: Confirmation
    ) -> None:
        track = TrackScores()
        confirmed: list[tuple[int, str]] = []
        expected: list[tuple[int, str]] = []
        for index, (entry, score, silent) in enumerate(seen):
            verdicts = track.pool(shot(index, entry, score), rule)
            confirmed += [(index, v.entry_id) for v in verdicts if isinstance(v, Confirmed)]
            if silent:
                track.silence()
            window = seen[max(0, index + 1 - rule.of) : index + 1]
            agreeing = [1 for other, s, _ in window if other == entry and s >= THRESHOLD]
            known = entry in [name for _, name in expected]
            if score >= THRESHOLD and len(agreeing) >= rule.shots and not known:
                expected.append((index, entry))

        assert confirmed == expected

    @given(claims, rules)
    def test_every_shot_ends_exactly_once_and_fewer_than_n_are_ever_pending(
        self, seen: list[tuple[str, float, bool]], rule: Confirmation
    ) -> None:
        track = TrackScores()
        ended: list[str] = []
        for index, (entry, score, silent) in enumerate(seen):
            ended += [v.shot.embedding.face_id for v in track.pool(shot(index, entry, score), rule)]
            if silent:
                ended += [v.shot.embedding.face_id for v in track.silence()]
                assert not track.pending
            assert len(track.pending) < rule.of or rule.of == 1
        ended += [v.shot.embedding.face_id for v in track.silence()]

        assert sorted(ended) == sorted(f"face-{i}" for i in range(len(seen)))

    @given(claims, rules)
    def test_the_evidence_scores_at_least_as_well_as_the_duplicates_that_confirmed_it(
        self, seen: list[tuple[str, float, bool]], rule: Confirmation
    ) -> None:
        track = TrackScores()
        for index, (entry, score, silent) in enumerate(seen):
            verdicts = track.pool(shot(index, entry, score), rule)
            if silent:
                track.silence()
            for best in [v for v in verdicts if isinstance(v, Confirmed)]:
                companions = [
                    v.shot.score
                    for v in verdicts
                    if isinstance(v, Settled) and v.reason is ErasureReason.DUPLICATE
                ]
                # Those from before a silence were unconfirmed when it came.
                assert best.agreeing >= len(companions) + 1
                assert best.agreeing >= rule.shots
                assert best.shot.score >= max([THRESHOLD, *companions])


class TestDecidedMatches:
    def test_before_any_match_nothing_is_evidence(self) -> None:
        decided = DecidedMatches()

        assert not decided.is_evidence("face-1")
        assert decided.entries("d1", "t") == frozenset()

    def test_a_match_is_known_by_its_face_and_by_its_track(self) -> None:
        decided = DecidedMatches()
        decided.note(match("face-1", entry="a"))
        decided.note(match("face-2", entry="b"))

        assert decided.is_evidence("face-1")
        assert decided.entries("d1", "t") == {"a", "b"}
        assert decided.entries("d1", "another") == frozenset()

    def test_a_match_is_forgotten_with_its_evidence(self) -> None:
        decided = DecidedMatches()
        decided.note(match())

        decided.forget(START)
        assert decided.is_evidence("face-1")

        decided.forget(START + timedelta(microseconds=1))
        assert not decided.is_evidence("face-1")
        assert decided.entries("d1", "t") == frozenset()


class TestTemplates:
    def test_a_template_is_read_as_it_was_written(self) -> None:
        written = np.array([0.6, 0.8, 0.0], dtype="<f4")

        assert read_template(written.tobytes(), 3).tolist() == written.tolist()

    @pytest.mark.parametrize(
        ("values", "text"),
        [
            ([], "3 float32 values .12 bytes., but got 0 bytes"),
            ([1.0, 0.0], "but got 8 bytes"),
            ([1.0, 0.0, 0.0, 0.0], "but got 16 bytes"),
            ([float("nan"), 0.0, 1.0], "finite"),
            ([float("inf"), 0.0, 1.0], "finite"),
            ([0.0, 0.0, 0.0], "length 0.000"),
            ([2.0, 0.0, 0.0], "length 2.000"),
        ],
    )
    def test_what_is_no_template_is_refused(self, values: list[float], text: str) -> None:
        array: FloatArray = np.array(values, dtype="<f4")

        with pytest.raises(BadTemplateError, match=text):
            read_template(array.tobytes(), 3)
