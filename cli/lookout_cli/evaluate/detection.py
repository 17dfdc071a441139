"""``lookout evaluate detection``: recall against the size of a face, for every way of looking, and what each costs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated

import cv2
import numpy as np
import typer
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.boxes import iou_matrix
from lookout.vision.detector import Detections, FaceDetector
from lookout.vision.pack import LoadedPack, load_pack
from lookout.vision.tiles import TiledLook, TileRules
from rich.table import Table

from lookout_cli.console import err, out, told_plainly
from lookout_cli.demo.photographs import Photographs, fetch_photographs
from lookout_cli.evaluate.distance import Portrait, frames_at, portraits
from lookout_cli.evaluate.portraits import PeopleArgument, people_in
from lookout_cli.models.store import DEFAULT_PACK, default_models_folder
from lookout_cli.progress import Report, progress_bars

SIDES = (16, 20, 24, 32, 40, 48, 64, 96, 128, 200)
"""Sides of a face's box, pixels of the frame."""

FRAMES = {"720p": (1280, 720), "1080p": (1920, 1080)}
_FOUND = 0.4
"""Overlap from which a face counts as found."""

Find = Callable[[Image], Detections]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionResult:
    """One way of looking at frames of one size.

    Attributes:
        frame: 720p or 1080p.
        look: the way of looking.
        ms: median milliseconds a frame, one thread.
        recall: by side of the face's box in pixels, share of faces found.
        false_per_frame: detections that are no face, per frame.
    """

    frame: str
    look: str
    ms: float
    recall: dict[int, float]
    false_per_frame: float


def looks(loaded: LoadedPack) -> dict[str, Find]:
    """Every way of looking, all at the pack's own least score."""
    settings = loaded.pack.detector.settings

    def whole(side: int) -> FaceDetector:
        return loaded.detector(settings=replace(settings, longest_side=side))

    def tiled(first: FaceDetector, rules: TileRules) -> Find:
        far = TiledLook(whole(round(rules.side * rules.zoom)), rules)
        return lambda image: far.add(image, first.detect(image))

    first = whole(640)
    return {
        "whole frame at 640": first.detect,
        "whole frame at 1280": whole(1280).detect,
        "whole frame at 1920": whole(1920).detect,
        "640 and tiles of 640": tiled(first, TileRules(side=640, overlap=96, zoom=1)),
        "640 and tiles of 320, twice enlarged": tiled(first, TileRules()),
    }


def evaluate_detection(
    loaded: LoadedPack,
    faces: Sequence[Portrait],
    photographs: Photographs,
    *,
    seed: int,
    report: Report,
) -> list[DetectionResult]:
    """Show every face at every size, in every kind of frame, to every way of looking, in turn. One thread."""
    cv2.setNumThreads(1)
    ways = looks(loaded)
    results = []
    for frame, size in FRAMES.items():
        counts = {name: _Count() for name in ways}
        for number, side in enumerate(SIDES, start=1):
            for placed in frames_at(faces, photographs, side=side, size=size, seed=seed + side):
                for name, find in ways.items():
                    counts[name].add(side, placed.boxes, find, placed.image)
            report(f"looking at {frame}", number, len(SIDES))
        results += [count.result(frame, name) for name, count in counts.items()]
    return results


class _Count:
    """What one way of looking has found so far."""

    def __init__(self) -> None:
        self._found: dict[int, list[bool]] = {}
        self._false: list[int] = []
        self._seconds: list[float] = []

    def add(self, side: int, boxes: FloatArray, find: Find, image: Image) -> None:
        began = perf_counter()
        found = find(image)
        self._seconds.append(perf_counter() - began)
        overlap = iou_matrix(boxes, found.boxes)
        hits = overlap.max(axis=1, initial=0) >= _FOUND
        self._found.setdefault(side, []).extend(bool(hit) for hit in hits)
        self._false.append(int((overlap.max(axis=0, initial=0) < _FOUND).sum()))

    def result(self, frame: str, look: str) -> DetectionResult:
        return DetectionResult(
            frame=frame,
            look=look,
            ms=round(1000 * median(self._seconds), 1),
            recall={side: round(float(np.mean(hits)), 3) for side, hits in self._found.items()},
            false_per_frame=round(float(np.mean(self._false)), 3),
        )


def detection(
    source: PeopleArgument,
    faces: Annotated[int, typer.Option(min=1, help="People shown at each size.")] = 100,
    seed: Annotated[int, typer.Option(help="Another seed, other places.")] = 1,
    pack: Annotated[str, typer.Option(help="Model pack.")] = DEFAULT_PACK,
    models: Annotated[Path, typer.Option(help="Folder of model files.")] = default_models_folder(),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Scale real faces to 16 up to 200 pixels, put them before real backgrounds, and count who is found, and how fast."""
    with told_plainly():
        people = people_in(source)
        loaded = load_pack(pack, models)
        photographs = fetch_photographs(models.parent / "photographs", lambda _: None)
        shown = portraits(people, loaded.detector(), faces)
        with progress_bars(err) as report:
            results = evaluate_detection(loaded, shown, photographs, seed=seed, report=report)
    eyes = float(np.mean([face.inter_eye for face in shown]))
    if as_json:
        what = {"pack": pack, "faces": len(shown), "inter_eye_per_side": round(eyes, 3)}
        print(json.dumps({**what, "looks": [asdict(result) for result in results]}))
    else:
        out.print(_table(results))
        out.print(f"The distance between the eyes is {eyes:.2f} of the side of the box.")


def _table(results: Sequence[DetectionResult]) -> Table:
    columns = ("frame", "look", "ms", *(f"{side} px" for side in SIDES), "false per frame")
    table = Table(*columns, title="Faces found, by the side of their box")
    for one in results:
        shares = (f"{one.recall[side]:.0%}" for side in SIDES)
        table.add_row(one.frame, one.look, f"{one.ms:.0f}", *shares, f"{one.false_per_frame:.2f}")
    return table
