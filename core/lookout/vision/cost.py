"""What a face costs: milliseconds from its detection to its template."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter, thread_time

import cv2
import numpy as np

from lookout.vision.alignment import align_chip
from lookout.vision.arrays import Image
from lookout.vision.execution import ExecutionProvider
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

    On the CPU it is the processor time of the calling thread, in which everything is then computed: what else the
    machine does is not counted. With another provider it is the time that passes. The process must not let numerical
    libraries take more threads (`OPENBLAS_NUM_THREADS=1`); OpenCV is held to one meanwhile. The first faces warm up
    and are not counted; images without a face are skipped.

    Args:
        loaded: the pack.
        images: each of shape (H, W, 3), uint8, BGR.

    Raises:
        ValueError: fewer than four images hold a face.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        times = list(_times(loaded, images))
    finally:
        cv2.setNumThreads(threads)
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


def _times(loaded: LoadedPack, images: Iterable[Image]) -> Iterator[tuple[float, float]]:
    """Seconds for landmarks and for the template, face by face."""
    detector, refiner, embedder = loaded.detector(), loaded.refiner(), loaded.embedder()
    template = loaded.pack.embedder.template_points
    clock = thread_time if loaded.provider is ExecutionProvider.CPU else perf_counter
    for image in images:
        found = detector.detect(image)
        if len(found) == 0:
            continue
        best = found.take(np.array([0]))
        began = clock()
        landmarks = refiner.refine(image, best).landmarks[0]
        between = clock()
        embedder.embed(align_chip(image, landmarks, template, embedder.size)[None])
        yield between - began, clock() - between
