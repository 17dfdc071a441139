"""What a face costs: milliseconds from its detection to its template."""

from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from lookout.vision.alignment import align_chip
from lookout.vision.arrays import Image
from lookout.vision.pack import LoadedPack

_WARM_UP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceCost:
    """Medians over the faces measured, milliseconds; detection of the whole image is no part of them.

    Attributes:
        landmarks_ms: refining the landmarks.
        template_ms: cutting the chip and embedding it.
        total_ms: both together, face by face.
        faces: how many were measured.
    """

    landmarks_ms: float
    template_ms: float
    total_ms: float
    faces: int


def measure_ms_per_face(loaded: LoadedPack, images: Iterable[Image]) -> FaceCost:
    """Time the best face of every image, one at a time, with one thread inside each model.

    The process must not let numerical libraries take more threads (`OPENBLAS_NUM_THREADS=1`); OpenCV's own are the
    caller's to set. The first faces warm up and are not counted; images without a face are skipped.

    Args:
        loaded: the pack.
        images: each of shape (H, W, 3), uint8, BGR.

    Raises:
        ValueError: fewer than four images hold a face.
    """
    detector, refiner, embedder = loaded.detector(), loaded.refiner(), loaded.embedder()
    template = loaded.pack.embedder.template_points
    times: list[tuple[float, float]] = []
    for image in images:
        found = detector.detect(image)
        if len(found) == 0:
            continue
        best = found.take(np.array([0]))
        began = perf_counter()
        landmarks = refiner.refine(image, best).landmarks[0]
        between = perf_counter()
        embedder.embed(align_chip(image, landmarks, template, embedder.size)[None])
        times.append((between - began, perf_counter() - between))
    if len(times) <= _WARM_UP:
        raise ValueError(
            f"timing needs more than {_WARM_UP} images with a face, but got {len(times)}"
        )
    counted = np.array(times[_WARM_UP:]) * 1000
    return FaceCost(
        landmarks_ms=float(np.median(counted[:, 0])),
        template_ms=float(np.median(counted[:, 1])),
        total_ms=float(np.median(counted.sum(axis=1))),
        faces=len(counted),
    )
