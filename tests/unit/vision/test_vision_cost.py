"""What a face costs."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from lookout.vision.arrays import Image
from lookout.vision.cost import measure_ms_per_face
from lookout.vision.pack import LoadedPack


def pictures(faces: dict[str, list[Path]], count: int) -> list[Image]:
    read = [cv2.imread(str(images[0])) for images in islice(faces.values(), count)]
    return [np.asarray(image, dtype=np.uint8) for image in read if image is not None]


@pytest.mark.models
@pytest.mark.faces
def test_the_cost_of_a_face_is_that_of_its_landmarks_and_its_template(
    mobile: LoadedPack, faces: dict[str, list[Path]]
) -> None:
    cost = measure_ms_per_face(mobile, pictures(faces, 12))

    assert cost.faces == 12 - 3
    assert 0 < cost.landmarks_ms < cost.total_ms
    assert 0 < cost.template_ms < cost.total_ms


@pytest.mark.models
def test_images_without_faces_cannot_be_timed(mobile: LoadedPack) -> None:
    with pytest.raises(ValueError, match="more than 3 images with a face, but got 0"):
        measure_ms_per_face(mobile, [np.zeros((64, 64, 3), dtype=np.uint8)] * 9)
