"""Writing frames as an MP4."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from lookout.vision.arrays import Image

Progress = Callable[[int, int], None]
"""Told frames done and frames in all."""


def write_mp4(
    path: Path, frames: Iterator[Image], *, fps: int, total: int, progress: Progress
) -> None:
    """Encode frames, (H, W, 3) uint8 BGR of one size: H.264 where PyAV has x264, else MPEG-4.

    One encoder thread and a key frame a second, so that the same frames give the same file and a reader may start
    anywhere.
    """
    with av.open(str(path), "w", format="mp4") as container:
        rate = Fraction(fps)
        if "libx264" in av.codecs_available:
            fine = {"crf": "20", "preset": "veryfast"}
            stream = container.add_stream("libx264", rate=rate, options=fine)
        else:
            stream = container.add_stream("mpeg4", rate=rate)
            stream.bit_rate = 8_000_000
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = fps
        for done, image in enumerate(frames, start=1):
            if done == 1:
                stream.height, stream.width = image.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
            progress(done, total)
        container.mux(stream.encode(None))
