"""What may be embedded, and what counts as a template."""

from datetime import datetime, timedelta
from enum import StrEnum

from lookout.events import Deployment, Face
from lookout.vision.arrays import FloatArray


class Skip(StrEnum):
    """Why a face was not embedded, though nothing is wrong with its record."""

    NO_AUTHORITY = "no_authority"
    STALE = "stale"
    FROM_THE_FUTURE = "from_the_future"
    SHED = "shed"
    DUPLICATE = "duplicate"
    KEY_GONE = "key_gone"


def why_skipped(
    face: Face, deployment: Deployment | None, now: datetime, freshness: timedelta
) -> Skip | None:
    """Why a face must not be opened, or None when it may; ``deployment`` is its own, if that is in force."""
    if deployment is None or face.camera_id not in deployment.cameras:
        return Skip.NO_AUTHORITY
    if not deployment.opens_at <= face.captured_at < deployment.closes_at:
        return Skip.NO_AUTHORITY
    if now - face.captured_at > freshness:
        return Skip.STALE
    if face.captured_at - now > freshness:
        return Skip.FROM_THE_FUTURE
    return None


def is_needed(face: Face, deployment: Deployment) -> bool:
    """Whether a shot may be one of those that confirm its track; later ones can only better what was seen before."""
    return face.shot <= deployment.confirm_of


def template_bytes(template: FloatArray) -> bytes:
    """A template of shape (D,) as it travels: float32, little-endian."""
    return template.astype("<f4").tobytes()
