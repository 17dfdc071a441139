"""How costs grow: with faces, watchlist, cameras, partitions, workers. Each as an exponent: 0 is flat, 1 in proportion."""

import time
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from av.video.frame import VideoFrame
from lookout.vision.arrays import Image
from lookout.vision.pack import LoadedPack
from lookout_detection.settings import Settings as DetectionSettings

from lookout_cli.bench.bare_loop import BareLoop, Gallery
from lookout_cli.bench.figures import exponent
from lookout_cli.bench.peers import embed_every_face
from lookout_cli.bench.scene import BenchScene, images_of
from lookout_cli.bench.search import SearchResult
from lookout_cli.bench.stack_run import FPS, Step

_FRAMES = 20
_COLUMNS = 8
_FACE_PX = 110
_HEIGHT, _WIDTH = 720, 1280


def by_faces(
    scene: BenchScene, loaded: LoadedPack, gallery: Gallery, counts: Sequence[int]
) -> dict[str, object]:
    """Milliseconds a frame of the bare loop, and of embedding every face, at so many faces in a frame."""
    face = _face(scene, loaded)
    rows = []
    for count in counts:
        frame = _crowd(face, count)
        loop = BareLoop(loaded, gallery, fps=FPS, settings=DetectionSettings())
        result = loop.run([_as_decoded(frame)] * _FRAMES)
        began = time.perf_counter()
        embed_every_face([frame] * 3, loaded, gallery)
        naive_ms = 1000 * (time.perf_counter() - began) / 3
        rows.append(
            {
                "faces": round(result.faces / result.frames, 1),
                "tracked_ms": round(1000 * result.wall_s / result.frames, 2),
                "every_face_ms": round(naive_ms, 2),
            }
        )
    faces = [float(row["faces"]) for row in rows]
    return {
        "rows": rows,
        "tracked_exponent": exponent(faces, [row["tracked_ms"] for row in rows]),
        "every_face_exponent": exponent(faces, [row["every_face_ms"] for row in rows]),
    }


def by_watchlist(results: Sequence[SearchResult]) -> dict[str, float | None]:
    """The exponent of a search in the number enrolled, by kind of gallery and length of template."""
    found: dict[str, float | None] = {}
    for kind, dim in sorted({(one.kind, one.case.dim) for one in results}):
        ours = [one for one in results if (one.kind, one.case.dim) == (kind, dim)]
        sizes = [float(one.case.enrolled) for one in ours]
        found[f"{kind}, {dim}"] = exponent(sizes, [one.search_ms.p50 or 0.0 for one in ours])
    return found


def by_cameras(steps: Sequence[Step]) -> dict[str, float | None]:
    """The exponent of the services' processor time in the number of cameras, while nothing is shed."""
    carried = [step for step in steps if step.shed <= 0.01]
    cameras = [float(step.cameras) for step in carried]
    return {
        "processor_time": exponent(
            cameras, [step.services_cpu_s / step.seconds for step in carried]
        ),
        "kafka": exponent(cameras, [step.cpu_s["kafka"] / step.seconds for step in carried]),
    }


def by_stack(what: str, counts: Sequence[int], run: Callable[[int], Step]) -> dict[str, object]:
    """One load on stacks with so many of something: frames a second, what is shed, and processor time a frame.

    ``what`` names it in the rows. The exponents are of the frames a second, and of Kafka's time a frame.
    """
    steps = [run(count) for count in counts]
    rows: list[dict[str, object]] = [
        {
            what: count,
            "frames_per_s": round(step.frames_per_s, 2),
            "shed": round(step.shed, 4),
            "services_ms": round(1000 * step.services_cpu_s / step.looked_at, 2),
            "kafka_ms": round(1000 * step.cpu_s["kafka"] / step.looked_at, 2),
            "alert_p95_s": step.alert_s.p95,
        }
        for count, step in zip(counts, steps, strict=True)
    ]
    sizes = [float(count) for count in counts]
    return {
        "rows": rows,
        "frames_exponent": exponent(sizes, [step.frames_per_s for step in steps]),
        "kafka_exponent": exponent(sizes, [step.cpu_s["kafka"] / step.looked_at for step in steps]),
    }


def _face(scene: BenchScene, loaded: LoadedPack) -> Image:
    """A face of the footage with its surroundings, (side, side, 3) uint8 BGR."""
    detector = loaded.detector()
    best, found = None, None
    for image in images_of(scene.path):
        faces = detector.detect(image)
        for box in faces.boxes:
            width = float(box[2] - box[0])
            if best is None or width > best:
                best, found = width, (image, box)
    if found is None:
        raise ValueError("the footage shows no face")
    image, box = found
    centre = (box[:2] + box[2:]) / 2
    half = float(max(box[2:] - box[:2])) * 0.7
    low = np.clip(np.floor(centre - half), 0, None).astype(int)
    high = np.ceil(centre + half).astype(int)
    part = image[low[1] : high[1], low[0] : high[0]]
    return np.asarray(
        cv2.resize(part, (_FACE_PX, _FACE_PX), interpolation=cv2.INTER_AREA), np.uint8
    )


def _crowd(face: Image, count: int) -> Image:
    """A grey frame with so many faces in rows."""
    frame = np.full((_HEIGHT, _WIDTH, 3), 110, np.uint8)
    step = _WIDTH // _COLUMNS
    for number in range(count):
        left = (number % _COLUMNS) * step + (step - _FACE_PX) // 2
        top = (number // _COLUMNS) * (_HEIGHT // 5) + 10
        frame[top : top + _FACE_PX, left : left + _FACE_PX] = face
    return frame


def _as_decoded(image: Image) -> VideoFrame:
    """An image, (H, W, 3) uint8 BGR, as a camera's decoder gives it."""
    return VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")
