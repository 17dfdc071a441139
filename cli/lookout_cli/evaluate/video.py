"""A video through the services themselves, in this process and at its own pace, to see who is recognised."""

import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from lookout.enrolment.source import Row
from lookout.events import Frame, Match, Track
from lookout.ids import entry_id as id_of
from lookout.vision.pack import LoadedPack

from lookout_cli.control import ControlError, read_all
from lookout_cli.demo.run import Demonstration, enrol_and_open, taking
from lookout_cli.evaluate.passes import Claim, Pass, PassResult, judge
from lookout_cli.stack.folder import StateFolder
from lookout_cli.stack.local import LocalStack, Say
from lookout_cli.stack.running import CaptureOptions, RunningServices, running

_CAMERA = "evaluation"
_WITHIN_S = 60.0
_SETTLE_TURNS = 30


def run_video(
    video: Path,
    passes: Sequence[Pass],
    rows: Sequence[Row],
    loaded: LoadedPack,
    *,
    models: Path,
    target_fpir: float,
    fps: float,
    say: Say,
    tell: Callable[[float], None],
) -> PassResult:
    """Play a video to the services on the in-memory broker, and judge the passes. Blocks for the video's length.

    ``tell`` is told the seconds played. Everything that was captured is destroyed as in a deployment; nothing is kept.

    Raises:
        ControlError: nobody could be enrolled, or the video gave no image.
        StackError: a service did not come up.
    """
    with tempfile.TemporaryDirectory(prefix="lookout-evaluate-") as folder:
        stack = LocalStack(
            folder=StateFolder(Path(folder)),
            with_kafka=False,
            pack=loaded.pack.name,
            models=models,
            say=say,
        )
        demonstration = Demonstration(
            rows=rows,
            cameras=(_CAMERA,),
            loaded=loaded,
            target_fpir=target_fpir,
            alerts_folder=None,
        )
        capture = CaptureOptions(cameras=f"{_CAMERA}={video}", fps=fps)
        with stack, running(stack, capture, restart=False) as services:
            return _judged(services, demonstration, passes, say, tell)


def _judged(
    services: RunningServices,
    demonstration: Demonstration,
    passes: Sequence[Pass],
    say: Say,
    tell: Callable[[float], None],
) -> PassResult:
    platform = services.session.platform
    services.wait_up(_WITHIN_S)
    deployment_id = enrol_and_open(services.session, demonstration, say)
    services.wait_ready(_WITHIN_S)
    with taking(services.session, None, lambda _alert: None) as feed:
        began: datetime | None = None
        while not services.ended("capture"):
            feed.turn()
            if began is None:
                began = _first_image(services)
            if began is not None:
                tell((platform.clock() - began).total_seconds())
        for _ in range(_SETTLE_TURNS):
            feed.turn()
        began = began or _first_image(services)
    if began is None:
        raise ControlError(f"the video gave no image: {services.reason('capture')}")
    names = {id_of(deployment_id, row.reference): row.reference for row in demonstration.rows}
    claims = [
        Claim(
            reference=names.get(match.entry_id, match.entry_id),
            at_s=(match.captured_at - began).total_seconds(),
        )
        for match in read_all(platform, Match)
    ]
    tracks = {track.track_id for track in read_all(platform, Track)}
    return judge(passes, claims, enrolled=frozenset(names.values()), faces_seen=len(tracks))


def _first_image(services: RunningServices) -> datetime | None:
    """When the video's first image was taken in: the moment its seconds count from."""
    return min(
        (frame.captured_at for frame in read_all(services.session.platform, Frame)), default=None
    )
