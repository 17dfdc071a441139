"""Nothing is captured or matched without authority, a keeper, or the right model: capture and matching, in memory."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from lookout.events import Deployment, DeploymentState, Frame, ServiceState, ServiceStatus
from lookout.hosting.platform import Platform
from lookout.sealing.ports import DataKey
from lookout.sealing.signing import ROLE_CONTROL, Signer, TrustStore
from lookout_cli.control import read_all
from lookout_cli.stack.local import CLI_SIGNER, LocalStack
from lookout_cli.stack.services import Builder, builders
from support.pipeline import (
    Hosted,
    Pulse,
    a_deployment,
    awaited,
    hosted,
    memory_stack,
    require_redis,
    signed,
)
from support.polling import until
from support.scene import CAMERA

pytestmark = pytest.mark.redis

_OFFICER = "officer"


@dataclass(frozen=True, slots=True)
class World:
    """A stack in memory on which nothing runs yet, an officer whose word counts, and a camera's footage."""

    stack: LocalStack
    platform: Platform
    officer: Signer
    footage: Path

    def builders(self) -> Mapping[str, Builder]:
        """What makes each service; capture plays the footage again and again."""
        return builders({"cameras": f"{CAMERA}=folder:{self.footage}", "loop": True, "fps": 20.0})

    def open(self, deployment: Deployment, signer: Signer | None = None) -> None:
        """Publish a deployment, signed by the officer unless another is named."""
        self.platform.emit(signed(self.platform, deployment, signer or self.officer))

    def a_deployment(self, *, lasts: timedelta = timedelta(hours=1)) -> Deployment:
        """One that begins now."""
        return a_deployment(self.platform.clock(), lasts=lasts)

    def frames(self) -> list[Frame]:
        """Every frame sealed."""
        return list(read_all(self.platform, Frame))

    @contextmanager
    def capturing(self, *, demonstration: bool = False) -> Iterator[Hosted]:
        """Capture alone, which hears that the others are live."""
        capture = {"capture": self.builders()["capture"]}
        with hosted(self.stack, capture, demonstration=demonstration) as services:
            yield services["capture"]


@pytest.fixture(name="world")
def world_fixture(tmp_path: Path) -> Iterator[World]:
    require_redis()
    footage = tmp_path / "footage"
    footage.mkdir()
    noise = np.random.default_rng(1).integers(0, 255, (5, 120, 160, 3), dtype=np.uint8)
    for number, image in enumerate(noise):
        cv2.imwrite(str(footage / f"{number}.jpg"), image)
    with memory_stack(tmp_path / "state") as stack:
        platform = stack.platform()
        officer = Signer(_OFFICER, DataKey(f"signing/{_OFFICER}", secrets.token_bytes(32)))
        trust = TrustStore.load(stack.folder.trust)
        trust.adding(officer, roles=[ROLE_CONTROL]).save(stack.folder.trust)
        try:
            yield World(stack, platform, officer, footage)
        finally:
            platform.close()


@pytest.fixture(name="pulse")
def pulse_fixture(world: World) -> Iterator[Pulse]:
    pulse = Pulse(world.platform, ["keeper", "matching"])
    yield pulse
    pulse.stop()


def _shut_because(capture: Hosted, reason: str) -> bool:
    state, why = capture.state()
    return state is ServiceState.NOT_RUNNING and reason in why


@pytest.mark.usefixtures("pulse")
def test_nothing_is_sealed_before_a_deployment_is_opened(world: World) -> None:
    with world.capturing() as capture:
        until(lambda: _shut_because(capture, "no deployment has been opened"), "the reason")
        assert world.frames() == []
        assert world.platform.keyring.held() == 0
        world.open(world.a_deployment())
        until(lambda: bool(world.frames()), "frames once there is authority")
        until(capture.is_live, "capture live")


@pytest.mark.usefixtures("pulse")
@pytest.mark.parametrize("name", ["nobody", _OFFICER])
def test_deployment_signed_with_a_key_that_is_not_listed_is_refused(
    world: World, name: str
) -> None:
    forger = Signer(name, DataKey(f"signing/{name}", secrets.token_bytes(32)))
    with world.capturing() as capture:
        world.open(world.a_deployment(), forger)
        topic = world.platform.topic(Deployment)
        until(lambda: capture.refused(topic) == {"not_signed": 1}, "the refusal's count")
        until(lambda: _shut_because(capture, "no deployment has been opened"), "the reason")
    assert world.frames() == []


