"""What others do, as users run it, on the same footage and the same machine.

Each loop looks at every face of every image, because that is what they do; Lookout follows faces and embeds a few good
shots of each. All must find the same people for a comparison to mean anything: who was found is part of the result.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
from lookout.vision.alignment import align_chip
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.embedder import Embedder
from lookout.vision.pack import LoadedPack

from lookout_cli.bench.bare_loop import Gallery
from lookout_cli.bench.scene import BenchScene, images_of

FACE_RECOGNITION = (
    "face_recognition==1.3.0",
    "face_recognition_models==0.3.0",
    "dlib-bin==20.0.1.post1",
    "numpy==2.2.6",
    "pillow==11.3.0",
    "click==8.3.0",
    "setuptools==80.9.0",
)
"""dlib-bin is dlib, built: the same code without a compiler."""

_FULL_SIDE = 4096
_INSTALL_WITHIN_S = 600
_RUN_WITHIN_S = 900


class PeerUnavailableError(Exception):
    """A peer cannot be installed or run here. Says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerResult:
    """What a loop did: ``found`` are the enrolled people it claimed to see in at least two images."""

    name: str
    frames: int
    faces: int
    wall_s: float
    cpu_s: float
    found: tuple[str, ...]

    @property
    def frames_per_s(self) -> float:
        """Frames per second of wall-clock time."""
        return self.frames / self.wall_s

    def as_json(self) -> dict[str, object]:
        """For the report."""
        return {
            "frames": self.frames,
            "faces": self.faces,
            "frames_per_s": round(self.frames_per_s, 2),
            "cpu_ms_per_frame": round(1000 * self.cpu_s / self.frames, 1),
            "found": list(self.found),
        }


def naive_loop(scene: BenchScene, loaded: LoadedPack, gallery: Gallery, most: int) -> PeerResult:
    """Lookout's own models as a script would use them: every image decoded, detected at full size, every face embedded.

    onnxruntime gets all cores, as it does by default.
    """
    cores = os.cpu_count() or 1
    whole = _at_full_size(loaded)
    return _loop(
        "naive_loop",
        islice(images_of(scene.path), most),
        _Refined(whole, cores),
        whole.embedder(threads=cores),
        loaded.pack.embedder.template_points,
        gallery,
    )


def embed_every_face(images: Iterable[Image], loaded: LoadedPack, gallery: Gallery) -> PeerResult:
    """The naive loop at Lookout's own detection size and on one thread: what following faces saves, and nothing else."""
    points = loaded.pack.embedder.template_points
    return _loop("every_face", images, _Refined(loaded, 1), loaded.embedder(), points, gallery)


def opencv_zoo_loop(
    scene: BenchScene, loaded: LoadedPack, gallery: Gallery, model: Path, most: int
) -> PeerResult:
    """OpenCV Zoo's demonstration: ``cv2.FaceDetectorYN`` at full size, and an embedder on every face.

    ``model`` is YuNet as its makers publish it. The embedder is the pack's, so that the loops differ in one thing.
    """
    images = list(islice(images_of(scene.path), most))
    height, width = images[0].shape[:2]
    detector = _Zoo(model, width, height)
    embedder = loaded.embedder(threads=os.cpu_count() or 1)
    points = loaded.pack.embedder.template_points
    return _loop("opencv_zoo", images, detector, embedder, points, gallery)


def face_recognition_loop(scene: BenchScene, cache: Path, most: int) -> PeerResult:
    """``face_recognition`` (dlib), in an environment of its own below ``cache``, over ``most`` of the images.

    They are spread over the whole footage and decoded beforehand, which is not counted.

    Raises:
        PeerUnavailableError: it cannot be installed or run.
    """
    python = _environment(cache / "face_recognition", FACE_RECOGNITION)
    script = Path(__file__).with_name("peer_face_recognition.py")
    with tempfile.TemporaryDirectory(prefix="lookout-bench-") as folder:
        array = Path(folder) / "images.npy"
        np.save(array, np.stack([image[..., ::-1] for image in _spread(scene, most)]))
        pictures = [str(row.image) for row in scene.rows]
        answer = _run([str(python), str(script), str(array), str(most), *pictures], _RUN_WITHIN_S)
    told = json.loads(answer)
    counts = zip((row.reference for row in scene.rows), told["alerted"], strict=True)
    return PeerResult(
        name="face_recognition",
        frames=told["frames"],
        faces=told["faces"],
        wall_s=told["wall_s"],
        cpu_s=told["cpu_s"],
        found=_found(Counter(dict(counts))),
    )


