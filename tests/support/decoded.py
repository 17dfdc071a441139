"""Between pixels and the decoded frames that capture passes on, and what may be written beside pixels."""

import struct

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from lookout_capture.readings import RawFrame


def pixels_of(frame: RawFrame) -> npt.NDArray[np.uint8]:
    """What a frame's picture shows, (H, W, 3) uint8 BGR."""
    assert frame.picture is not None
    return np.asarray(frame.picture.to_ndarray(format="bgr24"), dtype=np.uint8)


def decoded(image_bgr: npt.NDArray[np.uint8]) -> VideoFrame:
    """(H, W, 3) uint8 BGR as a frame of that format."""
    return VideoFrame.from_ndarray(image_bgr, format="bgr24")


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """The same JPEG with an EXIF segment that asks for a turn."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return with_exif(jpeg, b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4))


def with_exif(jpeg: bytes, exif: bytes) -> bytes:
    """The same JPEG with an EXIF segment that holds ``exif``."""
    body = b"Exif\0\0" + exif
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]
