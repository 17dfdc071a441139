"""Face detectors: an image in, boxes, scores and landmarks out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from lookout.vision.arrays import FloatArray, Image, ShapeError, require_image, require_shape
from lookout.vision.boxes import nms
from lookout.vision.contract import InputContract
from lookout.vision.errors import ModelShapeError
from lookout.vision.execution import STRIDE, DetectorSettings
from lookout.vision.sessions import ModelRunner

_PROBE_SIDE = 64
_MOST_CANDIDATES = 1_000
"""Kept before suppression: the overlap matrix stays small whatever the image shows."""


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Faces of one image, column by column, highest score first.

    Attributes:
        boxes: shape (N, 4), float32, xyxy, pixels of the image given; may reach beyond it.
        scores: shape (N,), float32, 0 to 1.
        landmarks: shape (N, 5, 2), float32, pixels; order as in `lookout.vision.alignment`.
    """

    boxes: FloatArray
    scores: FloatArray
    landmarks: FloatArray

    def __post_init__(self) -> None:
        require_shape("boxes", self.boxes, ("N", 4))
        require_shape("scores", self.scores, (len(self.boxes),))
        require_shape("landmarks", self.landmarks, (len(self.boxes), 5, 2))
        for name in ("boxes", "scores", "landmarks"):
            column = getattr(self, name)
            if column.dtype != np.float32:
                raise ShapeError(f"{name} must be float32, but got {column.dtype}")

    @classmethod
    def none(cls) -> "Detections":
        """No face."""
        empty = np.zeros(0, dtype=np.float32)
        return cls(empty.reshape(0, 4), empty, empty.reshape(0, 5, 2))

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[tuple[FloatArray, float, FloatArray]]:
        """Face by face: box (4,), score, landmarks (5, 2)."""
        for box, score, landmarks in zip(self.boxes, self.scores, self.landmarks, strict=True):
            yield box, float(score), landmarks

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Detections":
        """The faces at these indices, or where a mask of shape (N,) is true."""
        return Detections(self.boxes[rows], self.scores[rows], self.landmarks[rows])


class FaceDetector(Protocol):
    """Finds faces."""

    def detect(self, image_bgr: Image) -> Detections:
        """The faces of an image of shape (H, W, 3), uint8, BGR; blocks until done.

        Raises:
            ShapeError: the image has another shape or dtype.
        """
        ...


