"""What detection counts. Labels are bounded: cameras are those of deployments in force."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Metrics:
    """Counters and times of the detection service."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.frames = Counter(
            "lookout_detection_frames", "Frames looked at.", ["camera"], registry=registry
        )
        self.frames_skipped = Counter(
            "lookout_detection_frames_skipped",
            "Frames not looked at.",
            ["reason"],
            registry=registry,
        )
        self.faces_detected = Counter(
            "lookout_detection_faces_detected",
            "Faces found and followed, counted on every frame.",
            ["camera"],
            registry=registry,
        )
        self.faces_ignored = Counter(
            "lookout_detection_faces_ignored",
            "Detections that were not followed.",
            ["reason"],
            registry=registry,
        )
        self.tracks_ended = Counter(
            "lookout_detection_tracks_ended",
            "Tracks that ended: faces seen.",
            ["camera"],
            registry=registry,
        )
        self.tracks_dropped = Counter(
            "lookout_detection_tracks_dropped",
            "Live tracks forgotten because another instance took their camera over.",
            registry=registry,
        )
        self.shots_sent = Counter(
            "lookout_detection_shots_sent", "Shots sent.", ["camera"], registry=registry
        )
        self.shots_rejected = Counter(
            "lookout_detection_shots_rejected",
            "Shots that were not usable.",
            ["reason"],
            registry=registry,
        )
        self.previews = Counter(
            "lookout_detection_previews", "Previews sent.", ["camera"], registry=registry
        )
        self._stages = Histogram(
            "lookout_detection_stage_seconds",
            "Time of each step of a frame; issue and seal are of a batch.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a step."""
        began = perf_counter()
        yield
        self._stages.labels(name).observe(perf_counter() - began)
