"""The whole pipeline under load beside the bare loop: processor time a frame, and latencies until it sheds and beyond.

The bare loop runs before and after the pipeline, on the same images: what the machine's speed does meanwhile shows as a
difference between the two. The floor is the mean of bare loops that keep all processors busy, as the pipeline does.
"""

import math
import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
from lookout.hosting.memory import keep_freed_memory
from lookout.vision.pack import LoadedPack, load_pack
from lookout_detection.settings import Settings as DetectionSettings

from lookout_cli.bench import costs
from lookout_cli.bench.bare_loop import BareLoop, Gallery, LoopResult
from lookout_cli.bench.scene import BenchScene, empty_street, frames_of
from lookout_cli.bench.stack_run import FPS, BenchStack, Load, Step, bench_stack
from lookout_cli.stack.local import Say

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier

SHEDDING = 0.01
"""A load is carried while no more than this share of its images is shed."""

_OVERLOAD = 3
_LOOPS_WITHIN_S = 120
_MOST_CAMERAS = 32

Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """Which loads are tried: numbers of cameras, and how long each is measured for."""

    cameras: Sequence[int]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineResult:
    """What was measured of the pipeline.

    Attributes:
        before, after: the bare loop, alone on the machine.
        together: bare loops on all processors at once, one each.
        steps: by load, ascending.
        overload: three times the most cameras that were carried.
        empty: as many cameras as were carried, over a street where nobody is.
        parts_ms: processor milliseconds a frame that the pipeline adds, by part, each measured alone.
    """

    before: LoopResult
    after: LoopResult
    together: Sequence[LoopResult]
    steps: Sequence[Step]
    overload: Step
    empty: Step
    parts_ms: Mapping[str, float]

    @property
    def carried(self) -> Step:
        """The heaviest load without shedding; the lightest if all shed."""
        return carried(self.steps)

    @property
    def alone_ms(self) -> float:
        """Processor milliseconds a frame of one bare loop while nothing else runs."""
        return (self.before.cpu_ms_per_frame + self.after.cpu_ms_per_frame) / 2

    @property
    def bare_ms(self) -> float:
        """Processor milliseconds a frame of bare loops that keep all processors busy.

        Where processors share caches and units, what they lose to each other counts as time used: the pipeline, which keeps
        them busy too, is compared with this.
        """
        return sum(loop.cpu_ms_per_frame for loop in self.together) / len(self.together)

    def cpu_ms(self, step: Step) -> float:
        """Processor milliseconds a frame of all services together."""
        return 1000 * step.services_cpu_s / step.looked_at

    @property
    def cpu_ratio(self) -> float:
        """Services to bare loop, at the load that is carried; the broker and the keyring apart."""
        return self.cpu_ms(self.carried) / self.bare_ms

    @property
    def empty_ratio(self) -> float:
        """What an image of an empty street costs the services, to one of the footage's."""
        per_image = [
            1000 * step.services_cpu_s / step.offered for step in (self.empty, self.carried)
        ]
        return per_image[0] / per_image[1]

    def latency_at(self, cameras: int) -> Step:
        """The step with so many cameras, or the nearest to it."""
        return min(self.steps, key=lambda step: abs(step.cameras - cameras))

    def as_json(self) -> dict[str, object]:
        """For the report."""
        step = self.carried
        per_frame = {
            name: round(1000 * cpu / step.looked_at, 2) for name, cpu in step.cpu_s.items()
        }
        return {
            "cpu_ratio": round(self.cpu_ratio, 3),
            "cpu_ratio_to_one_loop_alone": round(self.cpu_ms(step) / self.alone_ms, 3),
            "frames_per_s": round(step.frames_per_s, 2),
            "cameras": step.cameras,
            "bare_loop": {
                "before_ms": round(self.before.cpu_ms_per_frame, 2),
                "after_ms": round(self.after.cpu_ms_per_frame, 2),
                "on_all_processors_ms": [round(one.cpu_ms_per_frame, 2) for one in self.together],
                "frames_per_s": round(self.before.frames_per_s, 2),
                "faces_per_frame": round(self.before.faces / self.before.frames, 2),
                "embedded_per_frame": round(self.before.embedded / self.before.frames, 3),
                "stage_ms": {
                    name: round(1000 * spent / self.before.frames, 3)
                    for name, spent in self.before.stage_s.items()
                },
            },
            "empty_street": {
                "ratio": round(self.empty_ratio, 3),
                "looked_at": round(self.empty.looked_at / self.empty.offered, 3),
                **self.empty.as_json(),
            },
            "pipeline_ms": round(self.cpu_ms(step), 2),
            "pipeline_ms_by_process": per_frame,
            "detection_stage_ms": _stages(step),
            "parts_ms": {name: round(cost, 3) for name, cost in self.parts_ms.items()},
        }


