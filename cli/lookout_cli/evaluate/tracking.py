"""``lookout evaluate tracking``: how well faces are followed on a crowded street, and how many shots are embedded for it."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Annotated

import cv2
import typer
from lookout.events import UNSIGNED, Deployment, DeploymentState, Frame, Sealed
from lookout.vision.arrays import Image
from lookout.vision.detector import Detections
from lookout.vision.pack import LoadedPack, load_pack
from lookout_detection.domain import CameraView, Look, TrackRules, follow
from lookout_detection.metrics import Metrics
from lookout_detection.ports import ChipContract, LandmarkRefiner
from lookout_detection.settings import Settings
from lookout_detection.shots import ShotCutter, Sight
from prometheus_client import CollectorRegistry
from rich.table import Table

from lookout_cli.console import err, out, told_plainly
from lookout_cli.demo.footage import Street
from lookout_cli.demo.photographs import Photographs, fetch_photographs
from lookout_cli.evaluate.crowd import Truth, crowd, truth_of
from lookout_cli.evaluate.following import FollowingCount
from lookout_cli.models.store import DEFAULT_PACK, default_models_folder
from lookout_cli.progress import Report, progress_bars

_CAMERA = "street"
_BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
_NOBODY = Sealed(key_id="", nonce=b"", ciphertext=b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way of following: ``every`` n-th frame is looked at, detections below ``least_score`` are nothing."""

    name: str
    rules: TrackRules
    least_score: float
    every: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingResult:
    """What one way made of the street.

    Attributes:
        way: its name.
        fps: frames looked at a second.
        passes: people who passed.
        missed: of them, never followed.
        id_switches: times a face went on under another track.
        fragmentations: times following a face in plain view was interrupted.
        tracks: tracks in all.
        coverage: share of faces in plain view that were followed, frame by frame.
        faces: faces followed, counted on every frame: what embedding every face would embed.
        shots: shots sent to be embedded.
        shots_per_pass: the same, for each person.
        embeddings_saved: 1 - shots / faces.
        rejected: shots that were not usable, by reason.
        ms_follow: milliseconds of following a frame, on average.
        ms_shots: milliseconds of judging and cutting shots, for each frame on average.
    """

    way: str
    fps: float
    passes: int
    missed: int
    id_switches: int
    fragmentations: int
    tracks: int
    coverage: float
    faces: int
    shots: int
    shots_per_pass: float
    embeddings_saved: float
    rejected: dict[str, int]
    ms_follow: float
    ms_shots: float


def ways_of(settings: Settings) -> tuple[Way, ...]:
    """Following as it is, with half the frames, and without what doubtful detections add."""
    rules, low, sure = settings.tracks, settings.least_score, settings.first_score
    plain = Way(name="as shipped", rules=rules, least_score=low)
    return (
        plain,
        replace(plain, name="as shipped, every second frame", every=2),
        Way(name="doubtful detections ignored", rules=rules, least_score=sure),
        Way(name="doubtful on a par", rules=replace(rules, first_score=low), least_score=low),
    )


class _Follower:
    """One way of following, with everything it needs, over a street."""

    def __init__(self, way: Way, chips: ChipContract, refiner: LandmarkRefiner) -> None:
        settings = Settings()
        self.way, self.count = way, FollowingCount()
        self._cutter = ShotCutter(
            chips=chips,
            refiner=refiner,
            rules=settings.shots,
            limits=settings.limits,
            cameras={},
            metrics=Metrics(CollectorRegistry()),
        )
        self._deployment = _deployment(chips.pack_sha256)
        self._view = CameraView(deployment_id="evaluation", camera_id=_CAMERA)
        self._rejected: Counter[str] = Counter()
        self._faces = self._shots = self._frames = 0
        self._follow_s = self._shots_s = 0.0

    def frame(
        self, number: int, at: datetime, image: Image, found: Detections, truth: Truth
    ) -> None:
        """Follow one more frame, unless this way leaves it out."""
        if number % self.way.every:
            return
        found = found.take(found.scores >= self.way.least_score)
        size = image.shape[1], image.shape[0]
        look = Look(
            frame_id=f"frame-{number}",
            sequence=number,
            at=at,
            size=size,
            boxes=found.boxes,
            scores=found.scores,
        )
        began = perf_counter()
        followed = follow(self._view, look, self.way.rules)
        then = perf_counter()
        sight = Sight(frame=_frame(look), deployment=self._deployment, image=image, found=found)
        self._view, shots = self._cutter.choose(sight, followed.view, followed.seen, self._rejected)
        self._shots_s += perf_counter() - then
        self._follow_s += then - began
        rows = [row for row, track in enumerate(followed.seen) if track is not None]
        self.count.frame(truth, found.boxes[rows], [name for name in followed.seen if name])
        self._faces += followed.faces
        self._shots += len(shots)
        self._frames += 1

    def result(self, fps: float) -> TrackingResult:
        """What came of it."""
        passes, frames = max(self.count.passes, 1), max(self._frames, 1)
        return TrackingResult(
            way=self.way.name,
            fps=fps / self.way.every,
            passes=self.count.passes,
            missed=self.count.missed,
            id_switches=self.count.switches,
            fragmentations=self.count.fragmentations,
            tracks=self.count.tracks,
            coverage=round(self.count.coverage, 4),
            faces=self._faces,
            shots=self._shots,
            shots_per_pass=round(self._shots / passes, 2),
            embeddings_saved=round(1 - self._shots / max(self._faces, 1), 4),
            rejected=dict(sorted(self._rejected.items())),
            ms_follow=round(1000 * self._follow_s / frames, 2),
            ms_shots=round(1000 * self._shots_s / frames, 2),
        )


