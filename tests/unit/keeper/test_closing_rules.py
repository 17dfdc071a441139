from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookout.events import (
    DeletedRecords,
    Deployment,
    DeploymentState,
    ErasureReason,
    PurgeState,
)
from lookout_keeper import closing_domain as rules
from lookout_keeper.closing_domain import Deletion, Missing, Stored, deletion
from lookout_keeper.domain import Accounts, ChainHead
from support.golden import example

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
LIVE = {"live", "not-opened-yet"}
DEPLOYMENT = replace(
    example(Deployment, "deployment/live"),
    opens_at=NOW - timedelta(hours=1),
    closes_at=NOW + timedelta(hours=1),
    updated_at=NOW - timedelta(hours=1),
)
NONE = Accounts(issued=0, made=0, destroyed={}, expired=0, unused=0, alive=0, reserved=0, pending=0)


def plan(owners: list[str], *, start: int = 0, end: int | None = None) -> Deletion:
    records = [Stored(start + place, owner) for place, owner in enumerate(owners)]
    return deletion(
        records,
        end=start + len(owners) if end is None else end,
        own="own",
        spared=LIVE.__contains__,
    )


@pytest.mark.parametrize(
    ("owners", "below", "left"),
    [
        ([], 0, 0),
        (["own", "own"], 2, 0),
        (["own", "over", "own"], 3, 0),
        (["own", "live", "own", "own"], 1, 2),
        (["live", "own"], 0, 1),
        (["own", "not-opened-yet"], 1, 0),
        (["", "own", ""], 3, 0),
    ],
    ids=[
        "empty",
        "alone",
        "with one that is over",
        "before and after",
        "after",
        "not opened",
        "nobody's",
    ],
)
def test_a_partition_is_deleted_up_to_the_first_record_of_a_deployment_that_is_not_over(
    owners: list[str], below: int, left: int
) -> None:
    assert plan(owners) == Deletion(below, left)


def test_what_came_after_the_end_was_taken_is_left_alone() -> None:
    assert plan(["own", "own", "own"], end=2) == Deletion(2, 0)


owners_strategy = st.lists(st.sampled_from(["own", "live", "not-opened-yet", "over", ""]))


@given(owners=owners_strategy, start=st.integers(0, 1_000))
def test_never_a_record_of_another_live_deployment_is_deleted_and_nothing_more_is_kept_than_need_be(
    owners: list[str], start: int
) -> None:
    found = plan(owners, start=start)
    gone, kept = owners[: found.below - start], owners[found.below - start :]

    assert not LIVE & set(gone)
    assert not kept or kept[0] in LIVE
    assert found.left == kept.count("own")


class TestWhenAPurgeMayBegin:
    def may(self, deployment: Deployment, now: datetime, *, drained: bool) -> bool:
        return rules.may_begin(deployment, now, grace=timedelta(seconds=2), drained=lambda: drained)

    @pytest.mark.parametrize("state", [DeploymentState.LIVE, DeploymentState.STOPPED])
    def test_not_within_the_window_of_one_that_may_go_on(self, state: DeploymentState) -> None:
        assert not self.may(replace(DEPLOYMENT, state=state), NOW, drained=True)

    @pytest.mark.parametrize("state", [DeploymentState.LIVE, DeploymentState.STOPPED])
    def test_once_the_window_has_passed_by_itself_after_the_whole_grace(
        self, state: DeploymentState
    ) -> None:
        deployment = replace(DEPLOYMENT, state=state)
        closes = deployment.closes_at

        assert not self.may(deployment, closes, drained=True)
        assert not self.may(deployment, closes + timedelta(seconds=1.9), drained=True)
        assert self.may(deployment, closes + timedelta(seconds=2), drained=False)

    def test_after_an_order_as_soon_as_nothing_is_under_way_or_the_grace_is_over(self) -> None:
        ended = replace(DEPLOYMENT, state=DeploymentState.ENDED, updated_at=NOW)

        assert self.may(ended, NOW, drained=True)
        assert not self.may(ended, NOW + timedelta(seconds=1), drained=False)
        assert self.may(ended, NOW + timedelta(seconds=2), drained=False)

    def test_an_order_after_the_window_does_not_make_the_end_later(self) -> None:
        late = replace(
            DEPLOYMENT,
            state=DeploymentState.ENDED,
            updated_at=DEPLOYMENT.closes_at + timedelta(minutes=5),
        )

        assert rules.closed_at(late) == DEPLOYMENT.closes_at


class TestWhatIsMissing:
    def test_nothing_when_everything_is_gone(self) -> None:
        assert rules.missing_of(vault=False, gallery=False, accounts=NONE, left={}) == {}

    def test_every_thing_that_is_left_is_named(self) -> None:
        accounts = replace(NONE, issued=3, alive=2, pending=1)

        found = rules.missing_of(
            vault=True, gallery=True, accounts=accounts, left={"watchlist": 2, "frames": 0}
        )

        assert set(found) == set(Missing)
        assert "2 on watchlist" in found[Missing.RECORDS]
        assert "frames" not in found[Missing.RECORDS]
        assert "2 keys are held" in found[Missing.EVIDENCE]

    @pytest.mark.parametrize(
        ("missing", "settled"),
        [
            ([], True),
            ([Missing.EVIDENCE, Missing.RECORDS], True),
            ([Missing.EVIDENCE, Missing.GALLERY], False),
            ([Missing.ACCOUNT], False),
        ],
    )
    def test_only_what_takes_its_time_anyway_is_not_waited_for(
        self, missing: list[Missing], *, settled: bool
    ) -> None:
        assert rules.is_settled(missing) is settled


class TestCertificates:
    def test_a_revision_counts_every_key_and_forgets_nothing_deleted_before(self) -> None:
        first = rules.begun(DEPLOYMENT, entries=2, at=NOW)
        accounts = replace(
            NONE, issued=10, made=4, destroyed={ErasureReason.NO_MATCH: 3}, unused=6, expired=1
        )

        def deleted(partition: int, below: int) -> DeletedRecords:
            return DeletedRecords(topic="frames", partition=partition, below=below)

        second = rules.revised(
            first,
            at=NOW,
            deleted=[deleted(0, 7), deleted(1, 4)],
            accounts=accounts,
            head=ChainHead(5, b"h"),
            missing={Missing.EVIDENCE: "1 key"},
        )
        third = rules.revised(
            second,
            at=NOW,
            deleted=[deleted(1, 9), deleted(0, 0)],
            accounts=accounts,
            head=ChainHead(6, b"i"),
            missing={},
        )

        assert (second.revision, second.state, second.missing) == (
            2,
            PurgeState.INCOMPLETE,
            ("1 key",),
        )
        assert (third.revision, third.state, third.entries) == (3, PurgeState.COMPLETE, 2)
        assert third.deleted == (deleted(0, 7), deleted(1, 9))
        assert sum(one.count for one in third.keys_ended) == third.keys_issued == 10
        assert (third.chain_sequence, third.chain_hash) == (5, b"i")
