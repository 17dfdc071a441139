"""The deployments in force: the latest signed word counts, within its window, and only while it is known to be the latest."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lookout.events import (
    UNSIGNED,
    Deployment,
    DeploymentState,
    Event,
    ServiceState,
    ServiceStatus,
)
from lookout.hosting.authority import FollowedAuthority, signature_check
from lookout.hosting.platform import Platform
from lookout.sealing.ports import DataKey
from lookout.sealing.signing import ROLE_CONTROL, ROLE_RECEIPTS, Signer, TrustStore
from lookout.stream.ports import Message, Partition, Position
from support.pipeline import a_deployment, signed
from support.polling import until
from support.scene import CAMERA

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
OFFICER = Signer("officer", DataKey("signing/officer", b"o" * 32))
DEMONSTRATOR = Signer("demonstrator", DataKey("signing/demonstrator", b"d" * 32))
KEEPER = Signer("keeper", DataKey("signing/keeper", b"k" * 32))
STRANGER = Signer("stranger", DataKey("signing/stranger", b"s" * 32))
FORGER = Signer("officer", DataKey("signing/officer", b"f" * 32))
TRUST = (
    TrustStore({})
    .adding(OFFICER, roles=[ROLE_CONTROL])
    .adding(DEMONSTRATOR, roles=[ROLE_CONTROL], demonstration=True)
    .adding(KEEPER, roles=[ROLE_RECEIPTS])
)


def _authority(*deployments: Deployment, known: bool = True) -> FollowedAuthority:
    authority = FollowedAuthority(known=lambda: known)
    for deployment in deployments:
        authority.heard(deployment)
    return authority


def test_without_a_deployment_nothing_is_in_force_and_it_says_so() -> None:
    authority = _authority()

    assert list(authority.in_force(NOW)) == []
    assert authority.for_camera(CAMERA, NOW) is None
    assert authority.why_not(NOW) == "no deployment has been opened"


def test_a_deployment_covers_its_cameras_and_no_others() -> None:
    deployment = a_deployment(NOW)
    authority = _authority(deployment)

    assert authority.deployment(deployment.deployment_id, NOW) == deployment
    assert authority.for_camera(CAMERA, NOW) == deployment
    assert authority.for_camera("another", NOW) is None
    assert authority.why_not(NOW) == ""


@pytest.mark.parametrize(
    ("offset_s", "in_force"), [(-0.001, False), (0, True), (3599.999, True), (3600, False)]
)
def test_the_window_is_closed_at_its_beginning_and_open_at_its_end(
    *, offset_s: float, in_force: bool
) -> None:
    authority = _authority(a_deployment(NOW))

    found = authority.in_force(NOW + timedelta(seconds=offset_s))

    assert bool(found) is in_force


def test_what_is_not_known_to_be_the_latest_gives_no_authority() -> None:
    deployment = a_deployment(NOW)
    authority = _authority(deployment, known=False)

    assert list(authority.in_force(NOW)) == []
    assert authority.deployment(deployment.deployment_id, NOW) is None
    assert authority.for_camera(CAMERA, NOW) is None
    assert "not known" in authority.why_not(NOW)
    assert authority.latest(deployment.deployment_id) == deployment


def test_an_older_record_does_not_bring_back_what_ended() -> None:
    live = a_deployment(NOW)
    ended = replace(live, state=DeploymentState.ENDED, updated_at=NOW + timedelta(seconds=1))
    authority = _authority(ended, live)

    assert list(authority.in_force(NOW)) == []
    assert "is ended" in authority.why_not(NOW)


def _is_signed(
    platform: Platform, event: Event, *, demonstration: bool = False, value: bytes | None = b""
) -> bool:
    check = signature_check(platform.codec, TRUST, demonstration=demonstration)
    content = platform.codec.encode(event) if value == b"" else value
    at = Position(Partition("lookout.deployments", 0), 0)
    return check(Message(at, b"key", content, (), NOW), event)


def test_an_officers_word_counts_in_any_mode(platform: Platform) -> None:
    deployment = signed(platform, a_deployment(NOW), OFFICER)

    assert _is_signed(platform, deployment)
    assert _is_signed(platform, deployment, demonstration=True)


@pytest.mark.parametrize("signer", [STRANGER, FORGER, KEEPER], ids=["stranger", "forger", "keeper"])
def test_a_strangers_a_forgers_and_a_keepers_word_does_not(
    platform: Platform, signer: Signer
) -> None:
    deployment = signed(platform, a_deployment(NOW), signer)

    assert not _is_signed(platform, deployment)


def test_an_unsigned_or_altered_record_does_not_count(platform: Platform) -> None:
    deployment = signed(platform, a_deployment(NOW), OFFICER)

    assert not _is_signed(platform, replace(deployment, signature=UNSIGNED))
    assert not _is_signed(platform, replace(deployment, cameras=("another",)))
    assert not _is_signed(platform, deployment, value=None)


@pytest.mark.parametrize(
    ("mode", "says_so", "counts"),
    [(False, False, False), (False, True, False), (True, False, False), (True, True, True)],
)
def test_a_demonstrators_word_counts_for_demonstrations_in_demonstration_mode(
    platform: Platform, *, mode: bool, says_so: bool, counts: bool
) -> None:
    deployment = signed(platform, a_deployment(NOW, demonstration=says_so), DEMONSTRATOR)

    assert _is_signed(platform, deployment, demonstration=mode) is counts


def test_a_record_that_is_no_control_record_is_nobodys_order(platform: Platform) -> None:
    status = ServiceStatus(
        deployment_id="",
        service="test",
        instance="test-1",
        state=ServiceState.LIVE,
        reason="",
        since=NOW,
        reported_at=NOW,
    )

    assert not _is_signed(platform, status)


def test_the_platforms_authority_hears_signed_deployments_only(platform: Platform) -> None:
    platform.trust = TRUST
    authority = platform.authority()
    now = platform.clock()
    platform.emit(signed(platform, a_deployment(now, deployment_id="forged"), FORGER))
    platform.emit(signed(platform, a_deployment(now, deployment_id="real"), OFFICER))

    until(lambda: bool(authority.in_force(platform.clock())), "the deployment in force")

    assert [known.deployment_id for known in authority.in_force(platform.clock())] == ["real"]
    assert authority.latest("forged") is None


def test_nothing_is_begun_while_it_is_not_known_any_more_what_is_in_force(
    platform: Platform,
) -> None:
    authority = platform.authority()
    platform.wait_followed(threading.Event())
    assert (platform.footing.why_not(), authority.why_unknown()) == ("", "")

    # As after a stop of seconds: the topic has not been read meanwhile.
    (follower,) = platform._followers
    follower.close()

    assert "deployments are not known" in platform.footing.why_not()
    assert authority.deployment("deployment-1", NOW) is None
