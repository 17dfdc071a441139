"""From pictures to templates, exactly as an enrolment or a probe goes, and what that costs a face."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from lookout.enrolment.pictures import PictureRefusedError, read_picture
from lookout.vision.alignment import DegenerateLandmarksError, align_chip
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.boxes import box_area
from lookout.vision.detector import Detections
from lookout.vision.embedder import ModelOutputError
from lookout.vision.pack import LoadedPack
from lookout.vision.quality import measure_shot

from lookout_cli.evaluate.samples import Sample

NO_PICTURE = "unreadable"
NO_FACE = "no_face"
NO_TEMPLATE = "no_template"

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """The templates of a set of samples, in their order.

    Attributes:
        vectors: shape (N, D), float32, unit length; zero where there is none.
        acquired: shape (N,), bool: whether the sample gave a template.
        quality: shape (N,), float32: overall quality of the shot, 0 to 1; 0 where there is no template.
        failures: how many gave none, by reason.
        ms_per_face: median milliseconds of landmarks, alignment and template, on one thread; None without any face.
    """

    vectors: FloatArray
    acquired: np.ndarray[tuple[int], np.dtype[np.bool_]]
    quality: FloatArray
    failures: Counter[str]
    ms_per_face: float | None


class TemplateMaker:
    """One pack's way from a picture to a template. Models run on one thread."""

    def __init__(self, loaded: LoadedPack) -> None:
        self._detector = loaded.detector()
        self._refiner = loaded.refiner()
        self._embedder = loaded.embedder()
        self._points = loaded.pack.embedder.template_points

    @property
    def dim(self) -> int:
        """Length of a template."""
        return self._embedder.dim

    def make(self, samples: Sequence[Sample], report: Report) -> Templates:
        """Templates of all samples; blocks for tens of milliseconds a picture.

        Of several faces the one meant is the largest, weighed by how near it is to the middle of the picture.
        """
        vectors = np.zeros((len(samples), self.dim), np.float32)
        quality = np.zeros(len(samples), np.float32)
        acquired = np.zeros(len(samples), np.bool_)
        failures: Counter[str] = Counter()
        times: list[float] = []
        for index, sample in enumerate(samples):
            report(index, len(samples))
            made = self._one(sample, times)
            if isinstance(made, str):
                failures[made] += 1
                continue
            vectors[index], quality[index] = made
            acquired[index] = True
        report(len(samples), len(samples))
        return Templates(
            vectors=vectors,
            acquired=acquired,
            quality=quality,
            failures=failures,
            ms_per_face=1000 * median(times) if times else None,
        )

    def _one(self, sample: Sample, times: list[float]) -> tuple[FloatArray, float] | str:
        try:
            image = read_picture(sample.image)
        except PictureRefusedError:
            return NO_PICTURE
        found = self._detector.detect(image)
        if not len(found):
            return NO_FACE
        meant = found.take(np.array([_meant(found, image)]))
        began = time.perf_counter()
        try:
            landmarks = self._refiner.refine(image, meant).landmarks[0]
            chip = align_chip(image, landmarks, self._points, self._embedder.size)
            vector = self._embedder.embed(chip[None])[0]
        except (DegenerateLandmarksError, ModelOutputError):
            return NO_TEMPLATE
        times.append(time.perf_counter() - began)
        return vector, measure_shot(image, meant.boxes[0], meant.landmarks[0]).overall


def _meant(found: Detections, image: Image) -> int:
    """The index of the face that the picture is of."""
    height, width = image.shape[:2]
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    apart = np.linalg.norm(centres / [width, height] - 0.5, axis=1)
    return int(np.argmax(np.sqrt(box_area(found.boxes)) * (1 - apart)))
