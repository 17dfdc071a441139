"""The picture that a person decides on: who is enrolled at the left, who was seen at the right.

It shows no score: officers must look, and decide for reasons of their own.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from unicodedata import combining, normalize

import cv2
import numpy as np
from lookout.enrolment.person import Person
from lookout.events import Alert, Category, Response
from lookout.vision.arrays import Image

WIDTH: Final = 720
HEIGHT: Final = 560

_PANE: Final = 336
_MARGIN: Final = 16
_TOP: Final = 84
_INK = (236, 236, 236)
_FAINT = (160, 160, 160)
_GROUND = (34, 30, 28)
_BAND = {Response.RED: (48, 48, 200), Response.AMBER: (30, 150, 235), Response.GREEN: (80, 150, 60)}
_ASKED = {
    Response.RED: "RED: respond immediately",
    Response.AMBER: "AMBER: stop and check",
    Response.GREEN: "GREEN: identify only",
}
_WHY = {
    Category.WANTED_BY_COURTS: "Wanted by the courts",
    Category.SUSPECTED_OF_OFFENCE: "Suspected of an offence",
    Category.COURT_CONDITIONS: "Subject to court conditions",
    Category.MISSING_AT_RISK: "Missing, at risk",
    Category.RISK_OF_HARM: "Risk of harm",
    Category.ASSOCIATE: "Associate",
    Category.WITNESS: "Witness",
    Category.VICTIM: "Victim",
}
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    text: str
    x: int
    y: int
    size: float = 0.5
    colour: tuple[int, int, int] = _INK
    thickness: int = 1


def side_by_side(
    alert: Alert, person: Person | None, probe_jpeg: bytes | None, *, now: datetime
) -> Image:
    """The enrolled picture beside the probe, (560, 720, 3) uint8 BGR.

    A picture that is missing or does not decode is said to be missing. The age is that of the latest sighting.
    """
    canvas = np.full((HEIGHT, WIDTH, 3), _GROUND, np.uint8)
    canvas[: _TOP - 20] = _BAND[alert.response]
    _place(canvas, _MARGIN, person.image_jpeg if person else None, "no picture in this store")
    _place(canvas, WIDTH - _MARGIN - _PANE, probe_jpeg, "no picture of this sighting")
    for line in _captions(alert, person, now):
        cv2.putText(
            canvas,
            _ascii(line.text),
            (line.x, line.y),
            _FONT,
            line.size,
            line.colour,
            line.thickness,
            cv2.LINE_AA,
        )
    return canvas


def _captions(alert: Alert, person: Person | None, now: datetime) -> list[_Line]:
    right = WIDTH - _MARGIN - _PANE
    below = _TOP + _PANE
    latest = max((sighting.captured_at for sighting in alert.sightings), default=alert.captured_at)
    cameras = ", ".join(dict.fromkeys(sighting.camera_id for sighting in alert.sightings))
    seen = latest.astimezone(UTC).strftime("%H:%M:%S UTC")
    lines = [
        _Line(text="Possible match - check before you act", x=16, y=30, size=0.72, thickness=2),
        _Line(text=_ASKED[alert.response], x=16, y=54, size=0.5),
        _Line(text="ENROLLED", x=_MARGIN, y=_TOP - 4, size=0.42, colour=_FAINT),
        _Line(text="SEEN", x=right, y=_TOP - 4, size=0.42, colour=_FAINT),
        _Line(text=_cut(_title(alert, person)), x=_MARGIN, y=below + 30, size=0.6),
        _Line(text=_WHY[alert.category], x=_MARGIN, y=below + 56),
        _Line(text=f"Camera {_cut(cameras or 'unknown')}", x=right, y=below + 30, size=0.6),
        _Line(text=f"{seen}, {age_in_words(latest, now)} ago", x=right, y=below + 56),
    ]
    if person and person.reason:
        lines.append(_Line(text=_cut(person.reason, 44), x=_MARGIN, y=below + 82, colour=_FAINT))
    if alert.demonstration:
        lines.append(
            _Line(
                text="DEMONSTRATION: no authority stands behind this",
                x=right,
                y=below + 82,
                size=0.42,
            )
        )
    advice = "An alert is not an identification. Establish identity by other means."
    return [*lines, _Line(text=advice, x=_MARGIN, y=HEIGHT - 16, size=0.46, colour=_FAINT)]


def age_in_words(since: datetime, now: datetime) -> str:
    """How long ago, short: seconds below two minutes, minutes below two hours, else hours; never negative."""
    seconds = max(0, int((now - since).total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h"


def _title(alert: Alert, person: Person | None) -> str:
    if person is None:
        return f"Entry {alert.entry_id[:8]}"
    return person.name or person.reference


def _cut(text: str, longest: int = 30) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _ascii(text: str) -> str:
    """OpenCV's own font draws ASCII only: accents are dropped, other letters become question marks."""
    plain = "".join(mark for mark in normalize("NFKD", text) if not combining(mark))
    return plain.encode("ascii", "replace").decode()


def _place(canvas: Image, left: int, jpeg: bytes | None, otherwise: str) -> None:
    """Fit a picture into the square pane at ``left``, or say there that it is missing."""
    pane = canvas[_TOP : _TOP + _PANE, left : left + _PANE]
    pane[:] = (20, 18, 16)
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
    if picture is None:
        cv2.putText(pane, otherwise, (60, _PANE // 2), _FONT, 0.5, _FAINT, 1, cv2.LINE_AA)
        return
    scale = _PANE / max(picture.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    fitted = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how)[:_PANE, :_PANE]
    top, inset = (_PANE - fitted.shape[0]) // 2, (_PANE - fitted.shape[1]) // 2
    pane[top : top + fitted.shape[0], inset : inset + fitted.shape[1]] = fitted