@pytest.mark.usefixtures("pulse")
@pytest.mark.parametrize(
    ("mode", "says_so"), [(False, False), (False, True), (True, False)], ids=str
)
def test_demonstration_key_counts_in_demonstration_mode_and_for_demonstrations_only(
    world: World, *, mode: bool, says_so: bool
) -> None:
    key = world.platform.vault.get(f"signing/{CLI_SIGNER}")
    with world.capturing(demonstration=mode) as capture:
        deployment = replace(world.a_deployment(), demonstration=says_so)
        world.open(deployment, Signer(CLI_SIGNER, key))
        topic = world.platform.topic(Deployment)
        until(lambda: capture.refused(topic) == {"not_signed": 1}, "the refusal's count")
    assert world.frames() == []


@pytest.mark.usefixtures("pulse")
def test_demonstration_key_counts_where_all_say_that_it_is_a_demonstration(world: World) -> None:
    key = world.platform.vault.get(f"signing/{CLI_SIGNER}")
    with world.capturing(demonstration=True):
        world.open(replace(world.a_deployment(), demonstration=True), Signer(CLI_SIGNER, key))
        until(lambda: bool(world.frames()), "frames")


@pytest.mark.usefixtures("pulse")
def test_capture_stops_at_the_end_of_the_window(world: World) -> None:
    deployment = world.a_deployment(lasts=timedelta(seconds=1.5))
    with world.capturing() as capture:
        world.open(deployment)
        until(lambda: bool(world.frames()), "frames inside the window")
        until(lambda: _shut_because(capture, "closed at"), "capture shut, with the reason")
    assert max(frame.captured_at for frame in world.frames()) < deployment.closes_at


@pytest.mark.usefixtures("pulse")
def test_capture_stops_within_a_second_of_the_deployments_end(world: World) -> None:
    deployment = world.a_deployment()
    with world.capturing() as capture:
        world.open(deployment)
        until(capture.is_live, "capture live")
        ended_at = world.platform.clock()
        world.open(replace(deployment, state=DeploymentState.ENDED, updated_at=ended_at))
        until(lambda: _shut_because(capture, "is ended"), "capture shut, with the reason")
    assert max(frame.captured_at for frame in world.frames()) < ended_at + timedelta(seconds=1)


@pytest.mark.parametrize("silent", ["keeper", "matching"])
def test_capture_stops_when_who_comes_after_it_falls_silent(
    world: World, pulse: Pulse, silent: str
) -> None:
    with world.capturing() as capture:
        world.open(world.a_deployment())
        until(capture.is_live, "capture live")
        pulse.services = [name for name in pulse.services if name != silent]
        until(lambda: _shut_because(capture, f"{silent} last reported at"), "capture shut")
        shut_at = world.platform.clock()
        pulse.services = ["keeper", "matching"]
        until(capture.is_live, "capture live again")
    # It said why, and meant it: between the silence's end and the next word nothing was sealed.
    assert not [f for f in world.frames() if shut_at <= f.captured_at < _word_after(world, shut_at)]


def _word_after(world: World, moment: datetime) -> datetime:
    said = [status.reported_at for status in read_all(world.platform, ServiceStatus)]
    return min(at for at in said if at > moment)


@pytest.mark.models
def test_matching_with_another_pack_than_the_deployments_does_not_run_and_says_so(
    world: World, models_folder: Path
) -> None:
    world.stack.models = models_folder
    made = world.builders()
    services = {name: made[name] for name in ("capture", "matching")}
    keeper = Pulse(world.platform, ["keeper"])
    try:
        with hosted(world.stack, services, demonstration=False) as running:
            world.open(world.a_deployment())
            status = awaited(
                world.platform,
                ServiceStatus,
                lambda said: said.service == "matching" and "names model pack" in said.reason,
                "matching's word on the pack",
            )
            assert status.state is ServiceState.NOT_RUNNING
            until(
                lambda: _shut_because(running["capture"], "matching is not running: deployment"),
                "capture shut because of it",
            )
    finally:
        keeper.stop()
    assert world.frames() == []
