"""The loop of face_recognition's own webcam example, over the images of one file. Runs in an environment of its own, by path.

Every image at full size: at the example's quarter size the street's faces are too small for its detector.
"""

import json
import sys
import time

import face_recognition
import numpy as np


def main(array: str, most: int, pictures: list[str]) -> dict[str, object]:
    """Look at up to ``most`` of the images in an array file; what was found, as JSON."""
    known = [
        face_recognition.face_encodings(face_recognition.load_image_file(path))[0]
        for path in pictures
    ]
    frames = faces = 0
    alerted = [0] * len(known)
    wall_s = cpu_s = 0.0
    for image in read_images(array, most):
        began, cpu = time.perf_counter(), time.process_time()
        places = face_recognition.face_locations(image)
        for encoding in face_recognition.face_encodings(image, places):
            distances = face_recognition.face_distance(known, encoding)
            nearest = int(np.argmin(distances))
            # compare_faces' customary tolerance.
            if distances[nearest] <= 0.6:
                alerted[nearest] += 1
            faces += 1
        wall_s += time.perf_counter() - began
        cpu_s += time.process_time() - cpu
        frames += 1
    return {"frames": frames, "faces": faces, "alerted": alerted, "wall_s": wall_s, "cpu_s": cpu_s}


def read_images(path: str, most: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """The images that the caller has written as one array, (N, H, W, 3) uint8 RGB; at most so many of them."""
    images = np.load(path, mmap_mode="r")
    return [np.ascontiguousarray(image) for image in images[:most]]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])))