def carried(steps: Sequence[Step]) -> Step:
    """The heaviest of these loads without shedding; the lightest if all shed."""
    kept = [step for step in steps if step.shed <= SHEDDING]
    return max(kept, key=lambda step: step.cameras) if kept else steps[0]


def measure(
    scene: BenchScene,
    loaded: LoadedPack,
    gallery: Gallery,
    plan: LoadPlan,
    *,
    state: Path,
    models: Path,
    say: Say,
    report: Report,
) -> PipelineResult:
    """Run the bare loop, the pipeline at every load until it sheds, at three times that, and the bare loop again.

    Raises:
        StackError: the stack did not come up, or no frame came through.
    """
    total = len(plan.cameras) + 5
    report("bare loop and pipeline", 0, total)
    before = bare_loop(scene, loaded, gallery)
    load = Load(footage=scene.path, rows=scene.rows, loaded=loaded)
    with bench_stack(state, load, models=models, say=say) as stack:
        steps: list[Step] = []
        for number, cameras in enumerate(plan.cameras):
            report("bare loop and pipeline", 1 + number, total)
            steps.append(stack.step(cameras, plan.seconds))
            if steps[-1].shed > SHEDDING:
                break
        _refine(stack, steps, plan.seconds)
        report("bare loop and pipeline", total - 3, total)
        most = min(_MOST_CAMERAS, _OVERLOAD * carried(steps).cameras)
        overload = stack.step(most, plan.seconds)
        empty = stack.step(carried(steps).cameras, plan.seconds, empty_street(say))
        parts = costs.measure(stack.platform, jpeg_bytes=_jpeg_bytes(steps[0]))
    after = bare_loop(scene, loaded, gallery)
    together = loops_together(scene, gallery, loaded.pack.name, models)
    report("bare loop and pipeline", total, total)
    return PipelineResult(
        before=before,
        after=after,
        together=together,
        steps=sorted(steps, key=lambda step: step.cameras),
        overload=overload,
        empty=empty,
        parts_ms=parts,
    )


def bare_loop(scene: BenchScene, loaded: LoadedPack, gallery: Gallery) -> LoopResult:
    """One run of the bare loop over the footage, decoding it as it goes; on one thread, as services do."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return _looped(scene, loaded, gallery)
    finally:
        cv2.setNumThreads(threads)


def _looped(scene: BenchScene, loaded: LoadedPack, gallery: Gallery) -> LoopResult:
    loop = BareLoop(loaded, gallery, fps=FPS, settings=DetectionSettings())
    return loop.run(frames_of(scene.path))


def loops_together(
    scene: BenchScene, gallery: Gallery, pack: str, models: Path
) -> Sequence[LoopResult]:
    """Bare loops at the same time, a process for each processor; each has its models open before any begins."""
    count = len(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(count), context.Queue()
    loops = [
        context.Process(target=_one_of, args=(scene, gallery, pack, models, ready, results))
        for _ in range(count)
    ]
    for loop in loops:
        loop.start()
    try:
        return [results.get(timeout=_LOOPS_WITHIN_S) for _ in loops]
    finally:
        for loop in loops:
            loop.kill()
            loop.join()


def _one_of(
    scene: BenchScene,
    gallery: Gallery,
    pack: str,
    models: Path,
    ready: "Barrier",
    results: "Queue[LoopResult]",
) -> None:
    keep_freed_memory()
    loaded = load_pack(pack, models)
    ready.wait(_LOOPS_WITHIN_S)
    results.put(bare_loop(scene, loaded, gallery))


def _refine(stack: BenchStack, steps: list[Step], seconds: float) -> None:
    """Between the last load that was carried and the first that was not, the one in the middle."""
    if steps[-1].shed <= SHEDDING or len(steps) < 2:
        return
    middle = math.floor((steps[-2].cameras + steps[-1].cameras) / 2)
    if middle not in {step.cameras for step in steps}:
        steps.append(stack.step(middle, seconds))


def _jpeg_bytes(step: Step) -> int:
    frames = step.counters.get("lookout_capture_frames_total", 0.0)
    return round(step.counters.get("lookout_capture_frame_bytes_total", 0.0) / max(1.0, frames))


def _stages(step: Step) -> dict[str, float]:
    prefix = "lookout_detection_stage_seconds_sum{"
    return {
        name.removeprefix(prefix).rstrip("}"): round(1000 * spent / step.looked_at, 2)
        for name, spent in step.counters.items()
        if name.startswith(prefix)
    }
