"""Chooses the adapter that reads a camera's kind of source."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from lookout_capture.adapters.folder import FolderSource
from lookout_capture.adapters.hardware import AUTO, OFF, choose_device
from lookout_capture.adapters.video import VideoSource
from lookout_capture.adapters.webcam import WebcamSource
from lookout_capture.domain import CameraSpec, Pacing, SourceKind
from lookout_capture.ports import FrameSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Calling it with a camera makes a source; see the adapters for what the settings mean."""

    clock: Callable[[], datetime]
    pacing: Pacing = Pacing.REAL_TIME
    fps: float | None = None
    open_timeout_s: float = 10.0
    read_timeout_s: float = 5.0
    rtsp_transport: str = "tcp"
    hardware_decoding: str = OFF
    _device: str | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Find the device that decodes. Raises `HardwareDecodingError`."""
        object.__setattr__(self, "_device", choose_device(self.hardware_decoding))

    def __call__(self, camera: CameraSpec) -> FrameSource:
        """A source of the camera's kind; a path that turns out to be a folder is read as one."""
        kind = camera.kind
        if kind is SourceKind.WEBCAM:
            return WebcamSource(camera, clock=self.clock, fps=self.fps)
        if kind is SourceKind.FOLDER or (
            kind is SourceKind.FILE and Path(camera.location).is_dir()
        ):
            return FolderSource(camera, clock=self.clock, pacing=self.pacing, fps=self.fps)
        return VideoSource(
            camera,
            clock=self.clock,
            pacing=self.pacing,
            fps=self.fps,
            open_timeout_s=self.open_timeout_s,
            read_timeout_s=self.read_timeout_s,
            rtsp_transport=self.rtsp_transport,
            device=self._device,
            strict=self.hardware_decoding not in {OFF, AUTO},
        )
