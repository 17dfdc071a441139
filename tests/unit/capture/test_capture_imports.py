"""Capture's image holds neither numpy nor OpenCV: nothing that it does may need them."""

import subprocess
import sys
from pathlib import Path

_ALL = """
import sys
for name in ("numpy", "cv2", "onnxruntime"):
    sys.modules[name] = None  # importing it raises ImportError
"""

_STARTED = """
import lookout_capture.__main__
from lookout.hosting.platform import Platform
"""

_AT_WORK = """
import av
from datetime import UTC, datetime
from pathlib import Path
from lookout_capture.adapters.jpeg import JpegEncoder
from lookout_capture.adapters.sources import Sources
from lookout_capture.domain import CameraSpec, Pacing
from lookout_capture.readings import RawFrame

folder = Path(sys.argv[1])
grey = av.VideoFrame.from_bytes(bytes([90]) * (64 * 48 * 4), 64, 48, "rgba")
with av.open(str(folder / "a.mp4"), "w") as container:
    stream = container.add_stream("libx264", rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    stream.set_display_rotation(90)
    container.mux([*stream.encode(grey), *stream.encode()])
(folder / "pictures").mkdir()
encoder = av.CodecContext.create("png", "w")
encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = 64, 48, "rgba", 25
(folder / "pictures" / "a.png").write_bytes(bytes(encoder.encode(grey)[0]))

sources = Sources(clock=lambda: datetime.now(UTC), pacing=Pacing.AS_TAKEN)
for where, size in (("a.mp4", (48, 64)), ("pictures", (64, 48))):
    camera = CameraSpec("van-1", str(folder / where))
    (frame,) = [i for i in sources(camera).frames(lambda _: False) if isinstance(i, RawFrame)]
    image = JpegEncoder().encode(frame)
    assert (image.width, image.height) == size
    assert image.jpeg.startswith(bytes.fromhex("ffd8ff"))
"""


def _run(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _ALL + code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stderr


def test_capture_begins_without_numpy_and_opencv() -> None:
    assert _run(_STARTED) == ""


def test_capture_reads_turns_and_compresses_without_numpy_and_opencv(tmp_path: Path) -> None:
    assert _run(_AT_WORK, str(tmp_path)) == ""


def test_what_stands_in_the_way_of_numpy_and_opencv_does() -> None:
    assert "numpy" in _run("import lookout.vision.arrays")
    assert "cv2" in _run("import cv2")