class YuNetDetector:
    """YuNet (OpenCV Zoo), with height and width of its input free."""

    def __init__(
        self, runner: ModelRunner, *, contract: InputContract, settings: DetectorSettings
    ) -> None:
        """Dry-run the model and check its outputs.

        Raises:
            ModelShapeError: the outputs are not YuNet's.
        """
        self._runner, self._contract, self._settings = runner, contract, settings
        widths = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
        _check_outputs(
            runner,
            contract,
            {
                f"{name}_{step}": (1, (_PROBE_SIDE // step) ** 2, width)
                for name, width in widths.items()
                for step in (8, 16, 32)
            },
        )

    def detect(self, image_bgr: Image) -> Detections:
        """See `FaceDetector.detect`."""
        require_image(image_bgr)
        canvas, scale = fit_canvas(image_bgr, self._settings.longest_side)
        outputs = self._runner.run(self._contract.tensor([canvas]))
        columns = canvas.shape[1]
        found = [self._decode(outputs, step, columns // step) for step in (8, 16, 32)]
        boxes, scores, landmarks = (np.concatenate(part) for part in zip(*found, strict=True))
        return _finish(boxes, scores, landmarks, scale=scale, settings=self._settings)

    def _decode(
        self, outputs: dict[str, FloatArray], step: int, columns: int
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Candidates of one grid, in pixels of the canvas."""
        seen = np.clip(outputs[f"cls_{step}"][0, :, 0], 0, 1)
        there = np.clip(outputs[f"obj_{step}"][0, :, 0], 0, 1)
        scores = np.sqrt(seen * there)
        cells = np.flatnonzero(scores >= self._settings.score_threshold)
        grid = np.stack([cells % columns, cells // columns], axis=1).astype(np.float32)
        raw = outputs[f"bbox_{step}"][0, cells]
        centres = (grid + raw[:, :2]) * step
        halves = np.exp(raw[:, 2:]) * (step / 2)
        boxes = np.concatenate([centres - halves, centres + halves], axis=1)
        points = outputs[f"kps_{step}"][0, cells].reshape(-1, 5, 2)
        return boxes, scores[cells], (points + grid[:, None]) * np.float32(step)


class CenterFaceDetector:
    """CenterFace, with batch, height and width of its input free."""

    _HEAT, _SCALE, _OFFSET, _POINTS = "537", "538", "539", "540"
    _STEP = 4

    def __init__(
        self, runner: ModelRunner, *, contract: InputContract, settings: DetectorSettings
    ) -> None:
        """Dry-run the model and check its outputs.

        Raises:
            ModelShapeError: the outputs are not CenterFace's.
        """
        self._runner, self._contract, self._settings = runner, contract, settings
        side = _PROBE_SIDE // self._STEP
        channels = {self._HEAT: 1, self._SCALE: 2, self._OFFSET: 2, self._POINTS: 10}
        wanted = {name: (1, count, side, side) for name, count in channels.items()}
        _check_outputs(runner, contract, wanted)

    def detect(self, image_bgr: Image) -> Detections:
        """See `FaceDetector.detect`."""
        require_image(image_bgr)
        canvas, scale = fit_canvas(image_bgr, self._settings.longest_side)
        outputs = self._runner.run(self._contract.tensor([canvas]))
        heat = outputs[self._HEAT][0, 0]
        rows, columns = np.nonzero(heat >= self._settings.score_threshold)
        # The network speaks of height before width, y before x; here it is xy throughout.
        sides = np.exp(outputs[self._SCALE][0, :, rows, columns][:, ::-1]) * self._STEP
        offset = outputs[self._OFFSET][0, :, rows, columns][:, ::-1]
        cells = np.stack([columns, rows], axis=1).astype(np.float32)
        centres = (cells + offset + np.float32(0.5)) * self._STEP
        low = centres - sides / 2
        points = outputs[self._POINTS][0, :, rows, columns].reshape(-1, 5, 2)[..., ::-1]
        return _finish(
            np.concatenate([low, low + sides], axis=1),
            heat[rows, columns],
            points * sides[:, None] + low[:, None],
            scale=scale,
            settings=self._settings,
        )


def fit_canvas(image_bgr: Image, longest_side: int) -> tuple[Image, FloatArray]:
    """Shrink an image to the detection size and pad it, at right and bottom, with black.

    Returns:
        The canvas, its sides multiples of 32, and the scale (x, y), shape (2,), that carried the
        image into it: a camera's frames, all of one size, always give the same canvas.
    """
    height, width = image_bgr.shape[:2]
    factor = min(1.0, longest_side / max(height, width))
    if factor < 1:
        new_width, new_height = max(1, round(width * factor)), max(1, round(height * factor))
        how = cv2.INTER_LINEAR if factor >= 0.5 else cv2.INTER_AREA
        image_bgr = np.asarray(
            cv2.resize(image_bgr, (new_width, new_height), interpolation=how), dtype=np.uint8
        )
    new_height, new_width = image_bgr.shape[:2]
    below, right = -new_height % STRIDE, -new_width % STRIDE
    if below or right:
        padded = cv2.copyMakeBorder(
            image_bgr, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(0, 0, 0)
        )
        image_bgr = np.asarray(padded, dtype=np.uint8)
    return image_bgr, np.array([new_width / width, new_height / height], dtype=np.float32)


def _finish(
    boxes: FloatArray,
    scores: FloatArray,
    landmarks: FloatArray,
    *,
    scale: FloatArray,
    settings: DetectorSettings,
) -> Detections:
    """Suppress duplicates and carry what is left back to the image given."""
    best = np.argsort(-scores, kind="stable")[:_MOST_CANDIDATES]
    best = best[np.isfinite(boxes[best]).all(axis=1)]
    best = best[np.isfinite(landmarks[best]).all(axis=(1, 2))]
    kept = best[nms(boxes[best], scores[best], iou_threshold=settings.nms_iou)]
    return Detections(
        np.asarray(boxes[kept] / np.tile(scale, 2), dtype=np.float32),
        np.asarray(scores[kept], dtype=np.float32),
        np.asarray(landmarks[kept] / scale, dtype=np.float32),
    )


def _check_outputs(
    runner: ModelRunner, contract: InputContract, wanted: Mapping[str, tuple[int, ...]]
) -> None:
    black = np.zeros((_PROBE_SIDE, _PROBE_SIDE, 3), dtype=np.uint8)
    got = {name: tensor.shape for name, tensor in runner.run(contract.tensor([black])).items()}
    if got != wanted:
        raise ModelShapeError(
            f"for an image of {_PROBE_SIDE} x {_PROBE_SIDE} the detector must answer {wanted},"
            f" but it answered {got}: the manifest names another kind of model"
        )
