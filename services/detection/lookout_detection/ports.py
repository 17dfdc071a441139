"""What detection needs from outside: a detector, a closer look at landmarks, and how the pack wants its chips cut.

Authority, keyring, issuer and clock are the core's own ports.
"""

from dataclasses import dataclass

from lookout.vision.arrays import FloatArray, require_shape
from lookout.vision.detector import Detections, FaceDetector
from lookout.vision.landmarks import LandmarkRefiner

__all__ = ["ChipContract", "Detections", "FaceDetector", "LandmarkRefiner"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChipContract:
    """How chips are cut for the pack's embedder.

    Attributes:
        pack_sha256: the pack's identity.
        size: side of a chip, pixels.
        template: shape (5, 2), pixels of the chip, order as in `lookout.vision.alignment`.
    """

    pack_sha256: str
    size: int
    template: FloatArray

    def __post_init__(self) -> None:
        require_shape("template", self.template, (5, 2))
