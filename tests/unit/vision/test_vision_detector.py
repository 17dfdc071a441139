"""Decoding of detectors, on a runner that answers what the test plants."""

import numpy as np
import pytest
from lookout.vision.arrays import FloatArray, ShapeError
from lookout.vision.contract import ColourOrder, InputContract, Layout
from lookout.vision.detector import CenterFaceDetector, Detections, YuNetDetector, fit_canvas
from lookout.vision.errors import ModelShapeError
from lookout.vision.execution import DetectorSettings

BGR = InputContract(colour=ColourOrder.BGR)
SETTINGS = DetectorSettings()
BLACK = np.zeros((360, 640, 3), dtype=np.uint8)


class PlantedYuNet:
    """Answers with one planted face at cell (row, column) of a stride's grid."""

    def __init__(self, *, faces: list[tuple[int, int, int, float]]) -> None:
        self.faces = faces
        self.inputs: list[tuple[int, ...]] = []

    def run(self, tensor: FloatArray) -> dict[str, FloatArray]:
        self.inputs.append(tensor.shape)
        _, _, height, width = tensor.shape
        outputs: dict[str, FloatArray] = {}
        for step in (8, 16, 32):
            cells = (height // step) * (width // step)
            for name, columns in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
                outputs[f"{name}_{step}"] = np.zeros((1, cells, columns), dtype=np.float32)
        for step, row, column, score in self.faces:
            cell = row * (width // step) + column
            if cell < outputs[f"cls_{step}"].shape[1]:
                outputs[f"cls_{step}"][0, cell] = score
                outputs[f"obj_{step}"][0, cell] = score
                outputs[f"bbox_{step}"][0, cell] = [0.5, 0.5, np.log(4), np.log(6)]
                outputs[f"kps_{step}"][0, cell] = np.arange(10) / 10
        return outputs


class PlantedCenterFace:
    """Answers with one planted face at a cell of the stride-4 grid."""

    def __init__(self, *, row: int, column: int, score: float) -> None:
        self.row, self.column, self.score = row, column, score

    def run(self, tensor: FloatArray) -> dict[str, FloatArray]:
        _, _, height, width = tensor.shape
        plane = (height // 4, width // 4)
        heat, scale, offset, points = (
            np.zeros((1, channels, *plane), dtype=np.float32) for channels in (1, 2, 2, 10)
        )
        if self.row < plane[0] and self.column < plane[1]:
            here = (0, slice(None), self.row, self.column)
            heat[here] = self.score
            scale[here] = [np.log(15), np.log(10)]  # 60 high, 40 wide
            offset[here] = [0.25, -0.25]
            points[here] = [0.4, 0.3, 0.4, 0.7, 0.6, 0.5, 0.8, 0.35, 0.8, 0.65]  # y, x
        return {"537": heat, "538": scale, "539": offset, "540": points}


class OtherModel:
    def run(self, tensor: FloatArray) -> dict[str, FloatArray]:
        return {"logits": tensor[:, :, 0, 0]}


def test_an_image_without_faces_gives_empty_columns_of_the_right_shape() -> None:
    found = YuNetDetector(PlantedYuNet(faces=[]), contract=BGR, settings=SETTINGS).detect(BLACK)

    assert len(found) == 0
    assert (found.boxes.shape, found.landmarks.shape) == ((0, 4), (0, 5, 2))


def test_yunet_cells_become_boxes_and_landmarks_in_pixels() -> None:
    detector = YuNetDetector(
        PlantedYuNet(faces=[(16, 5, 10, 0.81)]), contract=BGR, settings=SETTINGS
    )

    ((box, score, landmarks),) = detector.detect(BLACK)

    # Centre (10.5, 5.5) cells of 16 pixels, 4 x 6 cells large.
    np.testing.assert_allclose(box, [168 - 32, 88 - 48, 168 + 32, 88 + 48], rtol=1e-5)
    assert score == pytest.approx(0.81)
    np.testing.assert_allclose(landmarks[0], [160, 80 + 1.6], rtol=1e-5)
    np.testing.assert_allclose(landmarks[4], [160 + 12.8, 80 + 14.4], rtol=1e-5)


def test_detections_are_in_pixels_of_the_image_given_not_of_the_canvas() -> None:
    runner = PlantedYuNet(faces=[(16, 5, 10, 0.9)])
    detector = YuNetDetector(runner, contract=BGR, settings=SETTINGS)
    (small,) = detector.detect(BLACK)
    (large,) = detector.detect(np.zeros((720, 1280, 3), dtype=np.uint8))

    assert runner.inputs[1:] == [(1, 3, 384, 640), (1, 3, 384, 640)]
    np.testing.assert_allclose(large[0], small[0] * 2, rtol=1e-5)
    np.testing.assert_allclose(large[2], small[2] * 2, rtol=1e-5)


def test_the_same_face_seen_twice_is_one_detection() -> None:
    runner = PlantedYuNet(faces=[(8, 10, 20, 0.7), (8, 10, 21, 0.9), (32, 9, 18, 0.8)])

    found = YuNetDetector(runner, contract=BGR, settings=SETTINGS).detect(BLACK)

    np.testing.assert_allclose(found.scores, [0.9, 0.8])


def test_faces_below_the_score_threshold_are_dropped() -> None:
    runner = PlantedYuNet(faces=[(8, 10, 20, 0.55)])

    assert len(YuNetDetector(runner, contract=BGR, settings=SETTINGS).detect(BLACK)) == 0


def test_centerface_cells_become_boxes_and_landmarks_in_pixels() -> None:
    detector = CenterFaceDetector(
        PlantedCenterFace(row=20, column=30, score=0.8), contract=BGR, settings=SETTINGS
    )

    ((box, score, landmarks),) = detector.detect(BLACK)

    centre_x, centre_y = (30 - 0.25 + 0.5) * 4, (20 + 0.25 + 0.5) * 4
    expected = [centre_x - 20, centre_y - 30, centre_x + 20, centre_y + 30]
    np.testing.assert_allclose(box, expected, rtol=1e-4)
    assert score == pytest.approx(0.8)
    np.testing.assert_allclose(landmarks[0], [box[0] + 12, box[1] + 24], rtol=1e-4)
    assert landmarks[0, 0] < landmarks[1, 0]


@pytest.mark.parametrize("kind", [YuNetDetector, CenterFaceDetector])
def test_a_model_of_another_kind_is_refused_with_wanted_and_got(
    kind: type[YuNetDetector | CenterFaceDetector],
) -> None:
    with pytest.raises(ModelShapeError, match=r"must answer .* but it answered .*logits"):
        kind(OtherModel(), contract=BGR, settings=SETTINGS)


def test_a_grey_image_is_refused() -> None:
    detector = YuNetDetector(PlantedYuNet(faces=[]), contract=BGR, settings=SETTINGS)

    with pytest.raises(ShapeError, match=r"but got uint8 of shape \(48, 64\)"):
        detector.detect(np.zeros((48, 64), dtype=np.uint8))


@pytest.mark.parametrize(
    ("height", "width", "canvas"),
    [
        (1, 1, (32, 32)),
        (250, 250, (256, 256)),  # never enlarged
        (720, 1280, (384, 640)),
        (1280, 720, (640, 384)),
        (4000, 10, (640, 32)),
    ],
)
def test_the_canvas_has_sides_of_32_and_is_never_larger_than_asked(
    height: int, width: int, canvas: tuple[int, int]
) -> None:
    image = np.full((height, width, 3), 255, dtype=np.uint8)

    fitted, scale = fit_canvas(image, 640)

    assert fitted.shape == (*canvas, 3)
    inside = fitted[: round(height * float(scale[1])), : round(width * float(scale[0]))]
    assert inside.min() == 255
    assert int(fitted.astype(bool).sum()) == inside.size


def test_columns_that_do_not_fit_together_are_refused() -> None:
    none = Detections.none()

    with pytest.raises(ShapeError, match=r"scores must have shape \(0\)"):
        Detections(none.boxes, np.zeros(2, dtype=np.float32), none.landmarks)


def test_a_detection_size_off_the_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 32, but got 600"):
        DetectorSettings(longest_side=600)


def test_the_contract_orders_colours_and_normalises() -> None:
    image = np.zeros((1, 1, 3), dtype=np.uint8)
    image[0, 0] = [10, 20, 30]
    rgb = InputContract(colour=ColourOrder.RGB, mean=(30, 20, 0), std=(1, 1, 2))

    assert BGR.tensor([image]).ravel().tolist() == [10, 20, 30]
    assert rgb.tensor([image]).ravel().tolist() == [0, 0, 5]


def test_the_contract_can_put_channels_last() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    contract = InputContract(colour=ColourOrder.BGR, layout=Layout.NHWC)

    np.testing.assert_array_equal(contract.tensor([image, image])[1], image)
