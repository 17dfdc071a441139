"""One picture that shows what Lookout does, for the README: the street as an operator sees it, and an alert beside it."""

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
from lookout.enrolment.person import Person
from lookout.events import Alert, Category, Response, Sighting
from lookout.vision.arrays import FloatArray, Image
from lookout.vision.boxes import clip_boxes, grow_boxes
from lookout.vision.pixelate import pixelate_faces

from lookout_cli.demo.figures import ENROLLED_PERSON
from lookout_cli.demo.footage import ENROLLED_REFERENCE, Street
from lookout_cli.demo.photographs import Photographs
from lookout_cli.people.side_by_side import side_by_side

MOMENT_S = 8.7
"""The enrolled person comes into view, two strangers are about."""

_PNG_WIDTH = 1400
_BOX = (60, 190, 250)
_AT = datetime(2026, 1, 1, 12, 0, 8, tzinfo=UTC)
# Where the face lies in the enrolled photograph, pixels: head and shoulders of it go into the picture.
_ENROLLED_BOX = np.array([[372, 91, 612, 420]], np.float32)


def still(photographs: Photographs, *, at_s: float = MOMENT_S, seed: int = 7) -> Image:
    """The street with every stranger pixelated, and the alert at the right; (560, 1716, 3) uint8 BGR.

    Raises:
        ValueError: a photograph is missing, or the enrolled person is not to be seen at that moment.
    """
    street = Street(photographs, seconds=20, seed=seed)
    frame = street.render(at_s)
    sights = street.sights(at_s)
    ours = [sight.box for sight in sights if sight.person == ENROLLED_PERSON]
    if not ours:
        raise ValueError(f"the enrolled person is not to be seen {at_s} s into the footage")
    probe = np.array(ours[:1], np.float32)
    strangers = [sight.box for sight in sights if sight.person != ENROLLED_PERSON]
    shown = pixelate_faces(frame, np.array(strangers, np.float32).reshape(-1, 4))
    # Whoever stands before a stranger stays as he is: the alert is about him.
    _restore(shown, frame, probe[0])
    seen = _jpeg(_cropped(shown, probe))
    _draw_boxes(shown, probe, np.array(strangers, np.float32).reshape(-1, 4))
    alert = side_by_side(
        _alert(),
        _person(photographs),
        seen,
        now=_AT + timedelta(seconds=1),
    )
    height = alert.shape[0]
    width = round(frame.shape[1] * height / frame.shape[0])
    left = cv2.resize(shown, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(np.hstack([left, alert]), dtype=np.uint8)


def still_png(photographs: Photographs) -> bytes:
    """The still as a PNG small enough for a repository (below 400 kB): 1,400 pixels wide, noise smoothed, 32 tones."""
    image = still(photographs)
    height = round(image.shape[0] * _PNG_WIDTH / image.shape[1])
    small = cv2.resize(image, (_PNG_WIDTH, height), interpolation=cv2.INTER_AREA)
    smooth = cv2.bilateralFilter(small, 5, 14, 3)
    tones = np.rint(np.rint(smooth.astype(np.float32) / 255 * 31) * 255 / 31).astype(np.uint8)
    _, encoded = cv2.imencode(".png", tones, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return encoded.tobytes()


def _restore(shown: Image, frame: Image, box: FloatArray) -> None:
    left, top, right, bottom = (int(value) for value in box)
    shown[top:bottom, left:right] = frame[top:bottom, left:right]


def _draw_boxes(shown: Image, ours: FloatArray, strangers: FloatArray) -> None:
    for boxes, colour, thickness in ((strangers, (200, 200, 200), 1), (ours, _BOX, 3)):
        for left, top, right, bottom in boxes.astype(int).tolist():
            cv2.rectangle(shown, (left, top), (right, bottom), colour, thickness, cv2.LINE_AA)
    left, top = ours[0, :2].astype(int).tolist()
    place = (left, top - 10)
    cv2.putText(shown, "possible match", place, cv2.FONT_HERSHEY_SIMPLEX, 0.7, _BOX, 2, cv2.LINE_AA)


def _cropped(image: Image, box: FloatArray) -> Image:
    height, width = image.shape[:2]
    grown = clip_boxes(grow_boxes(box, 0.5), width=width, height=height)[0]
    left, top, right, bottom = (int(value) for value in grown)
    return image[top:bottom, left:right]


def _jpeg(image: Image) -> bytes:
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])
    return encoded.tobytes()


def _person(photographs: Photographs) -> Person:
    picture = cv2.imread(str(photographs.enrolled), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"cannot read {photographs.enrolled}: fetch the photographs again")
    return Person(
        reference=ENROLLED_REFERENCE,
        name="",
        category=Category.MISSING_AT_RISK,
        response=Response.AMBER,
        reason="Demonstration entry",
        image_jpeg=_jpeg(_cropped(np.asarray(picture, dtype=np.uint8), _ENROLLED_BOX)),
    )


def _alert() -> Alert:
    sighting = Sighting(
        match_id="demo",
        face_id="demo",
        track_id="demo",
        camera_id="high-street-1",
        captured_at=_AT,
        score=0.0,
    )
    return Alert(
        deployment_id="demo",
        alert_id="demo",
        revision=1,
        entry_id="demo",
        category=Category.MISSING_AT_RISK,
        response=Response.AMBER,
        threshold=0.0,
        margin=None,
        captured_at=_AT,
        alerted_at=_AT,
        sightings=(sighting,),
        demonstration=True,
        thumbnail=None,
    )
