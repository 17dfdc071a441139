"""Footage for the demonstration: people walk through a street composed from free photographs.

The enrolled person passes on other photographs than the one enrolled; everyone else is a stranger. The same seed gives
the same pictures. It begins and ends on an empty street, so it can be looped.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from lookout.vision.arrays import FloatArray, Image

from lookout_cli.demo.encoding import Progress, write_mp4
from lookout_cli.demo.figures import ENROLLED_PERSON, FACE_WIDTH, Figure, cut_figures
from lookout_cli.demo.photographs import Photographs
from lookout_cli.demo.scene import HEIGHT, WIDTH, Layer, Scene, build_scene

Matrix = npt.NDArray[np.float64]
"""An affine transform, shape (2, 3)."""

ENROLLED_REFERENCE: Final = "DEMO-0001"
"""The reference under which the demonstration enrols its person."""

_CYCLE_S: Final = 20.0
"""The script's length; longer footage repeats it, shorter footage runs it faster."""

_VISIBLE = 0.6
"""Share of a face inside the picture from which a person counts as visible."""

_NOISE_SIGMA = 3.2
_NOISE_TILES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A figure's place at a time: seconds into the cycle, the face's middle in pixels, its width in pixels."""

    at: float
    x: float
    face: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One figure's way through the picture. ``lane`` 0 is behind the hedge, 1 between, 2 before the lamp post."""

    figure: str
    lane: int
    steps: tuple[Step, ...]


def _walk(figure: str, lane: int, *steps: tuple[float, float, float]) -> Walk:
    return Walk(
        figure=figure, lane=lane, steps=tuple(Step(at=at, x=x, face=face) for at, x, face in steps)
    )


SCRIPT: Final = (
    _walk("smiler", 0, (0.4, 1340, 44), (8.2, -60, 48)),
    _walk("suit", 1, (0.8, -90, 72), (3.6, 420, 84), (7.4, 1400, 118)),
    _walk("astronaut", 2, (4.2, 1460, 118), (10.4, -190, 126)),
    _walk("walker", 1, (7.0, 1330, 62), (10.2, 860, 84), (12.6, 520, 116), (15.2, -170, 150)),
    _walk("mechanic", 0, (8.2, 1340, 50), (16.4, -60, 46)),
    _walk("suit", 0, (10.4, -60, 46), (18.8, 1340, 46)),
    _walk("smiler", 1, (12.4, -90, 78), (18.6, 1400, 100)),
    _walk("speaker", 2, (15.4, -180, 142), (19.5, 1460, 158)),
)
"""The enrolled person passes twice (walker, speaker), from two photographs that are never seen together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One person's passage: from when to when at least most of the face is inside the picture, and how large it is."""

    person: str
    enrolled: bool
    begins_s: float
    ends_s: float
    smallest_face_px: float
    largest_face_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FootagePlan:
    """What the footage shows, for checking what the system makes of it. Times are seconds from its first frame."""

    path: Path
    width: int
    height: int
    fps: int
    seconds: float
    frames: int
    enrolled_reference: str
    enrolled_picture: Path
    passes: tuple[Pass, ...]

    @property
    def enrolled_passes(self) -> tuple[Pass, ...]:
        """The passes that should lead to an alert."""
        return tuple(passage for passage in self.passes if passage.enrolled)

    @property
    def strangers(self) -> frozenset[str]:
        """The people who must lead to none."""
        return frozenset(passage.person for passage in self.passes if not passage.enrolled)


