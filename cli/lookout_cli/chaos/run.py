"""A whole run: the stack, its load, the trials, and the account at the end."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final

from lookout.events import Decision, Deployment, Erasure
from lookout.hosting.platform import Platform
from lookout.ids import entry_id
from lookout.sealing.signing import ROLE_RECEIPTS
from lookout.stream.ports import StreamError
from lookout.vision.pack import LoadedPack
from lookout_keeper.domain import verify_chain

from lookout_cli.accounts import tally
from lookout_cli.chaos import camera, planting
from lookout_cli.chaos.account import PlantedPass
from lookout_cli.chaos.actions import Scene
from lookout_cli.chaos.desk import Desk
from lookout_cli.chaos.faults import Fault
from lookout_cli.chaos.ground import Ground
from lookout_cli.chaos.load import Load
from lookout_cli.chaos.report import Outcome
from lookout_cli.chaos.trials import Trial, rows_of, run_trials, settle, unexplained_alerts
from lookout_cli.chaos.watching import Watching
from lookout_cli.commands.demo import Footage, watchlist_of
from lookout_cli.control import new_deployment_id, read_all
from lookout_cli.demo.footage import ENROLLED_REFERENCE
from lookout_cli.session import session_on
from lookout_cli.stack.folder import StackError
from lookout_cli.stack.running import CaptureOptions, running

FPS: Final = 4.0
_GAP_S: Final = "5"
_LOOK_S: Final = 0.1
_READY_WITHIN_S: Final = 120.0
_SETTLE_WITHIN_S: Final = 120.0
_FIRST_WITHIN_S: Final = 120.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is tried, how often, and under what load."""

    faults: Sequence[Fault]
    times: int
    every_s: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the load is made of."""

    loaded: LoadedPack
    footage: Footage
    machine: dict[str, object]


def run(ground: Ground, plan: Plan, material: Material, say: Say) -> Outcome:
    """Start the services, plant passes, try the faults, and count.

    Raises:
        StackError: a service did not come up.
    """
    began = time.monotonic()
    stack, deployment_id = ground.stack, new_deployment_id()
    with ExitStack() as undo:
        platform = _own(stack.platform("cli"), undo)
        reel = camera.reel_of(material.footage.path, FPS)
        street = camera.PlantedCamera(
            reel, entry_id=entry_id(deployment_id, ENROLLED_REFERENCE), clock=platform.clock
        )
        street.start()
        undo.callback(street.stop)
        more = ground.environments()
        more.setdefault("alerting", {})["LOOKOUT_ALERTING_GAP_S"] = _GAP_S
        options = CaptureOptions(
            cameras=f"{camera.CAMERA}=http://127.0.0.1:{street.port}/", fps=FPS
        )
        services = undo.enter_context(running(stack, options, restart=True, more=more))
        services.wait_up(_READY_WITHIN_S)
        load = Load(services.session, deployment_id, material.loaded, seed=plan.seed)
        load.open(watchlist_of(material.footage), say)
        services.wait_ready(_READY_WITHIN_S)
        planter = planting.Planter(
            platform=_own(stack.platform("planter"), undo),
            deployment=load.deployment,
            every_s=plan.every_s,
            next_person=load.roster.next_person,
        )
        watching = Watching(_own(stack.platform("watching"), undo), deployment_id)
        desk = Desk(session_on(_own(stack.platform("desk"), undo), stack.folder))
        desk.start()
        undo.callback(desk.stop)
        planter.start()
        undo.callback(planter.stop)
        scene = Scene(ground=ground, services=services, change_watchlist=load.change)
        _await_first(watching, load.deployment, say)
        trials, skipped = run_trials(scene, watching, plan.faults, times=plan.times, say=say)
        planter.stop()
        services.end("capture")
        say("waiting until every key is accounted for")
        settled = settle(scene, load.deployment_id, _SETTLE_WITHIN_S)
        desk.stop()
        return _outcome(
            scene,
            watching,
            began=began,
            settled=settled,
            load=load,
            trials=trials,
            skipped=skipped,
            planted=[*planter.planted(), *street.planted()],
            decided=desk.decided,
            machine=material.machine,
        )


def _own(platform: Platform, undo: ExitStack) -> Platform:
    def close() -> None:
        # What could not be said any more must not hide why the run ended.
        with suppress(StreamError):
            platform.close()

    undo.callback(close)
    return platform


def _await_first(watching: Watching, deployment: Deployment, say: Say) -> None:
    """Wait for the first pass that alerts and the first frame that is looked at: before that nothing could be told of a fault."""
    say("waiting for the first alert")
    deadline = time.monotonic() + _FIRST_WITHIN_S
    while watching.recovered_at(deployment.opens_at) is None:
        if time.monotonic() > deadline:
            raise StackError("no pass alerted before the first fault: see the logs of the services")
        time.sleep(_LOOK_S)


def _outcome(
    scene: Scene,
    watching: Watching,
    *,
    began: float,
    settled: bool,
    load: Load,
    trials: Sequence[Trial],
    skipped: dict[str, str],
    planted: Sequence[PlantedPass],
    decided: set[str],
    machine: dict[str, object],
) -> Outcome:
    platform = scene.services.session.platform
    seen = watching.snapshot()
    keys = [shot.key_id for shot in seen.shots.values()] + list(seen.frames)
    alive = dict(zip(keys, platform.keyring.alive(keys), strict=True)) if keys else {}
    counted = tally(platform, load.deployment_id).keys
    found = {one.decision_id for one in read_all(platform, Decision)}
    return Outcome(
        rows=rows_of(
            trials,
            planted,
            seen,
            roster=load.roster,
            confirm=load.deployment.confirm_shots,
            alive=alive,
        ),
        skipped=skipped,
        decisions_made=len(decided),
        decisions_found=len(decided & found),
        dead_letters=dict(watching.dead_letters),
        unexplained_alerts=unexplained_alerts(seen, planted),
        keys_issued=counted.issued,
        keys_unaccounted=counted.unaccounted,
        chain_unbroken=_chain_unbroken(platform),
        settled=settled,
        seconds=time.monotonic() - began,
        machine=machine,
    )


def _chain_unbroken(platform: Platform) -> bool:
    return verify_chain(
        read_all(platform, Erasure),
        body_of=platform.codec.body,
        trusted=lambda signature, message: platform.trust.verify(
            signature, message, role=ROLE_RECEIPTS
        ),
    ).unbroken
