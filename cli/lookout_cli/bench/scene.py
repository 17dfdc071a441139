"""What every benchmark looks at: the demonstration's street, with two of the people in it enrolled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from lookout.enrolment.pictures import read_picture
from lookout.enrolment.source import Row
from lookout.vision.alignment import align_chip
from lookout.vision.arrays import Image
from lookout.vision.pack import LoadedPack

from lookout_cli.bench.bare_loop import Gallery
from lookout_cli.commands.demo import Footage, prepare_footage, watchlist_of
from lookout_cli.demo.encoding import write_mp4
from lookout_cli.demo.footage import Street
from lookout_cli.demo.photographs import fetch_photographs
from lookout_cli.demo.run import row_of
from lookout_cli.stack.folder import StackError
from lookout_cli.stack.local import Say

_EMPTY, _EMPTY_IMAGES = "empty-street-v2.mp4", 100
_ALSO_ENROLLED = (("BENCH-0002", "biden.jpg"),)


@dataclass(frozen=True, slots=True)
class BenchScene:
    """The footage and who is sought in it. The others in it must be forgotten."""

    footage: Footage
    rows: Sequence[Row]

    @property
    def path(self) -> Path:
        """The video file: 1280 x 720 pixels, 10 images a second, 20 s."""
        return self.footage.path


def bench_scene(say: Say) -> BenchScene:
    """Compose the street, or take it from the cache."""
    footage = prepare_footage(say)
    folder = footage.enrolled_picture.parent
    also = [row_of(reference, folder / name) for reference, name in _ALSO_ENROLLED]
    return BenchScene(footage, (*watchlist_of(footage), *also))


def empty_street(say: Say) -> Path:
    """The same street where nobody is, in a steady light: 10 s of the sensor's noise, composed once."""
    cache = Path.home() / ".cache" / "lookout"
    path = cache / "footage" / _EMPTY
    if not path.exists():
        street = Street(fetch_photographs(cache / "photographs", say), seconds=1, seed=7, script=())
        part = path.with_name(f".{path.stem}.part.mp4")
        # One moment again and again: the demonstration's light changes faster than a day's.
        images = (street.render(0.0, noise_of=number) for number in range(_EMPTY_IMAGES))
        write_mp4(part, images, fps=10, total=_EMPTY_IMAGES, progress=lambda _done, _total: None)
        part.replace(path)
    return path


def frames_of(path: Path) -> Iterator[VideoFrame]:
    """The images of a video as they are decoded, one after another, on one thread as capture does."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        yield from container.decode(stream)


def images_of(path: Path) -> Iterator[Image]:
    """The images of a video, (H, W, 3) uint8 BGR, one after another."""
    for frame in frames_of(path):
        yield np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)


def gallery_of(scene: BenchScene, loaded: LoadedPack, target_fpir: float) -> Gallery:
    """The scene's enrolled people as a matrix, made as an enrolment makes it.

    Raises:
        StackError: a picture does not show exactly one face.
    """
    detector, refiner, embedder = loaded.detector(), loaded.refiner(), loaded.embedder()
    chips = []
    for row in scene.rows:
        image = read_picture(row.image)
        found = detector.detect(image)
        if len(found) != 1:
            raise StackError(f"{row.place} shows {len(found)} faces: fetch the photographs again")
        chips.append(
            align_chip(
                image,
                refiner.refine(image, found).landmarks[0],
                loaded.pack.embedder.template_points,
                embedder.size,
            )
        )
    return Gallery(
        entries=tuple(row.reference for row in scene.rows),
        templates=embedder.embed(np.stack(chips)),
        threshold=loaded.pack.threshold(target_fpir, len(chips)),
    )