class _Landmarks(Protocol):
    """The landmarks of every face of an image, (N, 5, 2) float32, pixels."""

    def points(self, image: Image) -> FloatArray: ...


class _Refined:
    """The pack's own detector, and its closer looks at every face."""

    def __init__(self, loaded: LoadedPack, threads: int) -> None:
        self._detector, self._refiner = (
            loaded.detector(threads=threads),
            loaded.refiner(threads=threads),
        )

    def points(self, image: Image) -> FloatArray:
        return self._refiner.refine(image, self._detector.detect(image)).landmarks


class _Zoo:
    """OpenCV's own face detector behind Lookout's signature."""

    def __init__(self, model: Path, width: int, height: int) -> None:
        self._detector = cv2.FaceDetectorYN.create(str(model), "", (width, height), 0.6)

    def points(self, image: Image) -> FloatArray:
        # Without a face there is None, whatever OpenCV's stubs say.
        rows: npt.NDArray[Any] | None = self._detector.detect(image)[1]
        found = np.zeros((0, 15)) if rows is None else rows
        return np.asarray(found, np.float32)[:, 4:14].reshape(-1, 5, 2)


def _loop(
    name: str,
    images: Iterable[Image],
    detector: _Landmarks,
    embedder: Embedder,
    template_points: FloatArray,
    gallery: Gallery,
) -> PeerResult:
    seen: Counter[str] = Counter()
    frames = faces = 0
    began, cpu = time.perf_counter(), time.process_time()
    for image in images:
        frames += 1
        for landmarks in detector.points(image):
            chip = align_chip(image, landmarks, template_points, embedder.size)
            scores = gallery.templates @ embedder.embed(chip[None])[0]
            best = int(np.argmax(scores))
            if scores[best] >= gallery.threshold:
                seen[gallery.entries[best]] += 1
            faces += 1
    return PeerResult(
        name=name,
        frames=frames,
        faces=faces,
        wall_s=time.perf_counter() - began,
        cpu_s=time.process_time() - cpu,
        found=_found(seen),
    )


def _at_full_size(loaded: LoadedPack) -> LoadedPack:
    """The pack, with a detector that shrinks nothing."""
    spec = loaded.pack.detector
    whole = replace(spec, settings=replace(spec.settings, longest_side=_FULL_SIDE))
    return replace(loaded, pack=replace(loaded.pack, detector=whole))


def _spread(scene: BenchScene, most: int) -> list[Image]:
    images = list(images_of(scene.path))
    return images[:: max(1, len(images) // most)][:most]


def _found(seen: Counter[str]) -> tuple[str, ...]:
    return tuple(sorted(entry for entry, count in seen.items() if count > 1))


def _environment(folder: Path, requirements: Sequence[str]) -> Path:
    """An environment with exactly these packages; made once. Its Python."""
    python = folder / "bin" / "python"
    stamp = folder / "requirements.txt"
    wanted = "\n".join(requirements)
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    _run([sys.executable, "-m", "venv", "--clear", str(folder)], _INSTALL_WITHIN_S)
    _run(
        [str(python), "-m", "pip", "install", "--quiet", "--no-deps", *requirements],
        _INSTALL_WITHIN_S,
    )
    stamp.write_text(wanted)
    return python


def _run(command: Sequence[str], within_s: float) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments, no shell
            command, capture_output=True, text=True, check=False, timeout=within_s
        )
    except subprocess.TimeoutExpired as error:
        raise PeerUnavailableError(
            f"{Path(command[0]).name}: no end within {within_s:g} s"
        ) from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise PeerUnavailableError(f"{' '.join(command[:4])} …: {last}")
    return done.stdout