def compose(
    photographs: Photographs,
    out: Path,
    *,
    seconds: float = 20,
    fps: int = 10,
    seed: int = 7,
    progress: Progress,
) -> FootagePlan:
    """Write the footage as an MP4 (H.264 where PyAV has x264, else MPEG-4) and say what it shows.

    Blocks: about a tenth of a second of one core per frame. The file appears under its name only when whole.

    Raises:
        ValueError: a photograph is missing, or there would be no frame.
    """
    frames = round(seconds * fps)
    if frames < 1:
        raise ValueError(f"footage needs at least one frame, but got {seconds} s at {fps} fps")
    street = Street(photographs, seconds=seconds, seed=seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.stem}.part.mp4")
    write_mp4(part, street.frames(frames, fps), fps=fps, total=frames, progress=progress)
    part.replace(out)
    return FootagePlan(
        path=out,
        width=WIDTH,
        height=HEIGHT,
        fps=fps,
        seconds=seconds,
        frames=frames,
        enrolled_reference=ENROLLED_REFERENCE,
        enrolled_picture=photographs.enrolled,
        passes=street.passes(frames, fps),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A face as drawn: whose, on which walk, before what (lower lanes are behind), and its box (xyxy, pixels)."""

    person: str
    walk: int
    lane: int
    box: tuple[float, float, float, float]


class Street:
    """Renders any moment of a script. Moments are independent of each other: each has its own noise."""

    def __init__(
        self,
        photographs: Photographs,
        *,
        seconds: float,
        seed: int,
        script: tuple[Walk, ...] = SCRIPT,
        script_s: float = _CYCLE_S,
    ) -> None:
        """``script_s`` is the script's length: it is repeated to fill ``seconds``, or run faster to fit."""
        self._scene: Scene = build_scene(photographs)
        self._figures = cut_figures(photographs)
        self._pyramids = {name: _pyramid(figure) for name, figure in self._figures.items()}
        self._seed = seed
        self._script, self._script_s = script, script_s
        self._cycle_s = seconds / max(1, round(seconds / script_s))
        rng = np.random.default_rng(seed)
        self._noise = [
            (rng.standard_normal((HEIGHT, WIDTH, 3), dtype=np.float32) * _NOISE_SIGMA)
            for _ in range(_NOISE_TILES)
        ]
        self._gait = rng.uniform(0, 2 * np.pi, len(script))

    def frames(self, count: int, fps: int) -> Iterator[Image]:
        """The first ``count`` frames, (720, 1280, 3) uint8 BGR."""
        for index in range(count):
            yield self.render(index / fps, noise_of=index)

    def render(self, at_s: float, *, noise_of: int = 0) -> Image:
        """The street at a moment, (720, 1280, 3) uint8 BGR; ``noise_of`` picks the sensor's noise."""
        canvas = self._scene.backdrop.copy()
        after_lane: tuple[Layer, ...] = (self._scene.hedge, self._scene.lamp, self._scene.parapet)
        for lane, layer in enumerate(after_lane):
            for index, walk in enumerate(self._script):
                step = self._step(walk, at_s)
                if walk.lane == lane and step is not None:
                    self._draw(canvas, index, step)
            canvas *= 1 - layer.alpha[..., None]
            canvas += layer.image
        self._light(canvas, at_s)
        rng = np.random.default_rng((self._seed, noise_of))
        shift = rng.integers(0, (HEIGHT, WIDTH))
        tile = self._noise[int(rng.integers(_NOISE_TILES))]
        canvas += np.roll(tile, (int(shift[0]), int(shift[1])), axis=(0, 1))
        return np.clip(canvas, 0, 255).astype(np.uint8)

    def sights(self, at_s: float) -> tuple[Sight, ...]:
        """The faces that are at least mostly inside the picture at a moment, whatever stands before them."""
        found = []
        for index, walk in enumerate(self._script):
            step = self._step(walk, at_s)
            if step is None:
                continue
            left, top = self._corner(index, step)
            right = left + step.face
            figure = self._figures[walk.figure]
            inside = max(0.0, min(right, WIDTH) - max(left, 0)) / step.face
            if inside >= _VISIBLE:
                bottom = top + figure.face_height * step.face / FACE_WIDTH
                found.append(
                    Sight(
                        person=figure.person,
                        walk=index,
                        lane=walk.lane,
                        box=(left, top, right, bottom),
                    )
                )
        return tuple(found)

    def passes(self, count: int, fps: int) -> tuple[Pass, ...]:
        """Every passage in the first ``count`` frames, by when it begins."""
        open_passes: dict[tuple[int, int], list[tuple[float, Sight]]] = {}
        for index in range(count):
            at_s = index / fps
            for sight in self.sights(at_s):
                cycle = int(at_s // self._cycle_s)
                open_passes.setdefault((cycle, sight.walk), []).append((at_s, sight))
        return tuple(
            sorted(map(_passage, open_passes.values()), key=lambda passage: passage.begins_s)
        )

    def _step(self, walk: Walk, at_s: float) -> Step | None:
        """Where a walk is at a moment, None before and after it."""
        moment = (at_s % self._cycle_s) * self._script_s / self._cycle_s
        times = [step.at for step in walk.steps]
        if not times[0] <= moment <= times[-1]:
            return None
        x = float(np.interp(moment, times, [step.x for step in walk.steps]))
        # Nearer means larger by the same factor in the same time.
        logs = np.interp(moment, times, [np.log(step.face) for step in walk.steps])
        return Step(at=moment, x=x, face=float(np.exp(logs)))

    def _corner(self, index: int, step: Step) -> tuple[float, float]:
        """The face's left and top: heads are near the horizon, nearer ones a little lower, and bob in walking."""
        bob = np.sin(step.at * 2 * np.pi * 1.7 + self._gait[index]) * 0.035 * step.face
        return step.x - step.face / 2, 190 + 0.3 * step.face + float(bob)

    def _draw(self, canvas: FloatArray, index: int, step: Step) -> None:
        walk = self._script[index]
        figure = _level(self._pyramids[walk.figure], step.face)
        left, top = self._corner(index, step)
        scale = step.face / FACE_WIDTH * self._figures[walk.figure].image.shape[1]
        scale /= figure.image.shape[1]
        lean = float(np.sin(step.at * 2 * np.pi * 0.85 + self._gait[index])) * 1.6
        matrix = cv2.getRotationMatrix2D((figure.face_left, figure.face_top), lean, scale)
        place = np.asarray(matrix, dtype=np.float64)
        place[:, 2] += np.array([left - figure.face_left, top - figure.face_top])
        _paste(canvas, figure, place, blur=_speed(walk, step) * 0.005)

    def _light(self, canvas: FloatArray, at_s: float) -> None:
        """A cloud's slow change of light over all, and the edge of a shadow that wanders across."""
        turn = 2 * np.pi * (at_s % self._cycle_s) / self._cycle_s
        canvas *= 1 + 0.13 * np.sin(turn)
        columns = np.arange(WIDTH, dtype=np.float32)
        middle = WIDTH * (0.5 + 0.75 * np.sin(turn - 0.6))
        shadow = 1 - 0.34 * np.exp(-(((columns - middle) / 230) ** 2))
        canvas *= shadow[None, :, None].astype(np.float32)


def _passage(seen: list[tuple[float, Sight]]) -> Pass:
    widths = [sight.box[2] - sight.box[0] for _, sight in seen]
    person = seen[0][1].person
    return Pass(
        person=person,
        enrolled=person == ENROLLED_PERSON,
        begins_s=seen[0][0],
        ends_s=seen[-1][0],
        smallest_face_px=min(widths),
        largest_face_px=max(widths),
    )


def _pyramid(figure: Figure) -> tuple[Figure, ...]:
    """The figure at full, half and quarter size: a warp alone would alias when it shrinks further than by half."""
    levels = [figure]
    for _ in range(2):
        above = levels[-1]
        size = (above.alpha.shape[1] // 2, above.alpha.shape[0] // 2)
        levels.append(
            Figure(
                name=figure.name,
                person=figure.person,
                image=_half(above.image, size),
                alpha=_half(above.alpha, size),
                face_left=above.face_left / 2,
                face_top=above.face_top / 2,
                face_height=above.face_height / 2,
            )
        )
    return tuple(levels)


def _half(array: FloatArray, size: tuple[int, int]) -> FloatArray:
    return np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _level(pyramid: tuple[Figure, ...], face: float) -> Figure:
    """The smallest level whose face is no smaller than wanted."""
    widths = [FACE_WIDTH / 2**level for level in range(len(pyramid))]
    return pyramid[max(level for level, width in enumerate(widths) if width >= face)]


def _paste(canvas: FloatArray, figure: Figure, matrix: Matrix, *, blur: float) -> None:
    """Draw the figure where the matrix puts it, slightly out of focus and smeared by its speed, in place."""
    high, wide = figure.alpha.shape
    corners = np.array([[0, 0], [wide, 0], [0, high], [wide, high]], np.float64)
    places = corners @ matrix[:, :2].T + matrix[:, 2]
    low = np.maximum(np.floor(places.min(0)).astype(int) - 4, 0)
    end = np.minimum(np.ceil(places.max(0)).astype(int) + 4, (WIDTH, HEIGHT))
    if np.any(end <= low):
        return
    moved = matrix.copy()
    moved[:, 2] -= low
    size = (int(end[0] - low[0]), int(end[1] - low[1]))
    image = _moved(figure.image, moved, size, blur)
    alpha = _moved(figure.alpha, moved, size, blur)
    region = canvas[low[1] : end[1], low[0] : end[0]]
    region *= 1 - alpha[..., None]
    region += image


def _moved(array: FloatArray, matrix: Matrix, size: tuple[int, int], blur: float) -> FloatArray:
    warped = cv2.warpAffine(array, matrix, size, flags=cv2.INTER_LINEAR)
    smeared = cv2.GaussianBlur(warped, (0, 0), sigmaX=0.5 + blur, sigmaY=0.5)
    return np.asarray(smeared, dtype=np.float32)


def _speed(walk: Walk, step: Step) -> float:
    """Sideways speed, pixels a second."""
    for before, after in zip(walk.steps, walk.steps[1:], strict=False):
        if step.at <= after.at:
            return abs(after.x - before.x) / (after.at - before.at)
    return 0.0
