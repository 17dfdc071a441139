"""What matching says of itself: live, degraded or not running, and why."""

from dataclasses import dataclass, field, replace

import pytest
from lookout.events import (
    DeploymentState,
    ServiceState,
    WatchlistAction,
)
from lookout.vision.calibration import PassRule
from lookout.vision.errors import ThresholdOutOfRangeError
from lookout_matching.readiness import Readiness
from support.matching_fakes import PACK, FixedPack
from support.matching_world import DEPLOYMENT, World, axis


class StrictPack(FixedPack):
    """A pack whose calibration does not reach that far."""

    def threshold(self, target_fpir: float, gallery_size: int, rule: PassRule) -> float:
        raise ThresholdOutOfRangeError("enrol fewer people")


@dataclass
class AskedPack:
    """A pack that remembers for what passes it was asked."""

    sha256: str = PACK
    rules: list[PassRule] = field(default_factory=list)

    def threshold(self, target_fpir: float, gallery_size: int, rule: PassRule) -> float:
        self.rules.append(rule)
        return 0.5


class TestState:
    def test_all_in_order_is_live(self) -> None:
        assert World().new_readiness().state() == (ServiceState.LIVE, "")

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"state": DeploymentState.STOPPED}, "deployment d1 is stopped"),
            ({"watchlist_hash": "0" * 64}, "not the one that was authorised"),
            ({"pack_sha256": "b" * 64}, "start it with the deployment's pack"),
            ({"confirm_shots": 3, "confirm_of": 2}, "got 3 of 2"),
            ({"confirm_shots": 0, "confirm_of": 0}, "got 0 of 0"),
        ],
    )
    def test_what_is_not_as_authorised_is_not_running_and_says_why(
        self, changes: dict[str, object], reason: str
    ) -> None:
        world = World()
        world.change(**changes)

        state, why = world.new_readiness().state()

        assert state is ServiceState.NOT_RUNNING
        assert reason in why

    def test_no_deployment_no_watchlist_and_an_empty_one_are_not_running(self) -> None:
        world = World()
        readiness = world.new_readiness()
        for entry in ("e0", "e1"):
            world.publish(world.order(entry, WatchlistAction.WITHDRAW))
        assert readiness.state() == (
            ServiceState.NOT_RUNNING,
            "the watchlist of deployment d1 has no entry in force",
        )

        world.writer = world.new_writer()
        assert "no watchlist is known" in world.new_readiness().state()[1]

        world.deployments.records.clear()
        assert readiness.state() == (ServiceState.NOT_RUNNING, "no deployment has been opened")

    def test_a_threshold_that_the_calibration_cannot_give_is_not_running(self) -> None:
        world = World()
        readiness = Readiness(
            authority=world.deployments,
            watchlists=world.writer,
            pack=StrictPack(),
            most_shots=5,
            clock=world.clock,
        )

        assert readiness.state() == (
            ServiceState.NOT_RUNNING,
            "deployment d1: enrol fewer people",
        )

    @pytest.mark.parametrize(
        ("most_shots", "confirm", "of_a_pass"),
        [
            (5, (2, 3), PassRule(shots=5, agreeing=2)),
            (5, (1, 1), PassRule(shots=5, agreeing=1)),
            (2, (3, 4), PassRule(shots=4, agreeing=3)),
        ],
    )
    def test_the_threshold_is_asked_for_a_whole_pass(
        self, most_shots: int, confirm: tuple[int, int], of_a_pass: PassRule
    ) -> None:
        world, pack = World(), AskedPack()
        world.change(confirm_shots=confirm[0], confirm_of=confirm[1])
        readiness = Readiness(
            authority=world.deployments,
            watchlists=world.writer,
            pack=pack,
            most_shots=most_shots,
            clock=world.clock,
        )

        terms = readiness.terms(world.deployments.records[DEPLOYMENT])

        assert not isinstance(terms, str)
        assert pack.rules == [of_a_pass]
        assert terms.of_a_pass == of_a_pass

    def test_entries_left_out_are_degraded_once_the_rest_is_authorised(self) -> None:
        world = World()
        world.publish(replace(world.enrolment("e2", [axis(2)]), category=None))
        world.authorise()

        state, why = world.new_readiness().state()

        assert state is ServiceState.DEGRADED
        assert why.startswith("1 of the entries of deployment d1 cannot be used")

    def test_one_deployment_in_trouble_beside_one_in_order_is_degraded(self) -> None:
        world = World()
        other = replace(world.deployments.records[DEPLOYMENT], deployment_id="d2")
        world.deployments.records["d2"] = other

        state, why = world.new_readiness().state()

        assert state is ServiceState.DEGRADED
        assert why == "no watchlist is known for deployment d2: enrol it"
