"""What FFmpeg's errors mean to whoever set a camera up."""

from typing import NamedTuple

import av
from av.error import FFmpegError

_KINDS: tuple[tuple[type[Exception], str, str], ...] = (
    (FileNotFoundError, "missing", "there is no such file: check the path"),
    (IsADirectoryError, "folder", "this is a folder: write folder:PATH"),
    (PermissionError, "forbidden", "reading is not permitted: check the file's owner and mode"),
    (av.error.HTTPUnauthorizedError, "refused", "the camera refuses the credentials"),
    (av.error.HTTPForbiddenError, "refused", "the camera refuses the credentials"),
    (av.error.HTTPNotFoundError, "missing", "the camera knows no such path"),
    (ConnectionRefusedError, "unreachable", "nothing listens there: check address and port"),
    (TimeoutError, "timeout", "no answer in time"),
    (av.error.ExitError, "timeout", "no answer in time"),
    (ValueError, "unreadable", "this is no video that can be read"),
    (OSError, "unreachable", "the connection failed: check address, port and network"),
)


class Explanation(NamedTuple):
    """What a `SourceError` is made of.

    Not the error itself: one that is kept in a variable of the frame that raises it holds that frame through its
    traceback, and with it the decoder and its threads, until the garbage collector comes by.
    """

    kind: str
    detail: str


def explain(error: FFmpegError) -> Explanation:
    """The error in our words. Raise it outside the handler: FFmpeg's holds the URL, and must not become its context."""
    for family, kind, detail in _KINDS:
        if isinstance(error, family):
            return Explanation(kind, detail)
    return Explanation("failed", f"FFmpeg says {type(error).__name__}")
