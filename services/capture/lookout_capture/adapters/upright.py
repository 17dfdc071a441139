"""Turns an image upright as its metadata ask. Cameras held sideways record a turn, and FFmpeg's decoders leave it to us."""

from fractions import Fraction

from av.filter import Graph
from av.video.frame import VideoFrame

# By quarter turns, counter-clockwise.
_FILTERS = {
    1: (("transpose", "cclock"),),
    2: (("hflip", None), ("vflip", None)),
    3: (("transpose", "clock"),),
}
_ANY = Fraction(1, 1000)


class Upright:
    """Used by one reading: what it prepares for a turn, it keeps for the next image like that."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._for: tuple[int, int, str, int] | None = None

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """The image turned by quarters, to the nearest: itself where none is to be turned, else a copy.

        Raises `FFmpegError`.
        """
        quarters = round(frame.rotation / 90) % 4
        if not quarters:
            return frame
        key = (frame.width, frame.height, frame.format.name, quarters)
        if self._graph is None or self._for != key:
            self._graph, self._for = _turning(frame, quarters), key
        self._graph.vpush(frame)
        return self._graph.vpull()


def _turning(frame: VideoFrame, quarters: int) -> Graph:
    graph = Graph()
    graph.threads = 1
    graph.link_nodes(
        graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=_ANY
        ),
        *(graph.add(name, arguments) for name, arguments in _FILTERS[quarters]),
        graph.add("buffersink"),
    ).configure()
    return graph