def evaluate_tracking(
    loaded: LoadedPack,
    photographs: Photographs,
    *,
    people: int,
    seconds: float,
    fps: int,
    seed: int,
    report: Report,
) -> list[TrackingResult]:
    """Let a crowd pass, and follow it in every way at once. Models run on one thread.

    Blocks for about a fifth of a second per frame.
    """
    cv2.setNumThreads(1)
    settings, pack = Settings(), loaded.pack
    detector = loaded.detector(settings=settings.detector(pack.detector.settings))
    chips = ChipContract(
        pack_sha256=pack.sha256, size=pack.embedder.size, template=pack.embedder.template_points
    )
    refiner = loaded.refiner()
    followers = [_Follower(way, chips, refiner) for way in ways_of(settings)]
    script = crowd(people, seconds=seconds, seed=seed)
    street = Street(photographs, seconds=seconds, seed=seed, script=script, script_s=seconds)
    frames = round(seconds * fps)
    for number in range(frames):
        at_s = number / fps
        image = street.render(at_s, noise_of=number)
        found, truth = detector.detect(image), truth_of(street.sights(at_s))
        for follower in followers:
            follower.frame(number, _BEGIN + timedelta(seconds=at_s), image, found, truth)
        report("following the crowd", number + 1, frames)
    return [follower.result(fps) for follower in followers]


def tracking(
    people: Annotated[int, typer.Option(min=1, max=200, help="People who pass.")] = 20,
    seconds: Annotated[float, typer.Option(min=12, help="Length of the footage.")] = 24,
    fps: Annotated[int, typer.Option(min=1, max=30, help="Frames a second.")] = 10,
    seed: Annotated[int, typer.Option(help="Another seed, another crowd.")] = 1,
    pack: Annotated[str, typer.Option(help="Model pack.")] = DEFAULT_PACK,
    models: Annotated[Path, typer.Option(help="Folder of model files.")] = default_models_folder(),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Follow a crowd on the demonstration's street, where the truth is known: id switches, shots, embeddings saved."""
    with told_plainly():
        loaded = load_pack(pack, models)
        cache = models.parent / "photographs"
        with progress_bars(err) as report:
            photographs = fetch_photographs(cache, lambda _: None)
            results = evaluate_tracking(
                loaded,
                photographs,
                people=people,
                seconds=seconds,
                fps=fps,
                seed=seed,
                report=report,
            )
    if as_json:
        what = {"pack": pack, "people": people, "seconds": seconds, "fps": fps, "seed": seed}
        print(json.dumps({**what, "ways": [asdict(result) for result in results]}))
    else:
        out.print(_table(results))


def _table(results: Sequence[TrackingResult]) -> Table:
    columns = (
        *("way", "frames/s", "people", "missed", "id switches", "fragmentations", "tracks"),
        *("followed", "faces", "shots", "shots per pass", "embeddings saved"),
    )
    table = Table(*columns, title="Following a crowd")
    for one in results:
        table.add_row(
            one.way,
            f"{one.fps:g}",
            *map(str, (one.passes, one.missed, one.id_switches, one.fragmentations, one.tracks)),
            f"{one.coverage:.1%}",
            *map(str, (one.faces, one.shots)),
            f"{one.shots_per_pass:.1f}",
            f"{one.embeddings_saved:.1%}",
        )
    return table


def _frame(look: Look) -> Frame:
    width, height = look.size
    return Frame(
        deployment_id="evaluation",
        frame_id=look.frame_id,
        camera_id=_CAMERA,
        sequence=look.sequence,
        captured_at=look.at,
        width=width,
        height=height,
        image=_NOBODY,
    )


def _deployment(pack_sha256: str) -> Deployment:
    """Confirmation as the command line's own deployments have it: two of five shots."""
    return Deployment(
        deployment_id="evaluation",
        state=DeploymentState.LIVE,
        opens_at=_BEGIN,
        closes_at=_BEGIN + timedelta(days=1),
        cameras=(_CAMERA,),
        target_fpir=0.001,
        pack_name="",
        pack_sha256=pack_sha256,
        watchlist_hash="",
        confirm_shots=2,
        confirm_of=5,
        authority="evaluation",
        demonstration=True,
        updated_at=_BEGIN,
        signature=UNSIGNED,
    )
